"""Tell which steps of a plan the inputs alone decide. Pure."""

from drx.engine.plan import Plan
from drx.runbook.expressions import ExpressionError
from drx.runbook.ways import Inputs, inputs_of


def defaults_of(plan: Plan) -> Inputs:
    """What inputs are where nobody says otherwise."""
    return {each.name: each.default for each in plan.inputs if each.default is not None}


def steps_by_defaults(plan: Plan) -> frozenset[str]:
    """Name the steps whose `when:` asks for inputs that have defaults, and for nothing else."""
    known = defaults_of(plan).keys()
    return frozenset(step.id for step in plan.main if step.when and _asks_for(step.when) <= known)


def _asks_for(when: str) -> frozenset[str]:
    try:
        return frozenset(inputs_of(when))
    except ExpressionError:
        return frozenset({when})
