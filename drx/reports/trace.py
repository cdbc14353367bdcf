"""See a run as a tree of spans, as tracing shows it: the run, its steps, what happened in each. Pure; it sends nothing.

Everything comes from the events, so that a run which was resumed is one trace, gaps and all. Neither the parameters of
a step nor its outputs are in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drx.engine.events import (
    AbortRequested,
    Answered,
    ClockDiverged,
    ClockStarted,
    Event,
    MachineSlept,
    PauseRequested,
    RetryScheduled,
    RunResumed,
    StepCancelled,
    StepFailed,
    StepIgnored,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    StepTimedOut,
    StepWaiting,
)
from drx.engine.plan import Plan, call_of
from drx.engine.terms import Outcome, Part
from drx.engine.visit import BROKEN, Status
from drx.reports.shapes import Objective, RunFacts, Scalar, StepTiming

Attributes = Mapping[str, Scalar]
Key = tuple[str, int, bool]
"""A step, its visit, and whether it is the rollback."""


@dataclass(frozen=True)
class Moment:
    """Something that happened at one time."""

    name: str
    at: datetime
    attributes: Attributes


@dataclass(frozen=True)
class Stretch:
    """The run, or one visit to a step."""

    name: str
    parent: int | None
    """Position of what it is part of; none for the run itself, which comes first."""
    began: datetime
    ended: datetime
    attributes: Attributes
    moments: tuple[Moment, ...] = ()
    error: str | None = None
    """Why it failed; none where it did not."""


def trace_of(plan: Plan, service: str, facts: RunFacts, events: Sequence[Event]) -> tuple[Stretch, ...]:
    """Give a run that has ended as spans: the run first, then every visit in the order in which they began."""
    moments: dict[Key | None, list[Moment]] = {}
    for event in events:
        for key, moment in _moment(event):
            moments.setdefault(key, []).append(moment)
    stretches = [_run(service, facts, moments.get(None, []))]
    places: dict[str, int] = {}
    for position, step in enumerate(facts.steps, 1):
        group = plan.places[step.step].group
        parent = 0 if group is None else places.get(group, 0)
        key = (step.step, step.visit, step.rollback)
        stretches.append(_step(plan, step, parent, facts.ended, moments.get(key, [])))
        places[step.step] = position
    return tuple(stretches)


def _run(service: str, facts: RunFacts, moments: Sequence[Moment]) -> Stretch:
    attributes: dict[str, Scalar] = {
        "drx.run": facts.run,
        "drx.mode": facts.mode,
        "drx.runbook": facts.runbook,
        "drx.title": facts.title,
        "drx.environment": facts.environment,
        "drx.service": service,
        "drx.unattended": facts.evidence.unattended,
        "drx.outcome": facts.outcome or "",
        "drx.verdict": facts.verdict.word,
        "drx.objective_missed": facts.objective_missed,
        **({"drx.drill": facts.drill} if facts.drill else {}),
        **dict(_objective("rto", "rta", facts.rto)),
        **dict(_objective("rpo", "rpa", facts.rpo)),
    }
    error = None if facts.outcome is Outcome.SUCCEEDED else facts.verdict.reason or facts.verdict.word
    name = f"drill {facts.drill}" if facts.drill else facts.runbook
    return Stretch(name, None, facts.started, facts.ended, attributes, tuple(moments), error)


def _objective(promised: str, measured: str, objective: Objective) -> Iterator[tuple[str, Scalar]]:
    if objective.target is not None:
        yield f"drx.{promised}_seconds", objective.target.total_seconds()
    if objective.actual is not None:
        yield f"drx.{measured}_seconds", objective.actual.total_seconds()


def _step(plan: Plan, step: StepTiming, parent: int, end: datetime, moments: Sequence[Moment]) -> Stretch:
    call = call_of(plan.steps[step.step], Part.ROLLBACK if step.rollback else Part.WORK)
    attributes: dict[str, Scalar] = {
        "drx.step": step.step,
        "drx.title": step.title,
        "drx.phase": step.phase,
        "drx.visit": step.visit,
        "drx.status": step.status,
        "drx.attempts": step.attempts,
        **({"drx.action": call.action} if call else {}),
        **({"drx.expected_seconds": step.expected.total_seconds()} if step.expected is not None else {}),
        **({"drx.by": step.by} if step.by else {}),
    }
    name = f"{step.step} (rollback)" if step.rollback else step.step
    error = None
    if step.status in BROKEN or step.status is Status.IGNORED:
        said = [str(moment.attributes["exception.message"]) for moment in moments if moment.name == "exception"]
        error = said[-1] if said else str(step.status)
    ended = max(step.ended or end, step.started)
    return Stretch(name, parent, step.started, ended, attributes, tuple(moments), error)


def _moment(event: Event) -> Iterator[tuple[Key | None, Moment]]:
    """Give what a trace shows of an event, and whose it is; nothing for most."""
    found = _of_step(event) or _of_run(event)
    if found is not None:
        key, name, attributes = found
        yield key, Moment(name, event.at, attributes)


_Found = tuple[Key | None, str, Attributes]


def _of_step(event: Event) -> _Found | None:
    match event.fact:
        case StepStarted() | StepSucceeded() as fact:
            name = "attempt" if isinstance(fact, StepStarted) else "succeeded"
            return _key(fact), name, _attempt(fact)
        case StepFailed() as fact:
            said = {"exception.type": fact.kind, "exception.message": fact.error, "drx.remedy": fact.remedy}
            return _key(fact), "exception", {**_attempt(fact), **said}
        case StepTimedOut() as fact:
            said = {"exception.type": "timeout", "exception.message": "it was not done in its time"}
            return _key(fact), "exception", {**_attempt(fact), **said, "drx.abandoned": fact.abandoned}
        case StepCancelled() as fact:
            return _key(fact), "cancelled", {**_attempt(fact), "drx.abandoned": fact.abandoned}
        case RetryScheduled() as fact:
            return (fact.step, fact.visit, False), "retry", {"drx.wait_seconds": _seconds(fact.retry_at - event.at)}
        case StepWaiting() as fact:
            return (fact.step, fact.visit, False), "waits for a person", {}
        case Answered() as fact:
            answer: Attributes = {"drx.question": fact.question, "drx.choice": fact.choice, "drx.by": event.by.user}
            return (fact.step, fact.visit, False), "answered", answer
        case StepSkipped() as fact:
            return (fact.step, fact.visit, False), "skipped", {"drx.reason": fact.reason}
        case StepIgnored() as fact:
            return (fact.step, fact.visit, False), "failure ignored", {}
        case _:
            return None


def _of_run(event: Event) -> _Found | None:
    match event.fact:
        case ClockStarted() as fact:
            return None, "clock started", {"drx.source": fact.source, "drx.moment": fact.moment.isoformat()}
        case ClockDiverged() as fact:
            return None, "clock moved", {"drx.seconds": fact.seconds}
        case MachineSlept() as fact:
            return None, "slept", {"drx.seconds": fact.seconds}
        case PauseRequested():
            return None, "paused", {}
        case RunResumed() as fact:
            return None, "resumed", {"drx.gap_seconds": fact.gap_seconds, "drx.by": event.by.user}
        case AbortRequested() as fact:
            return None, "aborted", {"drx.reason": fact.reason, "drx.source": fact.source}
        case _:
            return None


_Attempt = StepStarted | StepSucceeded | StepFailed | StepTimedOut | StepCancelled


def _key(fact: _Attempt) -> Key:
    return fact.step, fact.visit, fact.part is Part.ROLLBACK


def _attempt(fact: _Attempt) -> dict[str, Scalar]:
    return {"drx.attempt": fact.attempt, "drx.part": fact.part}


def _seconds(span: timedelta) -> float:
    return max(span.total_seconds(), 0.0)
