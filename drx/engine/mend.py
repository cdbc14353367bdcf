"""Decide what follows a failed or an interrupted attempt. Pure."""

from drx.engine.draft import Progress
from drx.engine.events import RetryScheduled, StepFailed, StepIgnored, StepTimedOut
from drx.engine.plan import Automated, Phase, PlannedStep, call_of
from drx.engine.questions import about_failure, about_interruption, about_name, failure_text, needs_name
from drx.engine.terms import FailureKind, Part
from drx.engine.visit import Visit
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
            "It was interrupted, and nobody knows how it ended", "Find out what it did, then resume at a terminal"
        )
        return here.draft.record(failed(visit, error, FailureKind.HUMAN_NEEDED))
    here.draft.questions.append(about_interruption(step, visit))
    return Progress.BUSY
