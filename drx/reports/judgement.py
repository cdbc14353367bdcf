"""Judge a run: was it recovered, were the objectives met, and if not, why. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from drx.engine.events import AbortRequested, Event, RunFinished, RunPaused, RunResumed
from drx.engine.plan import Phase, Plan
from drx.engine.terms import Mode, Outcome
from drx.engine.visit import BROKEN
from drx.reports.shapes import Failure, Objective, StepTiming, Verdict, Word
from drx.reports.text import one_line, show_measured, show_target


@dataclass(frozen=True)
class Findings:
    """What is judged."""

    plan: Plan
    mode: Mode
    run: str
    steps: Sequence[StepTiming]
    failures: Sequence[Failure]
    recovered_at: datetime | None
    rto: Objective
    rpo: Objective


def outcome_of(events: Sequence[Event]) -> Outcome | None:
    """How the run ended; None while it has not."""
    return next((event.fact.outcome for event in events if isinstance(event.fact, RunFinished)), None)


def judge(found: Findings, events: Sequence[Event]) -> Verdict:
    """Give the verdict with its reason and what to do now."""
    match outcome_of(events):
        case None:
            return _unfinished(found, events)
        case Outcome.ABORTED:
            return _aborted(found, events)
        case Outcome.FAILED:
            return _failed(found, events)
        case Outcome.SUCCEEDED:
            return _succeeded(found)
        case outcome:
            assert_never(outcome)


def objective_missed(found: Findings, verdict: Verdict) -> bool:
    """Whether a promise was broken; in a drill, or where nothing was recovered, also whether one went unmeasured."""
    strict = found.mode is Mode.DRILL or verdict.word is Word.NOT_RECOVERED
    return any(
        objective.met is False or (strict and objective.target is not None and objective.actual is None)
        for objective in (found.rto, found.rpo)
    )


def _unfinished(found: Findings, events: Sequence[Event]) -> Verdict:
    remedy = f"Go on: drx resume {found.run}"
    paused: str | None = None
    for event in events:
        if isinstance(event.fact, RunPaused):
            paused = event.by.user
        elif isinstance(event.fact, RunResumed):
            paused = None
    open_step = next((step for step in reversed(found.steps) if step.ended is None and not step.group), None)
    last = open_step or next(reversed(found.steps), None)
    where = f" {'at' if open_step else 'after'} {last.step}" if last else " before the first step"
    if paused is not None:
        return Verdict(Word.PAUSED, f"{paused} left it{where}", remedy, last.step if last else "")
    return Verdict(Word.UNFINISHED, f"the journal ends{where}", remedy, last.step if last else "")


def _aborted(found: Findings, events: Sequence[Event]) -> Verdict:
    request = next((event for event in events if isinstance(event.fact, AbortRequested)), None)
    reason = ""
    if request is not None and isinstance(request.fact, AbortRequested):
        by = "a signal" if request.fact.source == "signal" else request.by.user
        reason = f"by {by}" + (f": {one_line(request.fact.reason)}" if request.fact.reason else "")
    return Verdict(Word.ABORTED, reason, _not_rolled_back(found))


def _not_rolled_back(found: Findings) -> str:
    left = [step.step for step in found.steps if step.rollback and step.status in BROKEN]
    return f"Look first at what was not rolled back: {', '.join(left)}" if left else ""


def _failed(found: Findings, events: Sequence[Event]) -> Verdict:
    recovered = found.recovered_at is not None
    word = Word.NOT_RECOVERED if found.mode is Mode.INCIDENT and not recovered else Word.FAILED
    causes = list(_causes(found))
    if not causes:
        said = next((event.fact.reason for event in events if isinstance(event.fact, RunFinished)), "")
        return Verdict(word, one_line(said), _not_rolled_back(found) or _default_remedy(found.mode))
    more = f" (and {len(causes) - 1} more)" if len(causes) > 1 else ""
    cause = causes[0]
    reason = f"{cause.step}: {one_line(cause.error)}{more}"
    if found.mode is Mode.INCIDENT and recovered:
        reason = f"recovered, but then {reason}"
    remedy = one_line(cause.remedy) or _default_remedy(found.mode)
    if left := _not_rolled_back(found):
        remedy = f"{left}. Then: {remedy}"
    return Verdict(word, reason, remedy, cause.step)


def _causes(found: Findings) -> Iterator[Failure]:
    """The last failure of each visit that stayed broken, in the order of the visits."""
    last = {(failure.step, failure.visit): failure for failure in found.failures if failure.part.value != "rollback"}
    for step in found.steps:
        judged = step.status in BROKEN and not step.rollback and step.phase is not Phase.CLEANUP
        if judged and (failure := last.get((step.step, step.visit))):
            yield failure


def _default_remedy(mode: Mode) -> str:
    if mode is Mode.INCIDENT:
        return "The service is not known to be back: run the runbook again, or go on by hand"
    return "Read the report, mend the cause, and run it again"


def _succeeded(found: Findings) -> Verdict:
    if found.mode not in (Mode.DRILL, Mode.INCIDENT):
        return Verdict(Word.SUCCEEDED)
    marked = [step.id for step in found.plan.steps.values() if step.recovered]
    if marked and found.recovered_at is None:
        word = Word.FAILED if found.mode is Mode.DRILL else Word.NOT_RECOVERED
        remedy = "Check the service itself, then run the runbook again or go on by hand"
        return Verdict(word, f"{marked[-1]}, which marks the recovery, did not succeed", remedy, marked[-1])
    shortfalls = list(_shortfalls(found))
    if not shortfalls:
        return Verdict(Word.PASSED if found.mode is Mode.DRILL else Word.RECOVERED)
    word = Word.FAILED if found.mode is Mode.DRILL else Word.RECOVERED
    return Verdict(word, "; ".join(reason for reason, _ in shortfalls), shortfalls[0][1])


def _shortfalls(found: Findings) -> Iterator[tuple[str, str]]:
    """Objectives missed or never measured, each with what to do."""
    rto, rpo = found.rto, found.rpo
    if rto.target is not None and rto.actual is None:
        yield "the RTA was not measured", "Mark the step at which the service is back with `recovered: true`"
    elif rto.met is False and rto.target is not None and rto.actual is not None:
        reason = f"the RTA of {show_measured(rto.actual)} is over the RTO of {show_target(rto.target)}"
        yield reason, "The report says where the time went"
    if rpo.target is not None and rpo.actual is None:
        yield "the RPA was not measured", "Let a step prove which writes are there, for example mongo.verify"
    elif rpo.met is False and rpo.target is not None and rpo.actual is not None:
        reason = f"the RPA of {show_measured(rpo.actual)} is over the RPO of {show_target(rpo.target)}"
        yield reason, "Find out why newer writes were not archived, or archive them more often"
