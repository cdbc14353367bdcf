"""`drx show`: look at a run, also while another process goes on with it. Reads only."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from drx.cli.elsewhere import elsewhere, fetch_again
from drx.cli.project import load_project
from drx.cli.records import all_records, find_record, require_open
from drx.engine.events import Event, RunFinished
from drx.errors import ExitCode, UsageError
from drx.journal import JOURNAL
from drx.journal.following import Following
from drx.journal.lock import holder_of
from drx.runner.rereading import begun, facts_of
from drx.ui.port import Reply, Ui

if TYPE_CHECKING:
    from drx.runner.fetching import Fetching

_LOOK_SECONDS = 0.25
_FETCH_SECONDS = 1.0


def show(run: str | None, *, follow: bool, as_json: bool) -> int:
    """Show the events of a run as they were shown to whoever ran it; with `follow`, those that come, to its end.

    Raises UsageError where there is no such run, JournalError for a damaged record.
    """
    project = load_project()
    fetching = None
    try:
        record = find_record(project.records, run) if run else _newest(project.records)
    except UsageError:
        fetching = elsewhere(project, run)
        if fetching is None:
            raise
        record = fetching.record
    ui = project.ui(unattended=True, as_json=as_json, watching=follow)
    try:
        return _look(record, ui, fetching, follow=follow, as_json=as_json)
    finally:
        ui.close()


def _look(record: Path, ui: Ui, fetching: "Fetching | None", *, follow: bool, as_json: bool) -> int:
    journal = Following(record / JOURNAL)
    events = journal.events()
    ui.begin(begun(record, events).plan())
    _show(ui, events)
    while follow and not _ended(events):
        ui.ask((), _nobody)
        time.sleep(_LOOK_SECONDS if fetching is None else _FETCH_SECONDS)
        if fetching is not None:
            fetch_again(fetching, ui)
        new = journal.events()
        _show(ui, new)
        events += new
    ui.close()
    if _ended(events):
        _verdict(ui, record)
    elif fetching is not None:
        ui.say("it goes on elsewhere, or was left there; this is what has been copied so far")
    elif not as_json:
        holder = holder_of((record / JOURNAL).with_suffix(".lock"))
        ui.say(_whereabouts(record, holder))
    return ExitCode.OK


def _nobody(reply: Reply) -> None:
    """Whoever looks on decides nothing."""


def _newest(records: Path) -> Path:
    found = all_records(records)
    if not found:
        require_open(records)
        raise UsageError(f"there is no run in {records}", "Begin one with `drx run`, or practise with `drx drill`")
    return found[-1]


def _show(ui: Ui, events: list[Event]) -> None:
    for event in events:
        ui.show(event)


def _whereabouts(record: Path, holder: str | None) -> str:
    if holder is None:
        return "it has not finished; whether somebody is at it, only the account that runs it can see"
    return f"goes on: {holder}" if holder else f"nobody is at it. Go on with: drx resume {record.name}"


def _ended(events: list[Event]) -> bool:
    return any(isinstance(event.fact, RunFinished) for event in events)


def _verdict(ui: Ui, record: Path) -> None:
    from drx.runner.finish import show_verdict

    show_verdict(facts_of(record), record, ui)
