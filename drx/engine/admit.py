"""Check a fact from outside against the state before it may enter the journal. Pure."""

from drx.engine.approving import refusal
from drx.engine.events import (
    AbortRequested,
    ActionItemAdded,
    ActionItemClosed,
    Answered,
    AttemptEnded,
    Author,
    ClockDiverged,
    ClockStarted,
    Fact,
    InputGiven,
    MachineSlept,
    NoteAdded,
    Notified,
    PauseRequested,
    ReportWritten,
    ReviewAnswered,
    RunResumed,
    SecretsRead,
    StepCancelled,
    StepFailed,
    StepSucceeded,
    StepTimedOut,
    TargetCreated,
    TargetIdentified,
    TargetLost,
)
from drx.engine.plan import Human, InputSpec, Plan
from drx.engine.questions import (
    STEP_CHOICES,
    about_failure,
    about_interruption,
    about_repeat,
    has_run_before,
    needs_name,
)
from drx.engine.state import State
from drx.engine.terms import Choice, QuestionKind
from drx.engine.visit import BROKEN, Status, Visit
from drx.units import parse_duration, parse_time


def admit(plan: Plan, state: State, fact: Fact, by: Author) -> str | None:
    """Give the reason why the fact is refused, None where it may be recorded.

    Facts that decide() concludes need no check; everything from workers, prompts, signals and the inbox does.
    """
    if isinstance(fact, NoteAdded | ReviewAnswered | ActionItemAdded | ReportWritten | Notified):
        return None
    if isinstance(fact, ActionItemClosed):
        return None if fact.item in state.open_items else f"it has no open action item {fact.item}"
    if state.outcome is not None:
        return "the run has finished"
    if by.user not in state.operators and not _is_for_others(fact):
        return f"only whoever runs it may say that; {by.user} may approve, reject, write a note, or take it over"
    match fact:
        case StepSucceeded() | StepFailed() | StepTimedOut() | StepCancelled():
            return _ended(state, fact)
        case Answered():
            return _answered(plan, state, fact, by)
        case InputGiven():
            return _input(plan, state, fact)
        case AbortRequested():
            if state.abort is not None:
                return "the run is being aborted already"
            return "the steps are done; only the cleanup is left" if state.cleaning else None
        case PauseRequested():
            return "the run is being paused already" if state.pausing else None
        case (
            ClockStarted() | ClockDiverged() | MachineSlept() | RunResumed() | SecretsRead() | TargetIdentified()
            | TargetCreated() | TargetLost()
        ):  # fmt: skip
            return None
        case _:
            return f"{fact.type} is the engine's own to conclude"


def _is_for_others(fact: Fact) -> bool:
    """Whether somebody who does not run it may say so: to skip, repeat, name or abort is not for them."""
    return isinstance(fact, PauseRequested) or (
        isinstance(fact, Answered) and fact.choice in (Choice.APPROVE, Choice.REJECT)
    )


def _ended(state: State, fact: AttemptEnded) -> str | None:
    visit = state.visit(fact.step, fact.visit)
    if visit is None or not visit.in_flight or (visit.attempt, visit.part) != (fact.attempt, fact.part):
        return f"{fact.step}: attempt {fact.attempt} is not running any more"
    return None


def _answered(plan: Plan, state: State, fact: Answered, by: Author) -> str | None:
    step = plan.steps.get(fact.step)
    visit = state.latest(fact.step)
    if step is None:
        return f"there is no step '{fact.step}'"
    if visit is None or visit.number != fact.visit or not _is_open(visit, fact.question):
        return f"{fact.step} does not wait for this answer"
    if fact.question is QuestionKind.NAME:
        failure = needs_name(visit)
        named = failure is not None and fact.choice is Choice.NAMED and fact.value == failure.resource
        skipped = fact.choice is Choice.SKIP and fact.reason
        return None if named or skipped else f"type the name exactly: {failure.resource if failure else ''}"
    if fact.question is QuestionKind.STEP:
        if not isinstance(step.work, Human):
            return f"{fact.step} is not a question to a person"
        return _step_answer(state, step.work, fact, by)
    question = {
        QuestionKind.REPEAT: lambda: about_repeat(step, visit),
        QuestionKind.INTERRUPTED: lambda: about_interruption(step, visit),
    }.get(fact.question, lambda: about_failure(plan, step, visit))()
    if fact.choice not in question.choices:
        return f"'{fact.choice}' is no answer to this question"
    if fact.choice is Choice.GOTO and fact.value not in question.options:
        return f"the run cannot go on at '{fact.value}'"
    return _reason_missing(fact)


def _is_open(visit: Visit, question: QuestionKind) -> bool:
    match question:
        case QuestionKind.STEP:
            return visit.status is Status.WAITING
        case QuestionKind.INTERRUPTED:
            return visit.status is Status.INTERRUPTED
        case QuestionKind.FAILURE | QuestionKind.NAME:
            return visit.status in BROKEN
        case QuestionKind.REPEAT:
            return visit.status in BROKEN and has_run_before(visit)
        case QuestionKind.INPUT:
            return False


def _step_answer(state: State, human: Human, fact: Answered, by: Author) -> str | None:
    if fact.choice not in STEP_CHOICES[human.kind]:
        return f"'{fact.choice}' is no answer to this question"
    if fact.choice is Choice.APPROVE and (refused := refusal(human, state.operators, by.user)):
        return refused
    if fact.choice is Choice.ANSWER and human.choices and fact.value not in human.choices:
        return f"'{fact.value}' is none of: {', '.join(human.choices)}"
    return None if fact.choice is Choice.DONE else _reason_missing(fact)


def _reason_missing(fact: Answered) -> str | None:
    """Whoever skips a step, or did it by hand, has to say why: it is a deviation in the report."""
    if fact.choice in (Choice.SKIP, Choice.DONE) and not fact.reason.strip():
        return "a reason is needed"
    return None


def _input(plan: Plan, state: State, fact: InputGiven) -> str | None:
    spec = next((spec for spec in plan.inputs if spec.name == fact.name), None)
    if spec is None:
        return f"there is no input '{fact.name}'"
    if fact.name in state.inputs:
        return f"the input {fact.name} has its value already"
    return wrong_value(spec, fact.value)


def _require_integer(text: str) -> None:
    try:
        int(text)
    except ValueError:
        raise ValueError(f"'{text}' is no whole number") from None


def wrong_value(spec: InputSpec, value: object) -> str | None:
    """Say in which way a value does not fit its input; None where it fits."""
    try:
        match spec.type:
            case "datetime":
                parse_time(str(value))
            case "duration":
                parse_duration(str(value))
            case "integer":
                _require_integer(str(value))
            case "boolean" if not isinstance(value, bool):
                return f"'{value}' is neither true nor false"
            case "choice" if value not in spec.choices:
                return f"'{value}' is none of: {', '.join(spec.choices)}"
            case "text" if not str(value).strip():
                return "it may not be empty"
    except ValueError as error:
        return str(error)
    return None
