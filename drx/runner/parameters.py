"""Make an action's parameters out of what the runbook says and the run knows. Pure but for the look-up of actions."""

from collections.abc import Mapping

from drx.actions.base import Action, Params
from drx.actions.registry import find_action
from drx.engine.plan import Call
from drx.errors import DrxError
from drx.runbook.expressions import render
from drx.secrets import HIDDEN
from drx.values import Json, as_json


def resolve(call: Call, scope: Mapping[str, object]) -> tuple[Action, Params, Mapping[str, Json]]:
    """Give the action, its parameters with their secrets, and the same as a journal line can hold them.

    Raises DrxError where an expression cannot be evaluated or a parameter does not fit.
    """
    action = find_action(call.action)
    if action is None:
        raise DrxError(f"there is no action '{call.action}'", "`drx actions` lists what there is")
    values = {name: render(value, scope) for name, value in call.parameters.items()}
    for name, value in values.items():
        if _lost_its_secret(value, call.parameters[name]):
            raise DrxError(
                f"'{name}' would use a secret that an earlier step gave; the journal keeps it as {HIDDEN} only",
                "Use `target`, where secrets are read anew each time",
            )
    return action, read_parameters(action, values), {name: as_json(value) for name, value in values.items()}


def read_parameters(action: Action, values: Mapping[str, object]) -> Params:
    """Read parameters strictly by the action's own model.

    Raises DrxError with everything that does not fit.
    """
    from pydantic import ValidationError

    try:
        params = action.spec.parameters.model_validate(dict(values))
    except ValidationError as error:
        from drx.yaml_source.wording import word_values

        found = word_values(error, action.spec.parameters)
        problems, remedy = "; ".join(message for message, _ in found), found[0][1]
        raise DrxError(f"{action.spec.name}: {problems}", f"{remedy}; see `drx actions {action.spec.name}`") from None
    assert isinstance(params, Params)
    return params


def _lost_its_secret(value: object, written: object) -> bool:
    """Whether an expression brought the mark of a masked secret in."""
    return HIDDEN in str(value) and HIDDEN not in str(written)
