"""Turn a run's events into figures. Pure: the same plan and events always give the same figures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drx.engine.events import ClockStarted, Event, RunStarted, StepStarted, StepSucceeded
from drx.engine.plan import Phase, Plan, call_of
from drx.engine.terms import Mode, Part
from drx.engine.visit import Status
from drx.reports import happenings, judgement, timeline
from drx.reports.deviations import deviations
from drx.reports.shapes import Clock, Objective, Proof, RunFacts, StepTiming
from drx.reports.steps import Row, Rows, checks, not_reached, timings
from drx.reports.text import title_of
from drx.values import Json

PROVING = frozenset({Phase.STEP, Phase.PASS})
"""Only after the incident can a step prove what was recovered."""


def gather(plan: Plan, events: Sequence[Event], journal_head: str = "") -> RunFacts:
    """Give everything a report says about a run, finished or not.

    `journal_head` is the hash of the newest journal line. Raises ValueError where the first event is not RunStarted.
    """
    start = events[0].fact if events else None
    if not isinstance(start, RunStarted):
        raise ValueError("the events of a run begin with RunStarted")
    return _told(start, events, _measure(plan, start, events), journal_head)


@dataclass(frozen=True)
class _Measured:
    """What was measured, before anything is said of it."""

    rows: Sequence[Row]
    clock: Clock
    ended: datetime
    proof: Proof | None
    found: judgement.Findings


def _measure(plan: Plan, start: RunStarted, events: Sequence[Event]) -> _Measured:
    """Measure times and objectives."""
    clock, end, rows = _clock(events), timeline.end_of_run(events), Rows(plan)
    for event in events:
        rows.take(event)
    steps = timings(plan, rows.all(), timeline.gaps(events), end)
    recovered_at, proof = _recovered_at(steps), _proof(plan, events)
    rto, rpo = _objectives(plan, start.mode, clock, recovered_at, proof)
    failures = happenings.failures(plan, events, steps)
    found = judgement.Findings(plan, start.mode, start.run, steps, failures, recovered_at, rto, rpo)
    return _Measured(rows.all(), clock, end, proof, found)


def _told(start: RunStarted, events: Sequence[Event], measured: _Measured, journal_head: str) -> RunFacts:
    """Put everything that a report says together."""
    found, clock = measured.found, measured.clock
    plan, recovered_at = found.plan, found.recovered_at
    verdict = judgement.judge(found, events)
    spans = timeline.spans_of(plan, events, clock.moment)
    return RunFacts(
        run=start.run,
        title=plan.title,
        mode=start.mode,
        runbook=start.runbook,
        drill=start.drill,
        environment=start.environment,
        verdict=verdict,
        outcome=judgement.outcome_of(events),
        objective_missed=judgement.objective_missed(found, verdict),
        started=events[0].at,
        ended=measured.ended,
        clock=clock,
        recovered_at=recovered_at,
        rto=found.rto,
        rpo=found.rpo,
        proof=measured.proof,
        until_recovered=None if recovered_at is None else timeline.split(spans, clock.moment, recovered_at),
        whole=timeline.split(spans, events[0].at, measured.ended),
        steps=tuple(found.steps),
        not_reached=not_reached(plan, measured.rows),
        checks=checks(plan, measured.rows),
        deviations=deviations(plan, events, found.steps, found.failures),
        failures=tuple(found.failures),
        notes=happenings.notes(events),
        approvals=happenings.approvals(plan, events),
        reviews=happenings.reviews(events),
        action_items=happenings.action_items(events),
        evidence=happenings.evidence(events, journal_head),
    )


def _clock(events: Sequence[Event]) -> Clock:
    """The newest word on when it began; the run's start where there is none."""
    said = next((event.fact for event in reversed(events) if isinstance(event.fact, ClockStarted)), None)
    return Clock(events[0].at, "run") if said is None else Clock(said.moment, said.source)


def _recovered_at(steps: Sequence[StepTiming]) -> datetime | None:
    """The end of the newest visit to a step marked as the recovery, if it succeeded, and nothing was undone since."""
    if any(step.rollback for step in steps):
        return None
    last = next((step for step in reversed(steps) if step.recovered), None)
    return last.ended if last is not None and last.status is Status.SUCCEEDED else None


def _objectives(
    plan: Plan, mode: Mode, clock: Clock, recovered_at: datetime | None, proof: Proof | None
) -> tuple[Objective, Objective]:
    """RTO and RPO with what became of them; an operation has no incident to count from, a tabletop measures nothing."""
    if mode in (Mode.OPERATION, Mode.TABLETOP):
        return Objective(None, None, None), Objective(None, None, None)
    rta = None if recovered_at is None else recovered_at - clock.moment
    rpa = None if proof is None else clock.moment - proof.until
    return _objective(plan.rto, rta), _objective(plan.rpo, rpa)


def _objective(target: timedelta | None, actual: timedelta | None) -> Objective:
    if actual is not None:
        actual = max(actual, timedelta())
    return Objective(target, actual, None if target is None or actual is None else actual <= target)


def _proof(plan: Plan, events: Sequence[Event]) -> Proof | None:
    """The newest success that proves which writes are there, with what exactly was asked."""
    parameters: dict[tuple[str, int, Part], Mapping[str, Json]] = {}
    proof: Proof | None = None
    for event in events:
        match event.fact:
            case StepStarted() as fact:
                parameters[fact.step, fact.visit, fact.part] = fact.parameters
            case StepSucceeded(proven_until=datetime() as until) as fact if plan.steps[fact.step].phase in PROVING:
                step = plan.steps[fact.step]
                call = call_of(step, fact.part)
                proof = Proof(
                    until=until,
                    at=event.at,
                    step=step.id,
                    title=title_of(step),
                    action=call.action if call else "",
                    parameters=_shown(parameters.get((fact.step, fact.visit, fact.part), {})),
                )
            case _:
                pass
    return proof


def _shown(values: Mapping[str, Json]) -> Mapping[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
        for name, value in values.items()
    }
