"""Check planned times: each step has one, and together they keep the promised RTO."""

from drx.runbook.check.flow import Sections
from drx.runbook.check.review import Review, walk
from drx.runbook.model import UNATTENDED_LIMIT, ParallelStep, Runbook, RunbookStep
from drx.runbook.timing import critical_path
from drx.units import show_duration

SHOWN_STEPS = 6


def check_expected(review: Review, sections: Sections) -> None:
    """A step without a planned time cannot be held against the RTO; a group's time follows from its steps."""
    for name, steps in sections.items():
        for step, place in walk(steps, (name,)):
            is_group = isinstance(step, ParallelStep | RunbookStep)
            if is_group and step.expect is not None:
                review.warn((*place, "expect"), "the time of a group follows from its steps", "Remove `expect` here")
            elif not is_group and step.expect is None:
                message = f"step '{step.id}' does not say how long it should take"
                review.error((*place, "expect"), message, "Add `expect: 30s`, or what is true")
            if step.expect is not None and step.timeout is not None and step.timeout < step.expect:
                message = f"step '{step.id}' is ended before the time that it should take"
                review.error((*place, "timeout"), message, "Make `timeout` longer than `expect`")


def check_timeout(review: Review, runbook: Runbook) -> None:
    """A run is not ended before the time that it should take."""
    if review.is_unsure(("timeout",)) or (runbook.timeout is None and runbook.kind == "scenario"):
        return
    limit = runbook.timeout or UNATTENDED_LIMIT
    expected = critical_path(runbook, review.runbook).expected
    if limit < expected:
        message = f"the run is ended after {show_duration(limit)}, but should take {show_duration(expected)}"
        review.error(("timeout",), message, "Make `timeout` longer than its steps")


def check_objective(review: Review, runbook: Runbook) -> None:
    """Hold the critical path of a scenario against its RTO."""
    objectives = runbook.objectives or review.surroundings.objectives
    if objectives is None or runbook.kind != "scenario":
        return
    if review.is_mentioned("recovered") or any(map(review.is_unsure, (("objectives",), ("kind",)))):
        return
    timing = critical_path(runbook, review.runbook)
    place = ("objectives", "rto") if runbook.objectives else ("steps",)
    rto = show_duration(objectives.rto)
    least = "at least " if review.document.gaps else ""
    if timing.expected > objectives.rto:
        message = f"the plan cannot keep its RTO of {rto}: its steps take {least}{show_duration(timing.expected)}"
        remedy = f"Shorten {_longest(timing.path)}, run steps in parallel, or promise less"
        review.error(place, message, remedy)
    elif timing.with_retries > objectives.rto:
        message = (
            f"the plan takes {show_duration(timing.expected)}, but {show_duration(timing.with_retries)} "
            f"where every retry is needed: longer than its RTO of {rto}"
        )
        review.warn(place, message, "Allow fewer or shorter retries")


def _longest(path: tuple[str, ...]) -> str:
    shown = ", ".join(path[:SHOWN_STEPS])
    return f"{shown} and {len(path) - SHOWN_STEPS} more" if len(path) > SHOWN_STEPS else shown
