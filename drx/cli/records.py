"""Find the record of a run by its name. Reads only."""

from pathlib import Path
from typing import TYPE_CHECKING

from drx.errors import JournalError, UsageError

if TYPE_CHECKING:
    from drx.engine.events import RunStarted


def all_records(records: Path) -> list[Path]:
    """Every record that has a journal, oldest first."""
    from drx.journal import JOURNAL

    return sorted(path.parent for path in records.glob(f"*/{JOURNAL}"))


def find_record(records: Path, name: str) -> Path:
    """Give the record of a run, by its id, the end of its id, or the path of its folder.

    Raises UsageError where there is none, or more than one.
    """
    if "/" in name and Path(name).is_dir():
        return Path(name)
    known = all_records(records)
    matches = [path for path in known if path.name == name] or [
        path for path in known if name and path.name.endswith(name)
    ]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise UsageError(f"'{name}' means more than one run", f"Say which: {', '.join(path.name for path in matches)}")
    newest = ", ".join(path.name for path in known[-3:]) or "there are none yet"
    raise UsageError(f"there is no run '{name}' in {records}", f"The newest: {newest}")


def newest_unfinished(records: Path) -> Path:
    """Give the record of the newest run that has not finished.

    Raises UsageError where every run has.
    """
    for record in reversed(all_records(records)):
        if not has_finished(record):
            return record
    raise UsageError("no run is unfinished", "Begin one with `drx run`, or name the run you mean")


def newest_finished(records: Path) -> Path:
    """Give the record of the newest run that has finished.

    Raises UsageError where none has.
    """
    for record in reversed(all_records(records)):
        if has_finished(record):
            return record
    raise UsageError("no run has finished yet", "Begin one with `drx run`")


def has_finished(record: Path) -> bool:
    """Whether the run of a record has come to its end."""
    from drx.engine.events import RunFinished
    from drx.journal import JOURNAL, read_journal

    return any(isinstance(event.fact, RunFinished) for event in read_journal(record / JOURNAL))


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
