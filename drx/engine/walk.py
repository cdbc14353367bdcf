"""What every decision about a step needs: the plan, the state, and the draft it adds to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from drx.engine.draft import Draft
from drx.engine.events import AbortRequested, StepFailed
from drx.engine.plan import Plan, PlannedStep
from drx.engine.scope import scope_for
from drx.engine.state import State
from drx.engine.terms import FailureKind, Part
from drx.engine.visit import Visit
from drx.errors import DrxError


@dataclass(frozen=True)
class Walk:
    """One walk over the plan at one moment."""

    plan: Plan
    state: State
    draft: Draft

    def scope(self, step: PlannedStep) -> Mapping[str, object]:
        """What the step's expressions see."""
        return scope_for(self.plan, self.state, step.scope)


def failed(visit: Visit, error: DrxError, kind: FailureKind) -> StepFailed:
    """The fact that a visit failed without an action having said so."""
    return StepFailed(visit.step, visit.number, visit.attempt, Part.WORK, error.message, remedy=error.remedy, kind=kind)


def give_up(reason: str) -> AbortRequested:
    """The fact that the runbook's own rules end the run."""
    return AbortRequested(reason, source="policy")


def ends(plan: Plan, state: State) -> datetime | None:
    """When the time of a run is over; None where a person attends it, or it may take as long as it likes."""
    if plan.timeout is None or state.started_at is None or not state.unattended:
        return None
    return state.started_at + plan.timeout
