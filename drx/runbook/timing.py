"""Add up how long a runbook should take: sums in sequence, the longest of parallel branches. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from drx.runbook.model import ActionStep, ParallelStep, Retry, Runbook, RunbookStep, Step
from drx.runbook.ways import Inputs, is_taken, ways

Nested = Callable[[str], Runbook | None]
"""Finds a runbook that is called from another; None where there is none."""

NO_TIME = timedelta(0)
LONGEST = timedelta(days=100_000)
"""Whatever takes longer counts as this, so that no sum overflows."""


@dataclass(frozen=True)
class Timing:
    """The critical path of a piece of a runbook."""

    expected: timedelta = NO_TIME
    """Every step takes as long as it should, at the first attempt."""
    with_retries: timedelta = NO_TIME
    """Every attempt is needed, with the waits between them."""
    path: tuple[str, ...] = ()
    """Ids of the steps that decide `expected`."""
    recovers: bool = False
    """It ends with the step marked `recovered`."""


def critical_path(runbook: Runbook, nested: Nested) -> Timing:
    """Time a runbook from its first precheck to the step that recovers, or to its last step.

    Where inputs of type `choice` decide which steps are taken, that is the longest of these ways.
    """
    found = [_way(runbook, nested, inputs) for inputs in ways(runbook)]
    longest = max(found, key=lambda timing: timing.expected)
    return replace(longest, with_retries=max(timing.with_retries for timing in found))


def _way(runbook: Runbook, nested: Nested, inputs: Inputs) -> Timing:
    steps = tuple(step for step in (*runbook.prechecks, *runbook.steps) if is_taken(step.when, inputs))
    return _sequence(steps, nested, (runbook.runbook,), until_recovered=True)


def _sequence(steps: tuple[Step, ...], nested: Nested, outer: tuple[str, ...], *, until_recovered: bool) -> Timing:
    total = Timing()
    for step in steps:
        timing = _step(step, nested, outer, until_recovered=until_recovered)
        total = Timing(
            min(total.expected + timing.expected, LONGEST),
            min(total.with_retries + timing.with_retries, LONGEST),
            (*total.path, *timing.path),
            timing.recovers,
        )
        if total.recovers:
            break
    return total


def _step(step: Step, nested: Nested, outer: tuple[str, ...], *, until_recovered: bool) -> Timing:
    marked = until_recovered and step.recovered
    match step:
        case ParallelStep():
            branches = [_sequence(b, nested, outer, until_recovered=until_recovered) for b in step.parallel.values()]
            recovering = [branch for branch in branches if branch.recovers]
            longest = max(recovering or branches, key=lambda branch: branch.expected)
            retried = max(branch.with_retries for branch in recovering or branches)
            return Timing(longest.expected, retried, longest.path, longest.recovers or marked)
        case RunbookStep():
            inner = None if step.runbook in outer else nested(step.runbook)
            if inner is None:
                return Timing(path=(step.id,), recovers=marked)
            steps = (*inner.prechecks, *inner.steps)
            timing = _sequence(steps, nested, (*outer, step.runbook), until_recovered=False)
            path = tuple(f"{step.id}/{one}" for one in timing.path)
            return Timing(timing.expected, timing.with_retries, path, marked)
    expected = min(step.expect or NO_TIME, LONGEST)
    retry = step.retry if isinstance(step, ActionStep) else Retry()
    return Timing(expected, min(expected * retry.attempts + waits(retry), LONGEST), (step.id,), marked)


def waits(retry: Retry) -> timedelta:
    """All waits between the attempts of a step, if every attempt is needed."""
    each = (wait_after(attempt, retry.wait, retry.backoff) for attempt in range(1, retry.attempts))
    return min(sum(each, NO_TIME), LONGEST)


def wait_after(attempt: int, wait: timedelta, backoff: float) -> timedelta:
    """The wait after a failed attempt, the first one being 1; each is longer than the one before by the factor."""
    return timedelta(seconds=min(wait.total_seconds() * backoff ** (attempt - 1), LONGEST.total_seconds()))
