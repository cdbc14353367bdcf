"""What a person is asked, in which words, with which choices. Pure."""

from collections.abc import Mapping

from drx.engine.approving import counted, refusal, who_may
from drx.engine.commands import Question
from drx.engine.events import StepFailed
from drx.engine.plan import CLEANUP, Automated, Call, Human, InputSpec, Phase, Plan, PlannedStep
from drx.engine.state import State
from drx.engine.terms import Choice, FailureKind, QuestionKind
from drx.engine.visit import Visit
from drx.units import show_duration


def about_input(spec: InputSpec) -> Question:
    """Ask for a value that the runbook needs."""
    return Question(QuestionKind.INPUT, spec.name, 0, spec.question or spec.name, (Choice.ANSWER,), spec.choices)


STEP_CHOICES: Mapping[str, tuple[Choice, ...]] = {
    "confirm": (Choice.DONE, Choice.WENT_WRONG, Choice.SKIP),
    "ask": (Choice.ANSWER, Choice.WENT_WRONG, Choice.SKIP),
    "approve": (Choice.APPROVE, Choice.REJECT),
}
"""What may be said to each kind of step that a person does."""


def about_step(step: PlannedStep, work: Human, visit: Visit, state: State) -> Question:
    """Ask whoever runs it to do, to answer or to approve something; where only others may approve, say who."""
    choices, details = STEP_CHOICES[work.kind], tuple[str, ...]()
    if work.kind == "approve":
        agreed = counted(work, state.operators, visit.approvals)
        details = (f"{len(agreed)} of {work.approvals} approvals", *agreed)
        if who := who_may(work, state.operators):
            details += (f"who may approve: {who}, by drx approve {state.run.rsplit('-')[-1]} {step.id}",)
        if all(refusal(work, state.operators, user) for user in state.operators):
            choices = (Choice.REJECT,)
    return Question(QuestionKind.STEP, step.id, visit.number, visit.prompt, choices, work.choices, details)


def about_failure(plan: Plan, step: PlannedStep, visit: Visit) -> Question:
    """Ask what follows a final failure."""
    return Question(
        QuestionKind.FAILURE,
        step.id,
        visit.number,
        f"{step.title or step.id} failed{_left_behind(step)}",
        (Choice.RETRY, Choice.GOTO, Choice.DONE, Choice.SKIP),
        goto_options(plan, step),
        failure_details(step, visit),
    )


def _left_behind(step: PlannedStep) -> str:
    """What a person should know of a failed action's traces before deciding."""
    match step.work:
        case Automated(rollback=Call()):
            return ". Abort undoes what it may have left behind"
        case Automated(call=Call(repeatable=True)):
            return ". It has no rollback; trying it again does no harm"
        case Automated():
            return ". It has no rollback and is not repeatable: find out first what it left behind"
        case _:
            return ""


def about_interruption(step: PlannedStep, visit: Visit) -> Question:
    """Ask how an attempt ended whose outcome nobody recorded."""
    text = f"{step.title or step.id} was interrupted, and nobody knows how it ended"
    choices = (Choice.DONE, Choice.RETRY, Choice.SKIP)
    return Question(
        QuestionKind.INTERRUPTED, step.id, visit.number, text, choices, details=failure_details(step, visit)
    )


def about_name(step: PlannedStep, visit: Visit, failure: StepFailed) -> Question:
    """Ask a person to type the name of what would be destroyed."""
    text = f"{step.title or step.id} would destroy {failure.resource}. Type its name to allow it"
    choices = (Choice.NAMED, Choice.SKIP)
    return Question(QuestionKind.NAME, step.id, visit.number, text, choices, (failure.resource,))


def about_repeat(step: PlannedStep, visit: Visit) -> Question:
    """Ask whether what has run before, and is not repeatable, may run again."""
    text = f"{step.title or step.id} has run before, and is not repeatable. What now?"
    choices = (Choice.SKIP, Choice.RETRY, Choice.DONE)
    return Question(QuestionKind.REPEAT, step.id, visit.number, text, choices, details=failure_details(step, visit))


def goto_options(plan: Plan, step: PlannedStep) -> tuple[str, ...]:
    """Steps of the same sequence at which the run can go on instead; never set-up or the fault again."""
    here = plan.places[step.id]
    if here.sequence == CLEANUP:
        return ()
    allowed = {Phase.PRECHECK, Phase.STEP}
    return tuple(
        other.id
        for other in plan.steps.values()
        if other.phase in allowed
        and other.id != step.id
        and plan.places[other.id].sequence == here.sequence
        and (plan.places[other.id].index < here.index or other.phase is step.phase)
    )


def failure_details(step: PlannedStep, visit: Visit) -> tuple[str, ...]:
    """What failed, the remedy, and the last lines of output."""
    failure = visit.failure
    if isinstance(failure, StepFailed):
        return tuple(line for line in (failure.error, failure.remedy, *failure.lines) if line)
    if failure is None:
        return ()
    allowed = f" ({show_duration(step.timeout)} allowed)" if step.timeout is not None else ""
    words = f"It took too long{allowed}" if failure.type == "StepTimedOut" else "It was stopped"
    return (f"{words}, did not end when told to, and may still be going on" if failure.abandoned else words,)


def failure_text(step: PlannedStep, visit: Visit) -> str:
    """The failure in one line."""
    return next(iter(failure_details(step, visit)), visit.status.value)


def needs_name(visit: Visit) -> StepFailed | None:
    """The failure, where typing a name would allow the step."""
    failure = visit.failure
    return failure if isinstance(failure, StepFailed) and failure.kind is FailureKind.NEEDS_NAME else None


def has_run_before(visit: Visit) -> bool:
    """Whether the visit stands still because its step has run before, and is not repeatable."""
    failure = visit.failure
    return isinstance(failure, StepFailed) and failure.kind is FailureKind.REPEAT
