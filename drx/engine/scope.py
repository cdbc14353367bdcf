"""What expressions see of a run: inputs, outputs of earlier steps, the target, contacts, the run. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from drx.engine.plan import Plan
from drx.engine.state import State


@dataclass(frozen=True)
class StepsView:
    """`steps.<id>` in an expression: outputs and status of the newest visit. Nothing but steps can be looked up."""

    plan: Plan
    state: State
    scope: str

    def __getitem__(self, name: str) -> Mapping[str, object]:
        for candidate in (name, name.replace("_", "-")):
            step = f"{self.scope}/{candidate}" if self.scope else candidate
            visit = self.state.latest(step)
            if visit is not None:
                return {"outputs": dict(visit.outputs), "status": visit.status.value}
            if step in self.plan.steps:
                return {"outputs": {}, "status": "pending"}
        raise KeyError(name)


def scope_for(plan: Plan, state: State, scope: str = "") -> Mapping[str, object]:
    """Give the names that expressions may use in one runbook of the run; secrets are masked in it.

    `scope` is the id of the nested runbook's step, empty at the top.
    """
    prefix = f"{scope}/" if scope else ""
    names: dict[str, object] = {
        **plan.constants,
        "inputs": {
            name.removeprefix(prefix): value
            for name, value in state.inputs.items()
            if name.startswith(prefix) and "/" not in name.removeprefix(prefix)
        },
        "steps": StepsView(plan, state, scope),
    }
    run = plan.constants.get("run")
    if isinstance(run, Mapping) and state.abort is not None:
        names["run"] = {**run, "stopped": state.abort.source != "policy"}
    if plan.drill:
        fault = state.latest("fault")
        if fault is not None:
            names["fault"] = dict(fault.outputs)
    return names
