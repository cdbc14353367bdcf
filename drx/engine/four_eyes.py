"""Say whether a journal holds approvals that did not count; whoever goes on with a run asks. Pure."""

from collections.abc import Iterable

from drx.engine.approving import counted, refusal
from drx.engine.events import Answered, Event, StepSucceeded
from drx.engine.plan import Human, Plan
from drx.engine.state import State, evolve
from drx.engine.terms import Choice


def wrong_approval(plan: Plan, events: Iterable[Event]) -> str | None:
    """Give what is wrong with the approvals of a run, None where every one of them counts."""
    state = State()
    for event in events:
        wrong = _wrong(plan, state, event)
        if wrong is not None:
            return wrong
        state = evolve(plan, state, event)
    return None


def _wrong(plan: Plan, state: State, event: Event) -> str | None:
    fact = event.fact
    if not isinstance(fact, Answered | StepSucceeded) or fact.step in plan.answers:
        return None
    step = plan.steps.get(fact.step)
    if step is None or not isinstance(step.work, Human) or step.work.kind != "approve":
        return None
    if isinstance(fact, Answered):
        reason = refusal(step.work, state.operators, event.by.user) if fact.choice is Choice.APPROVE else None
        return f"{fact.step} is approved, but {reason}" if reason else None
    visit = state.visit(fact.step, fact.visit)
    given = len(counted(step.work, state.operators, visit.approvals)) if visit is not None else 0
    if step.work.probe is not None or given >= step.work.approvals:
        return None
    return f"{fact.step} went on with {given} of {step.work.approvals} approvals"
