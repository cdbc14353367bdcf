"""A small journal that every test may damage."""

from datetime import date
from pathlib import Path

from drx.engine.events import (
    ActionItemAdded,
    ActionItemClosed,
    Author,
    Fact,
    NoteAdded,
    ReportWritten,
    ReviewAnswered,
    RunFinished,
    RunStarted,
    StepFailed,
    StepStarted,
    StepSucceeded,
)
from drx.engine.terms import Mode, Outcome, Part
from drx.journal import JOURNAL, Journal

BY = Author("ada", "bastion", 4711)
STARTED = RunStarted(
    "2026-11-21T0800Z-db-drop-7f3a", Mode.DRILL, "db-drop", "sandbox", True, "0.1.0", {"runbook": "ab"}
)
FACTS: tuple[Fact, ...] = (
    STARTED,
    StepStarted("restore", 1, 1, Part.WORK, {"into": "images_recovered", "limit": 3}),
    StepFailed("restore", 1, 1, Part.WORK, "no space left", lines=("größe", 'a "quoted" line')),
    StepSucceeded("restore", 1, 2, Part.WORK, {"documents": 50_000, "ratio": 0.5, "nested": [{"a": None}]}),
    RunFinished(Outcome.SUCCEEDED),
    NoteAdded("it was the cron job"),
    ReviewAnswered("What went wrong?", "the cron job"),
    ActionItemAdded("Move the cron job", "ben", date(2026, 12, 1), "What went wrong?"),
    ActionItemClosed(1, "moved"),
    ReportWritten({"report.md": "cd"}),
)


def write(directory: Path, facts: tuple[Fact, ...] = FACTS) -> Path:
    """Write a journal of these facts and give its path."""
    path = directory / JOURNAL
    with Journal.create(path, BY) as journal:
        for fact in facts:
            journal.append(fact, BY)
        journal.sync()
    return path
