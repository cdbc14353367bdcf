"""What a run's facts add up to. Everything that changes the state of a run stands here and in visit.py. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import assert_never

from drx.engine.events import (
    AbortRequested,
    ActionItemAdded,
    ActionItemClosed,
    Answered,
    ClockDiverged,
    ClockStarted,
    Event,
    InputGiven,
    MachineSlept,
    NoteAdded,
    NotificationFailed,
    NotificationHeld,
    NotificationSent,
    PauseRequested,
    ReportWritten,
    RetryScheduled,
    ReviewAnswered,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    SecretsRead,
    StepCancelled,
    StepFailed,
    StepIgnored,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    StepTimedOut,
    StepWaiting,
    TargetCreated,
    TargetIdentified,
    TargetLost,
)
from drx.engine.plan import CLEANUP, Plan
from drx.engine.replacing import replace
from drx.engine.terms import Choice, FailureKind, Mode, Outcome, QuestionKind
from drx.engine.visit import Status, StepFact, Visit, evolve_visit, interrupt
from drx.values import Json


@dataclass(frozen=True)
class State:
    """A run at one moment, out of its journal alone."""

    run: str = ""
    mode: Mode = Mode.INCIDENT
    unattended: bool = False
    started_at: datetime | None = None
    operators: frozenset[str] = frozenset()
    """Everybody who started or resumed the run."""
    visits: Mapping[str, tuple[Visit, ...]] = field(default_factory=dict)
    """All visits of a step, oldest first."""
    cursors: Mapping[tuple[str, int], str] = field(default_factory=dict)
    """The step at which a sequence stands, by sequence and visit of the group around it."""
    in_flight: frozenset[str] = frozenset()
    """Steps with an attempt that has started and not ended."""
    inputs: Mapping[str, Json] = field(default_factory=dict)
    clock: ClockStarted | None = None
    abort: AbortRequested | None = None
    pausing: bool = False
    stopping_since: datetime | None = None
    """When running attempts were last told to stop."""
    cleaning: bool = False
    """The cleanup has begun."""
    outcome: Outcome | None = None
    created: frozenset[tuple[str, str]] = frozenset()
    """What the run made: (target, resource)."""
    lost: frozenset[tuple[str, str]] = frozenset()
    """What the disaster took."""
    named: frozenset[str] = frozenset()
    """What a person named by typing it."""
    items: int = 0
    """How many action items there are; each is known by its place."""
    open_items: frozenset[int] = frozenset()

    def latest(self, step: str) -> Visit | None:
        """The newest visit of a step."""
        visits = self.visits.get(step)
        return visits[-1] if visits else None

    def visit(self, step: str, number: int) -> Visit | None:
        """One visit of a step; numbers start at 1."""
        visits = self.visits.get(step, ())
        return visits[number - 1] if 0 < number <= len(visits) else None

    def owner(self, plan: Plan, step: str) -> int:
        """Number of the current visit of the group around a step; 0 at the top."""
        group = plan.places[step].group
        return len(self.visits.get(group, ())) if group else 0


def replay(plan: Plan, events: Iterable[Event]) -> State:
    """Give the state after all events."""
    state = State()
    for event in events:
        state = evolve(plan, state, event)
    return state


def evolve(plan: Plan, state: State, event: Event) -> State:
    """Give the state after one more event."""
    match event.fact:
        case (
            StepStarted() | StepSucceeded() | StepFailed() | StepTimedOut() | StepCancelled()
            | StepSkipped() | StepWaiting() | RetryScheduled() | StepIgnored() | Answered()
        ) as fact:  # fmt: skip
            return _evolve_step(plan, state, fact, event)
        case RunStarted() as fact:
            return replace(
                state,
                run=fact.run,
                mode=fact.mode,
                unattended=fact.unattended,
                started_at=event.at,
                operators=frozenset({event.by.user}),
            )
        case RunResumed() as fact:
            return _resumed(state, fact, event)
        case ClockDiverged() as fact:
            return _shifted(state, timedelta(seconds=fact.seconds))
        case PauseRequested() | AbortRequested() as fact:
            return _stopping(state, fact, event)
        case RunFinished() as fact:
            return replace(state, outcome=fact.outcome)
        case InputGiven() as fact:
            return replace(state, inputs={**state.inputs, fact.name: fact.value})
        case ClockStarted() as fact:
            return replace(state, clock=fact)
        case TargetCreated() | TargetLost() as fact:
            return _with_target(state, fact)
        case ActionItemAdded() | ActionItemClosed() as fact:
            return _with_items(state, fact)
        case (
            RunPaused()
            | MachineSlept()
            | SecretsRead()
            | TargetIdentified()
            | NoteAdded()
            | ReviewAnswered()
            | NotificationSent()
            | NotificationFailed()
            | NotificationHeld()
            | ReportWritten()
        ):
            return state
        case _:
            assert_never(event.fact)


def _with_target(state: State, fact: TargetCreated | TargetLost) -> State:
    known = frozenset({(fact.target, fact.resource)})
    if isinstance(fact, TargetCreated):
        return replace(state, created=state.created | known)
    return replace(state, lost=state.lost | known)


def _with_items(state: State, fact: ActionItemAdded | ActionItemClosed) -> State:
    if isinstance(fact, ActionItemClosed):
        return replace(state, open_items=state.open_items - {fact.item})
    number = state.items + 1
    return replace(state, items=number, open_items=state.open_items | {number})


def _evolve_step(plan: Plan, state: State, fact: StepFact, event: Event) -> State:
    step = plan.steps[fact.step]
    visits = state.visits.get(fact.step, ())
    cursors, cleaning = state.cursors, state.cleaning
    if fact.visit > len(visits):
        outputs = visits[-1].outputs if visits and _not_repeated(fact) else {}
        visits = (*visits, Visit(fact.step, len(visits) + 1, order=event.seq, opened_at=event.at, outputs=outputs))
        place = plan.places[fact.step]
        cursors = {**cursors, (place.sequence, state.owner(plan, fact.step)): fact.step}
        cleaning = cleaning or place.sequence == CLEANUP
    index = fact.visit - 1
    visit = evolve_visit(step, visits[index], fact, event, pausing=state.pausing)
    in_flight = state.in_flight
    if visit.in_flight != visits[index].in_flight:
        in_flight = in_flight | {fact.step} if visit.in_flight else in_flight - {fact.step}
    return replace(
        state,
        visits={**state.visits, fact.step: (*visits[:index], visit, *visits[index + 1 :])},
        cursors=cursors,
        in_flight=in_flight,
        cleaning=cleaning,
        named=_named(state, fact),
    )


def _not_repeated(fact: StepFact) -> bool:
    """Whether a visit opens without its step running again: what the one before gave still holds."""
    return isinstance(fact, StepFailed) and fact.kind is FailureKind.REPEAT


def _named(state: State, fact: StepFact) -> frozenset[str]:
    if isinstance(fact, Answered) and fact.question is QuestionKind.NAME and fact.choice is Choice.NAMED:
        return state.named | {str(fact.value)}
    return state.named


def _stopping(state: State, fact: PauseRequested | AbortRequested, event: Event) -> State:
    if isinstance(fact, PauseRequested):
        return replace(state, pausing=True, stopping_since=event.at)
    return replace(state, abort=fact, stopping_since=event.at, visits=_cancel_idle(state.visits))


def _resumed(state: State, fact: RunResumed, event: Event) -> State:
    return replace(
        state,
        unattended=fact.unattended,
        operators=state.operators | {event.by.user},
        pausing=False,
        stopping_since=None,
        in_flight=frozenset(),
        visits={step: tuple(interrupt(visit) for visit in visits) for step, visits in state.visits.items()},
    )


def _shifted(state: State, by: timedelta) -> State:
    """Move every moment that something waits from along with the wall clock: a wait stays as long as it was."""

    def moved(at: datetime | None) -> datetime | None:
        return at + by if at else None

    return replace(
        state,
        started_at=moved(state.started_at),
        stopping_since=moved(state.stopping_since),
        visits={
            step: tuple(replace(v, began_at=moved(v.began_at), retry_at=moved(v.retry_at)) for v in visits)
            for step, visits in state.visits.items()
        },
    )


def _cancel_idle(visits: Mapping[str, tuple[Visit, ...]]) -> Mapping[str, tuple[Visit, ...]]:
    """Nobody waits, retries or decides any more; what is in flight is told to stop and says so itself."""
    idle = {Status.WAITING, Status.RETRYING, Status.RUNNING, Status.INTERRUPTED}
    return {
        step: tuple(
            replace(visit, status=Status.CANCELLED) if visit.status in idle and not visit.in_flight else visit
            for visit in all_visits
        )
        for step, all_visits in visits.items()
    }
