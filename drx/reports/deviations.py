"""What differed from the runbook. Pure: a script's answer in a drill is part of the plan and no deviation."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

from drx.engine.events import (
    AbortRequested,
    Answered,
    ClockDiverged,
    ClockStarted,
    Event,
    MachineSlept,
    NotificationFailed,
    PauseRequested,
    RetryScheduled,
    RunPaused,
    RunResumed,
    StepCancelled,
    StepIgnored,
    StepSkipped,
    StepTimedOut,
)
from drx.engine.plan import Phase, Plan
from drx.engine.terms import Choice, Part, QuestionKind
from drx.engine.visit import BROKEN
from drx.reports.shapes import Deviation, DeviationKind, Failure, StepTiming
from drx.units import show_duration, show_time

OVERRUN_SHARE = 1.2
OVERRUN_LEAST = timedelta(seconds=5)
"""A step overran when it took this share of its planned time and this much more than it."""

_NO_REASON = "no reason given"


def deviations(
    plan: Plan, events: Sequence[Event], steps: Sequence[StepTiming], failures: Sequence[Failure]
) -> tuple[Deviation, ...]:
    """Every deviation, in the order of time."""
    found = [
        *_of_facts(plan, events),
        *_resumes(events),
        *_retries(events),
        *_overruns(steps),
        *_undone(steps, failures),
    ]
    return tuple(sorted(found, key=lambda deviation: deviation.at))


def _of_facts(plan: Plan, events: Sequence[Event]) -> Iterator[Deviation]:
    for event in events:
        match event.fact:
            case Answered() as fact if not fact.scripted and fact.question is not QuestionKind.INPUT:
                yield from _of_answer(fact, event)
            case StepTimedOut() | StepCancelled() as fact:
                yield from _of_ending(plan, fact, event)
            case StepIgnored() as fact if fact.goto:
                yield Deviation(DeviationKind.GOTO, event.at, f"failed, and the run went on at {fact.goto}", fact.step)
            case StepIgnored() as fact:
                yield Deviation(DeviationKind.IGNORED, event.at, "failed, and the run went on", fact.step)
            case NotificationFailed() as fact:
                text = f"{fact.channel} did not get the message about {fact.about}: {fact.error}"
                yield Deviation(DeviationKind.NOT_TOLD, event.at, text)
            case ClockDiverged() | MachineSlept() | ClockStarted(source="person") as fact:
                yield _of_time(fact, event)
            case PauseRequested() as fact:
                yield Deviation(DeviationKind.PAUSED, event.at, fact.reason or _NO_REASON, by=event.by.user)
            case AbortRequested(source="person" | "signal") as fact:
                by = event.by.user if fact.source == "person" else "a signal"
                yield Deviation(DeviationKind.ABORTED, event.at, fact.reason or _NO_REASON, by=by)
            case StepSkipped(reason="unattended: skip") as fact:
                yield Deviation(DeviationKind.SKIPPED, event.at, "nobody was there", fact.step)
            case _:
                pass


def _of_time(fact: ClockDiverged | MachineSlept | ClockStarted, event: Event) -> Deviation:
    match fact:
        case ClockDiverged():
            text = f"the wall clock moved by {fact.seconds:+.1f}s against the steady clock"
            return Deviation(DeviationKind.CLOCK_MOVED, event.at, text)
        case MachineSlept():
            text = f"the machine that ran it was asleep for {show_duration(timedelta(seconds=fact.seconds))}"
            return Deviation(DeviationKind.ASLEEP, event.at, text)
        case ClockStarted():
            text = f"the start of the clock was set to {show_time(fact.moment)}"
            return Deviation(DeviationKind.CLOCK_CORRECTED, event.at, text, by=event.by.user)


_WHY_AGAIN = {
    QuestionKind.INTERRUPTED: "nobody knew how it had ended",
    QuestionKind.REPEAT: "it had run before, and the run had gone back",
}


def _of_answer(fact: Answered, event: Event) -> Iterator[Deviation]:
    kind, text = DeviationKind.SKIPPED, fact.reason or _NO_REASON
    match fact.choice:
        case Choice.SKIP:
            pass
        case Choice.DONE if fact.question is not QuestionKind.STEP:
            kind = DeviationKind.BY_HAND
        case Choice.RETRY:
            kind = DeviationKind.REPEATED
            text = fact.reason or _WHY_AGAIN.get(fact.question, "it had failed")
        case Choice.GOTO:
            kind, text = (
                DeviationKind.GOTO,
                f"the run went on at {fact.value}" + (f": {fact.reason}" * bool(fact.reason)),
            )
        case _:
            return
    yield Deviation(kind, event.at, text, fact.step, event.by.user)


def _of_ending(plan: Plan, fact: StepTimedOut | StepCancelled, event: Event) -> Iterator[Deviation]:
    if isinstance(fact, StepTimedOut):
        allowed = plan.steps[fact.step].timeout
        text = f"ended after {show_duration(allowed)}" if allowed else "ended: it took too long"
        yield Deviation(DeviationKind.TIMED_OUT, event.at, text, fact.step)
    if fact.abandoned:
        text = "did not end when told to, and may still be going on"
        yield Deviation(DeviationKind.ABANDONED, event.at, text, fact.step)


def _undone(steps: Sequence[StepTiming], failures: Sequence[Failure]) -> Iterator[Deviation]:
    """Rollbacks and cleanup steps that failed for good: they leave something behind."""
    errors = {(failure.step, failure.visit, failure.part is Part.ROLLBACK): failure.error for failure in failures}
    for step in steps:
        if step.status not in BROKEN or step.group or not (step.rollback or step.phase is Phase.CLEANUP):
            continue
        kind = DeviationKind.ROLLBACK_FAILED if step.rollback else DeviationKind.CLEANUP_FAILED
        error = errors.get((step.step, step.visit, step.rollback), step.status.value)
        yield Deviation(kind, step.ended or step.started, error, step.step)


def _resumes(events: Sequence[Event]) -> Iterator[Deviation]:
    """A run that was paused or stopped by somebody is no surprise; one that just ended is."""
    paused = False
    for before, event in pairwise(events):
        paused = paused or isinstance(before.fact, RunPaused | PauseRequested)
        if isinstance(event.fact, RunResumed):
            if not paused:
                text = f"the last sign of life is {show_duration(event.at - before.at)} older; {event.by.user} went on"
                yield Deviation(DeviationKind.KILLED, event.at, text)
            paused = False


def _retries(events: Sequence[Event]) -> Iterator[Deviation]:
    """One line for each visit, however often it was tried."""
    first: dict[tuple[str, int], Event] = {}
    times: dict[tuple[str, int], int] = {}
    for event in events:
        if isinstance(event.fact, RetryScheduled):
            key = (event.fact.step, event.fact.visit)
            first.setdefault(key, event)
            times[key] = times.get(key, 0) + 1
    for key, event in first.items():
        text = "failed and was tried again" + (f" {times[key]} times" if times[key] > 1 else "")
        yield Deviation(DeviationKind.RETRIED, event.at, text, key[0])


def _overruns(steps: Sequence[StepTiming]) -> Iterator[Deviation]:
    for step in steps:
        if step.expected is None or step.group:
            continue
        if step.actual > step.expected * OVERRUN_SHARE and step.actual > step.expected + OVERRUN_LEAST:
            text = f"took {show_duration(step.actual)} where {show_duration(step.expected)} were expected"
            yield Deviation(DeviationKind.OVERRUN, step.ended or step.started + step.actual, text, step.step)
