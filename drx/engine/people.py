"""Decide about a step that waits for a person: a script, enough approvals or a policy may answer. Pure."""

from drx.engine.approving import counted
from drx.engine.draft import Progress
from drx.engine.events import Answered, Fact, StepSkipped, StepSucceeded, StepTimedOut
from drx.engine.plan import Human, PlannedStep
from drx.engine.questions import about_step
from drx.engine.terms import Choice, FailureKind, Part, QuestionKind
from drx.engine.visit import Visit
from drx.engine.walk import Walk, failed
from drx.errors import DrxError
from drx.runbook.expressions import render
from drx.values import Json, as_json

SCRIPTED_CHOICES = {"approve": Choice.APPROVE, "reject": Choice.REJECT, "done": Choice.DONE, "skip": Choice.SKIP}
"""What a drill's `answers` may say to a confirm or an approve step; anything else says that it went wrong."""

SCRIPT = "drill script"


def waiting(here: Walk, step: PlannedStep, human: Human, visit: Visit) -> Progress:
    """Conclude the answer where nobody has to give it; else ask."""
    if step.id in here.plan.answers:
        return here.draft.record(_scripted(here, step, human, visit))
    agreed = counted(human, here.state.operators, visit.approvals)
    if human.kind == "approve" and len(agreed) >= human.approvals:
        return here.draft.record(_approved(visit, agreed))
    if here.state.unattended:
        return _unattended(here, human, visit)
    if step.timeout is not None and visit.began_at is not None:
        deadline = visit.began_at + step.timeout
        if here.draft.now >= deadline:
            return here.draft.record(StepTimedOut(step.id, visit.number, visit.attempt, Part.WORK))
        here.draft.wake(deadline)
    here.draft.questions.append(about_step(step, human, visit, here.state))
    return Progress.BUSY


def _approved(visit: Visit, people: tuple[str, ...]) -> StepSucceeded:
    outputs: dict[str, Json] = {"answer": "approve", "approved_by": list(people)}
    return StepSucceeded(visit.step, visit.number, visit.attempt, Part.WORK, outputs)


def _unattended(here: Walk, human: Human, visit: Visit) -> Progress:
    match human.unattended:
        case "skip":
            return here.draft.record(StepSkipped(visit.step, visit.number, "unattended: skip"))
        case "probe":
            return here.draft.start(visit, Part.WORK, again=True)
        case "fail":
            error = DrxError(
                f"A person has to answer: {visit.prompt}", "Run it at a terminal, or say `unattended:` in the step"
            )
            return here.draft.record(failed(visit, error, FailureKind.HUMAN_NEEDED))


def _scripted(here: Walk, step: PlannedStep, human: Human, visit: Visit) -> Fact:
    try:
        value = as_json(render(here.plan.answers[step.id], here.scope(step)))
    except DrxError as error:
        return failed(visit, error, FailureKind.EXPRESSION)
    choice = Choice.ANSWER if human.kind == "ask" else SCRIPTED_CHOICES.get(str(value), Choice.WENT_WRONG)
    if choice is Choice.APPROVE:
        return _approved(visit, (SCRIPT,))
    return Answered(step.id, visit.number, QuestionKind.STEP, choice, value, SCRIPT, scripted=True)
