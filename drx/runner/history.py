"""Look back from a run: the drills of its runbook in the folder of records, and what is proven of it. Reads only."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from drx.config import Config
from drx.engine.terms import Mode
from drx.errors import InvalidInput
from drx.files import open_regular, read_regular
from drx.journal import JOURNAL
from drx.reports.document import read_past
from drx.reports.plan.shapes import Verified
from drx.reports.shapes import RunFacts
from drx.reports.trend import LONGEST, NO_HISTORY, History, Past
from drx.runbook.load import Binder
from drx.runner.finish import LookBack
from drx.runner.record import REPORT_JSON
from drx.runner.verified import hash_of

_HEAD_BYTES = 64 * 1024


def looking_back(
    binder: Binder, config: Config, records: Path, proven: Callable[[], Mapping[str, Verified]]
) -> LookBack:
    """Give what says, once a run has ended, what came before it."""
    return lambda facts: look_back(facts, records, binder, proven, config.settings.verified_for)


def look_back(
    facts: RunFacts, records: Path, binder: Binder, proven: Callable[[], Mapping[str, Verified]], valid_for: timedelta
) -> History:
    """Say what came before a run, as far as it can be read: what is damaged elsewhere never stops a report.

    Operations have no drills to be compared with, and run so often that nobody looks for them.
    """
    if facts.mode is Mode.OPERATION:
        return NO_HISTORY
    hashed, verified = "", None
    with suppress(InvalidInput):
        hashed = hash_of(binder, facts.runbook, records.parent.parent)
        verified = proven().get(facts.runbook)
    before: list[Past] = []
    for past in newest_drills(records, facts.runbook):
        if past.run != facts.run and past.at <= facts.started:
            before.append(past)
            if len(before) == LONGEST:
                break
    before.sort(key=lambda past: (past.at, past.run))
    return History(tuple(before), hashed, verified, valid_for)


def newest_drills(records: Path, runbook: str) -> Iterator[Past]:
    """The finished drills of a runbook, newest first; what cannot be read is passed over."""
    marker = f'"runbook":"{runbook}"'.encode()
    for journal in sorted(records.glob(f"*/{JOURNAL}"), reverse=True):
        try:
            with open_regular(journal) as file:
                first = file.readline(_HEAD_BYTES)
            if marker not in first or b'"mode":"drill"' not in first:
                continue
            past = read_past(read_regular(journal.parent / REPORT_JSON))
        except (OSError, ValueError):
            continue
        if past is not None:
            yield past
