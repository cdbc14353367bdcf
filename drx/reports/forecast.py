"""Say when a run will have recovered, by what earlier runs took and what the runbook plans. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles

from drx.engine.plan import Group, Phase, Plan, PlannedStep
from drx.engine.visit import BROKEN, Status
from drx.reports.shapes import RunFacts
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

    @property
    def basis(self) -> str:
        """What it rests on, in a few words."""
        if not self.runs:
            return "as planned"
        runs = "1 run" if self.runs == 1 else f"{self.runs} runs"
        return f"{runs}, else as planned" if self.planned else runs


def forecast(plan: Plan, facts: RunFacts, now: datetime, earlier: Earlier) -> Forecast:
    """Add up what the steps up to the recovery should still take."""
    newest = {step.step: step for step in facts.steps if not step.rollback}
    likely, late, runs, planned = timedelta(), timedelta(), 0, False
    for step in plan.steps.values():
        if isinstance(step.work, Group) or step.phase not in _COUNTED:
            continue
        found = newest.get(step.id)
        if found is None or found.status in BUSY or found.status in _OPEN:
            gone = now - found.started if found and found.status in BUSY else timedelta()
            times = earlier.get(step.id, ())
            if found is None and not times and not _is_planned(step, plan):
                continue
            half, most = _spread(times) if times else (step.expect or timedelta(),) * 2
            likely += max(half - gone, timedelta())
            late += max(most - gone, timedelta())
            runs = max(runs, len(times))
            planned = planned or (not times and bool(step.expect))
        if step.recovered:
            break
    return Forecast(likely, late, runs, planned)


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
