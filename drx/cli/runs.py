"""`drx runs`: what was run here, newest first. Reads only, and opens no more records than it shows."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from drx.cli.elsewhere import runs_elsewhere
from drx.cli.project import load_project
from drx.cli.tables import print_table
from drx.errors import ExitCode, ForeignJournal, JournalError
from drx.files import open_regular, read_regular
from drx.reports.text import show_measured


@dataclass(frozen=True)
class Summary:
    """One run in one line."""

    run: str
    mode: str
    subject: str
    """The runbook, or the drill."""
    environment: str
    state: str
    """The verdict of a finished run; else `running`, `paused`, `unfinished`, `damaged`."""
    rta_seconds: float | None
    by: str
    """Who began it, or who has it now."""


def runs(limit: int, *, as_json: bool, in_bucket: bool = False) -> int:
    """List runs.

    A record that is damaged is listed as such, and hides no other. With `in_bucket`, those of other hosts, too.
    """
    from drx.cli.records import all_records, closed_records, of_others

    project = load_project()
    records, closed = all_records(project.records), closed_records(project.records)
    found = [_summary(record) for record in records[: -limit - 1 : -1]]
    if in_bucket:
        others = runs_elsewhere(project, {record.name for record in records}, limit)
        found += [Summary(run, "-", _subject(run), "-", "elsewhere", None, "-") for run in others]
        found = sorted(found, key=lambda each: each.run, reverse=True)[:limit]
    if as_json:
        print(json.dumps([asdict(each) for each in found], indent=2, ensure_ascii=False))
    elif found:
        rows = [
            (each.run, each.mode, each.environment, each.state, _clock(each.rta_seconds), each.by) for each in found
        ]
        print_table(("run", "mode", "where", "what came of it", "RTA", "by"), rows, folded=(0,))
    elif not closed:
        print("nothing was run here yet. Practise with: drx drill db-drop --env sandbox")
    if closed:
        print(f"not shown: {of_others(closed)}", file=sys.stderr)
    return ExitCode.OK


def _subject(run: str) -> str:
    """Read out of a run's id what was run."""
    return run[17:].rpartition("-")[0]


def _clock(seconds: float | None) -> str:
    return show_measured(timedelta(seconds=seconds)) if seconds is not None else "-"


def _summary(record: Path) -> Summary:
    try:
        report = json.loads(read_regular(record / "report.json"))["run"]
        return _finished(record, report)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return _unfinished(record)


def _finished(record: Path, report: Mapping[str, Any]) -> Summary:
    verdict, actual = report["verdict"], report["rto"]["actual"]
    by = _author(record)
    return Summary(
        str(report["run"]), str(report["mode"]), str(report["drill"] or report["runbook"]), str(report["environment"]),
        str(verdict["word"]), float(actual) if actual is not None else None, by,
    )  # fmt: skip


def _author(record: Path) -> str:
    """Read who began a run, from the first line of its journal."""
    from drx.journal import JOURNAL

    try:
        with open_regular(record / JOURNAL) as file:
            return str(json.loads(file.readline())["by"]["user"])
    except (OSError, ValueError, KeyError, TypeError):
        return "-"


def _unfinished(record: Path) -> Summary:
    from drx.engine.events import RunFinished, RunPaused, RunStarted
    from drx.journal import JOURNAL, read_journal
    from drx.journal.lock import holder_of

    try:
        events = read_journal(record / JOURNAL)
        holder = holder_of((record / JOURNAL).with_suffix(".lock"))
    except JournalError as error:
        what = "another version's" if isinstance(error, ForeignJournal) else "damaged"
        return Summary(record.name, "-", "-", "-", what, None, "-")
    started = events[0].fact if events else None
    if not isinstance(started, RunStarted):
        return Summary(record.name, "-", "-", "-", "unfinished", None, holder or "-")
    paused = isinstance(events[-1].fact, RunPaused)
    ended = any(isinstance(event.fact, RunFinished) for event in events)
    state = "running" if holder else "paused" if paused else "not reported" if ended else "unfinished"
    return Summary(
        record.name, str(started.mode), started.drill or started.runbook, started.environment, state, None,
        (holder or "").partition(",")[0] or events[-1].by.user,
    )  # fmt: skip
