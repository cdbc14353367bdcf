"""Find the record of a run by its name. Reads only."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from drx.accounts import account_name
from drx.errors import JournalError, UsageError

if TYPE_CHECKING:
    from drx.engine.events import RunStarted

_ASK = "Let a group of accounts read new records: `records: {group: NAME}` in drx.yaml"


def all_records(records: Path) -> list[Path]:
    """Every record that has a journal, oldest first."""
    from drx.journal import JOURNAL

    return sorted(path.parent for path in records.glob(f"*/{JOURNAL}"))


def find_record(records: Path, name: str) -> Path:
    """Give the record of a run, by its id, its end or its beginning, or by the path of its folder.

    Raises UsageError where there is none, more than one, or one that is for its owner alone.
    """
    from drx.runner.naming import named_run

    if "/" in name and Path(name).is_dir():
        return Path(name)
    try:
        return records / named_run([path.name for path in all_records(records)], name, str(records))
    except UsageError:
        meant = (path for path in closed_records(records) if path == records or _is_meant(path, name))
        if closed := next(meant, None):
            raise UsageError(of_others([closed]), _ASK) from None
        raise


def _is_meant(record: Path, name: str) -> bool:
    return bool(name) and (record.name.endswith(name) or record.name.startswith(name))


def closed_records(records: Path) -> list[Path]:
    """List what this account may not look into, newest first: single records, or the folder of them all."""
    try:
        inside = sorted(records.iterdir(), reverse=True)
    except PermissionError:
        return [records]
    except OSError:
        return []
    return [path for path in inside if path.is_dir() and not os.access(path, os.X_OK)]


def of_others(closed: Sequence[Path]) -> str:
    """Say whose records this account may not look into."""
    more = f", and so are {len(closed) - 1} more" if len(closed) > 1 else ""
    return f"{closed[0]} is for {account_name(closed[0].stat().st_uid)} alone{more}"


def require_open(records: Path) -> None:
    """Raise UsageError where there may be more than this account can see."""
    if closed := closed_records(records):
        raise UsageError(of_others(closed), _ASK)


def newest_unfinished(records: Path) -> Path:
    """Give the record of the newest run that has not finished.

    Raises UsageError where every run has, and JournalError where a newer one cannot be read: it may be the one that is
    meant, so that nothing else is gone on with unasked; the error names the next that has not finished.
    """
    unreadable: JournalError | None = None
    for record in reversed(all_records(records)):
        try:
            if not _is_under_way(record):
                continue
        except JournalError as error:
            unreadable = unreadable or error
            continue
        if unreadable is not None:
            raise _next_to(unreadable, f"The newest other run that has not finished is {record.name}: give its name")
        return record
    if unreadable is not None:
        raise _next_to(unreadable, "No other run is unfinished")
    require_open(records)
    raise UsageError("no run is unfinished", "Begin one with `drx run`, or name the run you mean")


def _next_to(error: JournalError, more: str) -> JournalError:
    """Say of a journal that cannot be read what else there is."""
    return type(error)(error.message, f"{error.remedy}. {more}" if error.remedy else more)


def newest_finished(records: Path) -> Path:
    """Give the record of the newest run that has finished.

    Raises UsageError where none has.
    """
    for record in reversed(all_records(records)):
        if has_finished(record):
            return record
    require_open(records)
    raise UsageError("no run has finished yet", "Begin one with `drx run`")


def has_finished(record: Path) -> bool:
    """Whether the run of a record has come to its end."""
    from drx.engine.events import RunFinished
    from drx.journal import JOURNAL, read_journal

    return any(isinstance(event.fact, RunFinished) for event in read_journal(record / JOURNAL))


def _is_under_way(record: Path) -> bool:
    """Whether a run has begun and not ended: one that was killed before its first event has nothing to go on with."""
    from drx.engine.events import RunFinished
    from drx.journal import JOURNAL, read_journal

    events = read_journal(record / JOURNAL)
    return bool(events) and not any(isinstance(event.fact, RunFinished) for event in events)


def started_in(record: Path) -> "RunStarted":
    """Give the first event of a record.

    Raises JournalError where the run ended before it was written.
    """
    from drx.engine.events import RunStarted
    from drx.journal import JOURNAL, read_journal

    events = read_journal(record / JOURNAL)
    if not events or not isinstance(events[0].fact, RunStarted):
        raise JournalError(f"{record}: the run ended before its first event was written", "Start it anew")
    return events[0].fact
