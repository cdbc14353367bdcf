"""The state of one visit to a step, and how facts about that step change it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from drx.engine.events import (
    Answered,
    AttemptEnded,
    Event,
    RetryScheduled,
    StepCancelled,
    StepFailed,
    StepIgnored,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    StepTimedOut,
    StepWaiting,
)
from drx.engine.plan import Automated, PlannedStep, call_of
from drx.engine.replacing import replace
from drx.engine.terms import Choice, FailureKind, Part
from drx.values import Json


class Status(StrEnum):
    """Where a visit stands."""

    PENDING = "pending"
    RUNNING = "running"
    RETRYING = "retrying"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    IGNORED = "ignored"
    TIMED_OUT = "timed_out"
    SKIPPED = "skipped"
    REJECTED = "rejected"
    INTERRUPTED = "interrupted"
    CANCELLED = "cancelled"
    ROLLED_BACK = "rolled_back"


SETTLED = frozenset({Status.SUCCEEDED, Status.SKIPPED, Status.IGNORED})
"""The sequence goes on after these."""

BROKEN = frozenset({Status.FAILED, Status.TIMED_OUT, Status.REJECTED, Status.CANCELLED})
"""Something has to be decided after these."""


class Undo(StrEnum):
    """Where the rollback of a visit stands."""

    NONE = "none"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Visit:
    """One time that the run came to a step; `goto` and a repeated group make further visits."""

    step: str
    number: int
    order: int
    """Sequence number of the event that opened it."""
    opened_at: datetime
    status: Status = Status.PENDING
    attempt: int = 0
    part: Part = Part.WORK
    """The part under way, due or last done."""
    in_flight: bool = False
    """An attempt has started and not ended."""
    began_at: datetime | None = None
    """When the newest attempt, or the waiting, began."""
    ended_at: datetime | None = None
    outputs: Mapping[str, Json] = field(default_factory=dict)
    failure: StepFailed | StepTimedOut | StepCancelled | None = None
    retry_at: datetime | None = None
    goto: str | None = None
    work_done: bool = False
    """The newest attempt's work has succeeded; only its verification may be open."""
    affected: bool = False
    """Its work has started at least once: there may be something to roll back."""
    deciding: bool = False
    """The verify probe under way decides an interrupted attempt."""
    disproved: bool = False
    """The verify probe found that the interrupted attempt did not do its work."""
    undo: Undo = Undo.NONE
    prompt: str = ""
    """What a person was asked."""
    approvals: tuple[str, ...] = ()
    """Who agreed, each once."""


StepFact = StepStarted | AttemptEnded | StepSkipped | StepWaiting | RetryScheduled | StepIgnored | Answered


def evolve_visit(step: PlannedStep, visit: Visit, fact: StepFact, event: Event, *, pausing: bool) -> Visit:
    """Give the visit as it is after the fact."""
    match fact:
        case StepStarted():
            return _started(step, visit, fact, event.at)
        case StepSucceeded() | StepFailed() | StepTimedOut() | StepCancelled():
            ended = replace(visit, in_flight=False, ended_at=event.at)
            return _ended(step, ended, fact, pausing=pausing)
        case StepSkipped():
            return replace(visit, status=Status.SKIPPED, ended_at=event.at)
        case StepWaiting():
            return replace(
                visit, status=Status.WAITING, began_at=event.at, prompt=fact.prompt, failure=None, approvals=()
            )
        case RetryScheduled():
            return replace(visit, status=Status.RETRYING, retry_at=fact.retry_at)
        case StepIgnored():
            return replace(visit, status=Status.IGNORED, goto=fact.goto)
        case Answered():
            return _answered(visit, fact, event)


def interrupt(visit: Visit) -> Visit:
    """Give the visit as a process that resumes the run finds it: what was under way has an unknown outcome."""
    if not visit.in_flight:
        return visit
    if visit.part is Part.ROLLBACK:
        return replace(visit, in_flight=False, undo=Undo.INTERRUPTED)
    return replace(visit, in_flight=False, status=Status.INTERRUPTED)


