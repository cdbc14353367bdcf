"""Decide what follows a failed or an interrupted attempt. Pure."""

from drx.engine.draft import Progress
from drx.engine.events import RetryScheduled, StepCancelled, StepFailed, StepIgnored, StepTimedOut
from drx.engine.plan import Automated, Phase, PlannedStep, call_of
from drx.engine.questions import (
    about_failure,
    about_interruption,
    about_name,
    about_repeat,
    failure_text,
    has_run_before,
    needs_name,
)
from drx.engine.terms import FailureKind, Part
from drx.engine.visit import Status, Visit
from drx.engine.walk import Walk, failed, give_up
from drx.errors import DrxError
from drx.runbook.timing import wait_after

JUDGED_LATER = frozenset({Phase.PASS, Phase.CLEANUP})
"""A failure in these phases does not stop the steps after it; the end of the run weighs it."""


def broken(here: Walk, step: PlannedStep, visit: Visit) -> Progress:
    """An attempt failed: try again, go on, go elsewhere, give up, or ask."""
    if retry := _retry_due(step, visit):
        return here.draft.record(retry)
    if step.phase in JUDGED_LATER:
        return Progress.DONE
    if has_run_before(visit) and not here.state.unattended:
        here.draft.questions.append(about_repeat(step, visit))
        return Progress.BUSY
    match step.on_failure.policy:
        case "continue":
            return here.draft.record(StepIgnored(step.id, visit.number))
        case "goto":
            return here.draft.record(StepIgnored(step.id, visit.number, goto=step.on_failure.goto))
        case "abort":
            return here.draft.record(give_up(f"{step.id}: {failure_text(step, visit)}"))
        case "ask":
            return _ask(here, step, visit)


def _ask(here: Walk, step: PlannedStep, visit: Visit) -> Progress:
    """Unattended, an open question is a failure of what is around the step."""
    if here.state.unattended:
        return Progress.FAILED
    failure = needs_name(visit)
    question = about_name(step, visit, failure) if failure else about_failure(here.plan, step, visit)
    here.draft.questions.append(question)
    return Progress.BUSY


def _retry_due(step: PlannedStep, visit: Visit) -> RetryScheduled | None:
    """Another attempt, where the runbook grants one and the failure may pass by itself."""
    if not isinstance(step.work, Automated) or visit.attempt >= step.work.retry.attempts or visit.ended_at is None:
        return None
    match visit.failure:
        case StepFailed(kind=FailureKind.EFFECT | FailureKind.BUSY) | StepTimedOut(abandoned=False):
            wait = wait_after(visit.attempt, step.work.retry.wait, step.work.retry.backoff)
            return RetryScheduled(step.id, visit.number, visit.ended_at + wait)
        case _:
            return None


def interrupted(here: Walk, step: PlannedStep, visit: Visit) -> Progress:
    """The verify probe decides; else a repeatable action runs again; else a person says how it ended."""
    call = call_of(step, visit.part)
    assert call is not None, "only an attempt of an action is interrupted"
    if visit.part is Part.VERIFY or (call_of(step, Part.VERIFY) and not visit.disproved):
        return here.draft.start(visit, Part.VERIFY)
    if call.repeatable:
        return here.draft.start(visit, Part.WORK, again=True)
    if here.state.unattended or step.phase is Phase.CLEANUP:
        error = DrxError(
            "It was interrupted, and nobody knows how it ended",
            "Find out what it did, then start it anew at a terminal",
        )
        return here.draft.record(failed(visit, error, FailureKind.HUMAN_NEEDED))
    here.draft.questions.append(about_interruption(step, visit))
    return Progress.BUSY


def refuse_to_repeat(here: Walk, step: PlannedStep, visit: Visit) -> StepFailed | None:
    """A new visit of what has run before, and is not repeatable, fails until a person lets it run again.

    Going back to an earlier step, and trying a group again, lead to such visits.
    """
    call = call_of(step, Part.WORK)
    if call is None or call.repeatable or not any(map(_may_have_worked, here.state.visits.get(step.id, ()))):
        return None
    error = "It has run before in this run, and is not repeatable"
    if here.state.unattended:
        remedy = "Find out whether it may run again, then start it anew at a terminal"
        return failed(visit, DrxError(error, remedy), FailureKind.HUMAN_NEEDED)
    return failed(visit, DrxError(error), FailureKind.REPEAT)


def _may_have_worked(visit: Visit) -> bool:
    """Whether the work was done, by the action or by hand, or may still be going on; a failure has been decided on."""
    abandoned = isinstance(visit.failure, StepTimedOut | StepCancelled) and visit.failure.abandoned
    return visit.affected and (visit.work_done or visit.status is Status.SUCCEEDED or abandoned)
