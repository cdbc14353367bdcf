"""Say when a run will have recovered, by what earlier runs took and what the runbook plans. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles

from drx.engine.plan import Group, Human, Phase, Plan, PlannedStep, walk
from drx.engine.visit import BROKEN, Status
from drx.reports.shapes import RunFacts, StepTiming
from drx.runbook.expressions import ExpressionError, evaluate

Earlier = Mapping[str, Sequence[float]]
"""How many seconds each step took in earlier runs of the same runbook, by its id."""

BUSY = frozenset({Status.RUNNING, Status.RETRYING, Status.WAITING})
_OPEN = BROKEN | {Status.INTERRUPTED}
"""Somebody has to decide, and it has to be done all the same."""
_COUNTED = frozenset({Phase.PRECHECK, Phase.STEP})


@dataclass(frozen=True)
class Forecast:
    """How long it will still take: as likely less as more (p50), and in nine cases of ten at most (p90)."""

    likely: timedelta
    late: timedelta
    runs: int
    """How many earlier runs it rests on."""
    planned: bool
    """It rests on what the runbook expects, where no earlier run came to a step."""
    people: timedelta
    """How much of `likely` somebody is asked in, rather than drx at work."""

    @property
    def basis(self) -> str:
        """What it rests on, in a few words."""
        if not self.runs:
            return "as planned"
        runs = "1 run" if self.runs == 1 else f"{self.runs} runs"
        return f"{runs}, else as planned" if self.planned else runs


@dataclass(frozen=True)
class _Rest:
    """What is left of a piece of the plan."""

    likely: timedelta = timedelta()
    late: timedelta = timedelta()
    runs: int = 0
    planned: bool = False
    people: timedelta = timedelta()
    recovers: bool = False
    """It ends with the step that recovers."""


@dataclass(frozen=True)
class _Now:
    """What is known at this moment."""

    plan: Plan
    newest: Mapping[str, StepTiming]
    at: datetime
    earlier: Earlier


def forecast(plan: Plan, facts: RunFacts, now: datetime, earlier: Earlier) -> Forecast:
    """Add up what the steps up to the recovery should still take; of what goes on side by side, the longest counts."""
    newest = {step.step: step for step in facts.steps if not step.rollback}
    rest = _sequence(plan.main, _Now(plan, newest, now, earlier))
    return Forecast(rest.likely, rest.late, rest.runs, rest.planned, rest.people)


def _sequence(steps: Sequence[PlannedStep], now: _Now) -> _Rest:
    total = _Rest()
    for step in steps:
        if step.phase not in _COUNTED:
            continue
        rest = _group(step, step.work, now) if isinstance(step.work, Group) else _single(step, now)
        total = _Rest(
            total.likely + rest.likely, total.late + rest.late, max(total.runs, rest.runs),
            total.planned or rest.planned, total.people + rest.people, rest.recovers or step.recovered,
        )  # fmt: skip
        if total.recovers:
            break
    return total


def _group(step: PlannedStep, group: Group, now: _Now) -> _Rest:
    """The longest of its branches, or of those that recover; nothing where it is over, or will hardly be needed."""
    found = now.newest.get(step.id)
    if found is not None and not _is_open(found):
        return _Rest()
    known = any(inner.id in now.newest or inner.id in now.earlier for inner in walk((step,)))
    if not known and not _is_planned(step, now.plan):
        return _Rest()
    branches = [_sequence(inner, now) for inner in group.branches.values()]
    counted = [branch for branch in branches if branch.recovers] or branches
    longest = max(counted, key=lambda branch: branch.likely)
    return _Rest(
        longest.likely, max(branch.late for branch in counted),
        max(branch.runs for branch in counted), any(branch.planned for branch in counted), longest.people,
        any(branch.recovers for branch in counted),
    )  # fmt: skip


def _single(step: PlannedStep, now: _Now) -> _Rest:
    found, times = now.newest.get(step.id), now.earlier.get(step.id, ())
    if found is not None and not _is_open(found):
        return _Rest()
    if found is None and not times and not _is_planned(step, now.plan):
        return _Rest()
    gone = now.at - found.started if found and found.status in BUSY else timedelta()
    half, most = _spread(times) if times else (step.expect or timedelta(),) * 2
    planned = not times and bool(step.expect)
    likely = max(half - gone, timedelta())
    people = likely if isinstance(step.work, Human) else timedelta()
    return _Rest(likely, max(most - gone, timedelta()), len(times), planned, people)


def _is_open(step: StepTiming) -> bool:
    return step.status in BUSY or step.status in _OPEN


def _is_planned(step: PlannedStep, plan: Plan) -> bool:
    """Whether a step is needed, as far as the inputs' defaults tell; what earlier steps will tell, nobody knows yet."""
    if step.when is None:
        return True
    prefix = f"{step.scope}/" if step.scope else ""
    given = {spec.name.removeprefix(prefix): spec.default for spec in plan.inputs if spec.name.startswith(prefix)}
    try:
        return bool(evaluate(step.when, {**plan.constants, "inputs": given}))
    except ExpressionError:
        return False


def _spread(times: Sequence[float]) -> tuple[timedelta, timedelta]:
    """The median, and the time that nine of ten keep."""
    if len(times) == 1:
        return timedelta(seconds=times[0]), timedelta(seconds=times[0])
    tenths = quantiles(times, n=10, method="inclusive")
    return timedelta(seconds=tenths[4]), timedelta(seconds=tenths[8])