def _started(step: PlannedStep, visit: Visit, fact: StepStarted, at: datetime) -> Visit:
    visit = replace(visit, part=fact.part, attempt=fact.attempt, in_flight=True, began_at=at, ended_at=None)
    match fact.part:
        case Part.ROLLBACK:
            return replace(visit, undo=Undo.RUNNING)
        case Part.VERIFY:
            decides = visit.deciding or (visit.status is Status.INTERRUPTED and not visit.work_done)
            return replace(visit, status=Status.RUNNING, deciding=decides)
        case Part.WORK:
            return replace(
                visit,
                status=Status.RUNNING,
                affected=visit.affected or isinstance(step.work, Automated),
                in_flight=not step.is_group,
                failure=None,
                work_done=False,
                deciding=False,
                disproved=False,
            )


def _ended(step: PlannedStep, visit: Visit, fact: AttemptEnded, *, pausing: bool) -> Visit:
    if fact.part is Part.ROLLBACK:
        return _rolled_back(visit, fact, pausing=pausing)
    if isinstance(fact, StepCancelled) and pausing:
        return replace(visit, status=Status.INTERRUPTED)
    if isinstance(fact, StepSucceeded):
        outputs = visit.outputs if fact.part is Part.VERIFY and not visit.deciding else fact.outputs
        visit = replace(visit, outputs=outputs, work_done=True)
        if fact.part is Part.WORK and call_of(step, Part.VERIFY):
            return replace(visit, part=Part.VERIFY)
        return replace(visit, status=Status.SUCCEEDED, deciding=False)
    if visit.deciding:
        return replace(visit, status=Status.INTERRUPTED, part=Part.WORK, deciding=False, disproved=True, failure=fact)
    status = {StepFailed: Status.FAILED, StepTimedOut: Status.TIMED_OUT, StepCancelled: Status.CANCELLED}[type(fact)]
    return replace(visit, status=status, failure=fact)


def _rolled_back(visit: Visit, fact: AttemptEnded, *, pausing: bool) -> Visit:
    if isinstance(fact, StepSucceeded):
        return replace(visit, undo=Undo.DONE, status=Status.ROLLED_BACK)
    if isinstance(fact, StepCancelled) and pausing:
        return replace(visit, undo=Undo.INTERRUPTED)
    return replace(visit, undo=Undo.FAILED)


def _answered(visit: Visit, fact: Answered, event: Event) -> Visit:
    match fact.choice:
        case Choice.DONE:
            return replace(visit, status=Status.SUCCEEDED, ended_at=event.at, failure=None)
        case Choice.ANSWER:
            return replace(visit, status=Status.SUCCEEDED, ended_at=event.at, outputs={"answer": fact.value})
        case Choice.SKIP:
            return replace(visit, status=Status.SKIPPED, ended_at=event.at)
        case Choice.APPROVE:
            return replace(visit, approvals=tuple(dict.fromkeys((*visit.approvals, event.by.user))))
        case Choice.WENT_WRONG | Choice.REJECT:
            return _said_no(visit, fact, event)
        case Choice.RETRY | Choice.NAMED:
            return replace(visit, status=Status.RETRYING, retry_at=event.at)
        case Choice.GOTO:
            return replace(visit, status=Status.IGNORED, goto=str(fact.value))


def _said_no(visit: Visit, fact: Answered, event: Event) -> Visit:
    rejected = fact.choice is Choice.REJECT
    error = f"{event.by.user} {'rejected it' if rejected else 'says that it went wrong'}"
    failure = StepFailed(
        step=visit.step,
        visit=visit.number,
        attempt=visit.attempt,
        part=Part.WORK,
        error=f"{error}: {fact.reason}" if fact.reason else error,
        kind=FailureKind.WENT_WRONG,
    )
    status = Status.REJECTED if rejected else Status.FAILED
    return replace(visit, status=status, failure=failure, ended_at=event.at)
