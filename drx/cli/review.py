"""`drx review`: what a run has taught, asked at its end or later, and what is to be done about it."""

import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from drx.cli.project import Project, load_project, operator
from drx.cli.records import find_record, newest_finished
from drx.errors import ExitCode, HumanNeeded, UsageError

if TYPE_CHECKING:
    from drx.runner.afterwards import Afterthought


def review(run: str | None, *, item: str, owner: str, due: str, close: int | None, reason: str) -> int:
    """Ask the questions of a run, add an action item to it, or close one.

    Raises UsageError for what does not fit together, HumanNeeded where questions are to be asked and nobody is there.
    """
    adding, closing = bool(item or owner or due), close is not None or bool(reason)
    if adding and closing:
        raise UsageError("--item adds an action item, --close closes one", "Do one after the other")
    if (adding or closing) and run is None:
        raise UsageError("an action item belongs to a run", "Name the run: drx review RUN ...")
    project = load_project()
    record = find_record(project.records, run) if run is not None else newest_finished(project.records)
    if closing:
        return _close(project, record, close, reason.strip())
    if adding:
        return _add(project, record, item.strip(), owner.strip(), due.strip())
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        remedy = 'Run it at a terminal, or add an item: drx review RUN --item "..." --owner ada --due 14d'
        raise HumanNeeded("the review asks questions, and there is no terminal", remedy)
    if not ask(project, record):
        print(f"{record.name}: its runbook has no `review:` questions")
    return ExitCode.OK


def ask(project: Project, record: Path) -> bool:
    """Ask the questions of a run that has finished, one after the other; each answer is kept at once.

    Gives whether there were any. Raises UsageError for a run that has not finished.
    """
    from drx.runner.rereading import facts_and_plan
    from drx.ui.choose import choose_prompts
    from drx.ui.interview import interview

    facts, plan = facts_and_plan(record)
    if facts.outcome is None:
        raise UsageError(f"{record.name} has not finished", f"Go on with it first: drx resume {record.name}")
    if not plan.review:
        return False
    prompts, say = choose_prompts()
    say(f"\nReview of {record.name}\nEnter skips a question, Ctrl-C leaves the rest for `drx review`.")
    for given in facts.reviews:
        say(f"{given.question} {given.answer} ({given.by})")
    try:
        for said in interview(plan.review, prompts, operator().user, today(), say):
            _annotate(project, record, said)
    except (KeyboardInterrupt, EOFError):
        print(f"The rest later: drx review {record.name}")
    return True


def today() -> date:
    """The day, in UTC as all that is recorded."""
    return datetime.now(UTC).date()


def _add(project: Project, record: Path, text: str, owner: str, due: str) -> int:
    from drx.engine.events import ActionItemAdded
    from drx.ui.interview import parse_due

    if not text:
        raise UsageError("the action item is empty", 'Say what is to be done: --item "alert when slices are missing"')
    try:
        day = parse_due(due, today())
    except ValueError as error:
        raise UsageError(f"--due: {error}", "Name a day that is to come") from None
    number = _annotate(project, record, [ActionItemAdded(text, owner or operator().user, day)])
    print(f"action item {number} of {record.name}, until {day}")
    return ExitCode.OK


def _close(project: Project, record: Path, number: int | None, reason: str) -> int:
    from drx.engine.events import ActionItemClosed

    if number is None:
        raise UsageError("--reason goes with --close", f"See what is open: drx report {record.name}")
    if not reason:
        raise UsageError("closing an action item needs a reason", 'Add --reason "the alert is live"')
    _annotate(project, record, [ActionItemClosed(number, reason)])
    print(f"action item {number} of {record.name} is closed")
    return ExitCode.OK


def _annotate(project: Project, record: Path, said: "Sequence[Afterthought]") -> int:
    """Keep what was said; gives the number of the newest action item."""
    from drx.runner.afterwards import annotate

    return len(annotate(record, said, project.setting(unattended=True)).action_items)
