"""`drx approve` and `drx note`: say something to a run from another terminal, through its inbox."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from drx.cli.project import load_project
from drx.cli.records import find_record, has_finished, newest_unfinished
from drx.errors import DrxError, ExitCode, UsageError

if TYPE_CHECKING:
    from drx.engine.events import Event
    from drx.journal.inbox import Deliverable


def approve(run: str, step: str, *, reject: bool, reason: str) -> int:
    """Agree to a step that waits for approval, or reject it.

    Raises UsageError where the step does not wait any more, or a rejection gives no reason.
    """
    from drx.engine.events import Answered
    from drx.engine.terms import Choice, QuestionKind
    from drx.journal import JOURNAL, read_journal

    if reject and not reason.strip():
        raise UsageError("a rejection needs a reason", 'Add --reason "..."')
    record = find_record(load_project().records, run)
    events = read_journal(record / JOURNAL)
    waiting = _waiting(events)
    if step not in waiting:
        others = f"What waits there now: {', '.join(waiting)}" if waiting else "Nothing waits there now"
        raise UsageError(f"'{step}' of {record.name} does not wait for anybody", others)
    choice = Choice.REJECT if reject else Choice.APPROVE
    if not reject:
        _require_counting(record, events, step)
    _place(record, Answered(step, waiting[step], QuestionKind.STEP, choice, reason=reason))
    said = "no" if reject else "yes"
    print(f"Your {said} to '{step}' is with {record.name}.")
    print("It is taken up within a second, or when the run is resumed.")
    return ExitCode.OK


def _require_counting(record: Path, events: "Sequence[Event]", step: str) -> None:
    """Refuse an approval that would not count, before anybody waits for it; whoever runs it holds it to the same.

    Raises UsageError.
    """
    from drx.accounts import this_account
    from drx.engine.approving import refusal, who_may
    from drx.engine.plan import Human
    from drx.engine.state import replay
    from drx.runner.rereading import begun

    plan = begun(record, events).plan()
    human, state, me = plan.steps[step].work, replay(plan, events), this_account()
    if isinstance(human, Human) and (reason := refusal(human, state.operators, me)):
        may = who_may(human, state.operators)
        remedy = "" if may in reason else f"Who may approve: {may}"
        raise UsageError(f"your approval of '{step}' would not count: {reason}", remedy)


def _waiting(events: "Sequence[Event]") -> dict[str, int]:
    """The steps that wait for a person as the journal has it, each with its visit."""
    from drx.engine.events import (
        AbortRequested,
        Answered,
        RunFinished,
        StepCancelled,
        StepFailed,
        StepSkipped,
        StepStarted,
        StepSucceeded,
        StepTimedOut,
        StepWaiting,
    )
    from drx.engine.terms import Choice

    waiting: dict[str, int] = {}
    for event in events:
        match event.fact:
            case StepWaiting() as fact:
                waiting[fact.step] = fact.visit
            case Answered(choice=Choice.APPROVE):
                pass  # others may have to agree too; the last one makes it a success
            case (
                Answered() | StepStarted() | StepSucceeded() | StepFailed()
                | StepTimedOut() | StepCancelled() | StepSkipped()
            ) as fact:  # fmt: skip
                waiting.pop(fact.step, None)
            case AbortRequested() | RunFinished():
                waiting.clear()
            case _:
                pass
    return waiting


def note(words: Sequence[str]) -> int:
    """Write down what was seen or done, with time and author; it stands in the report.

    `words` are the run and the text, or the text alone for the newest run that has not finished. Raises UsageError for
    more of them, an empty text, or a run that there is not.
    """
    from drx.engine.events import NoteAdded
    from drx.journal import JOURNAL
    from drx.journal.lock import holder_of

    *runs, text = words
    if len(runs) > 1:
        raise UsageError("a note is one text", 'Put it in quotes: drx note "the disk was full"')
    if not text.strip():
        raise UsageError("the note is empty", 'Write it like: drx note "the disk was full"')
    run = runs[0] if runs else None
    project = load_project()
    record = find_record(project.records, run) if run is not None else newest_unfinished(project.records)
    fact = NoteAdded(text.strip())
    if has_finished(record):
        from drx.runner.afterwards import annotate

        annotate(record, [fact], project.setting(unattended=True))
        print(f"noted for {record.name}")
        return ExitCode.OK
    _place(record, fact)
    nobody = holder_of((record / JOURNAL).with_suffix(".lock")) == ""
    later = "; nobody is at it, so it is read when the run goes on" if nobody else ""
    print(f"noted for {record.name}{later}")
    return ExitCode.OK


def _place(record: Path, fact: "Deliverable") -> None:
    from drx.journal import place

    try:
        place(record, fact)
    except OSError as error:
        raise DrxError(f"{record}: the inbox cannot be written: {error.strerror}", "Ask whoever runs it") from None
