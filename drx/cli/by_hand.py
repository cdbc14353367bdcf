"""Write runbook texts and commands by hand with the values that a reader of the plan knows. Runs nothing."""

import json
import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from drx.actions.registry import find_action
from drx.config.model import Environment, Settings
from drx.config.values import is_reference
from drx.errors import InvalidInput
from drx.reports.plan.shapes import Variable
from drx.runbook.check.review import walk
from drx.runbook.expressions import Chain, names_in, texts
from drx.runbook.model import ActionCall, ActionStep, Runbook

_EXPRESSION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_UNSAID = ("inputs", "steps", "outputs", "target")
"""Words of a name that say nothing to whoever types a command."""


class Values:
    """What the names in expressions stand for: settings that are written in drx.yaml, variables for all else."""

    def __init__(self, settings: Settings, environment: str, outputs: Mapping[Chain, str]) -> None:
        """Take what drx.yaml says; `outputs` says what each output of a step means."""
        self._outputs = outputs
        self._known = dict(_settled(settings.environments[environment])) | dict(_contacts(settings))
        self._known |= {("run", "environment"): environment}
        self.variables: dict[str, Variable] = {}
        self.roles = settings.roles
        """The accounts that have each role."""

    def text(self, text: str) -> str:
        """Write a text for people or a shell; each unknown value as `$NAME`."""
        if not any(texts(text)):
            return text
        return _EXPRESSION.sub(self._value, text)

    def inside(self, value: object) -> object:
        """Write every text inside of a value."""
        match value:
            case str():
                return _Placeholder(self.text(value)) if any(texts(value)) else value
            case Mapping():
                return {key: self.inside(entry) for key, entry in value.items()}
            case list() | tuple():
                return [self.inside(entry) for entry in value]
            case _:
                return value

    def command(self, call: ActionCall | ActionStep) -> str:
        """Give the command that does by hand what an action does.

        Raises InvalidInput for an action that there is not.
        """
        action = find_action(call.action)
        if action is None:
            raise InvalidInput(f"there is no action '{call.action}'", "`drx actions` lists what there is")
        if action.by_hand is None:
            return ""
        values = self.inside(call.with_)
        assert isinstance(values, dict)
        return action.by_hand(_parameters(action.spec.parameters, values))

    def _value(self, match: re.Match[str]) -> str:
        chains = names_in(match[0])
        if len(chains) != 1 or match[1].strip() != _written(chains[0]):
            return match[0]  # more than a name: the reader works it out
        known = self._known.get(chains[0])
        if known is not None:
            return known
        name = "_".join(part for part in chains[0] if part not in _UNSAID).upper().replace("-", "_")
        self.variables.setdefault(name, Variable(name, self._outputs.get(chains[0]) or _meaning(chains[0])))
        return f"${name}"


def outputs_of(runbook: Runbook) -> dict[Chain, str]:
    """Say what each output of a runbook's steps means, as their actions do."""
    steps = [placed.step for placed in walk((*runbook.prechecks, *runbook.steps, *runbook.cleanup), ())]
    return {
        ("steps", step.id.replace("-", "_"), "outputs", name): f"{meaning.rstrip('.')} (step {step.id})"
        for step in steps
        if isinstance(step, ActionStep) and (action := find_action(step.action))
        for name, meaning in action.spec.outputs.items()
    }


class _Placeholder(str):
    """A text that stands for a value of any type; written the same in whatever form a command wants it."""

    __slots__ = ()

    def __format__(self, form: str) -> str:
        return str(self)


def _parameters(model: type[BaseModel], values: Mapping[str, object]) -> Any:
    """Make the parameters of an action of what is known; a placeholder fits any type."""
    made: dict[str, object] = {}
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key in values:
            made[name] = _fitting(field, values[key])
        else:
            made[name] = field.get_default(call_default_factory=True, validated_data={})
            if field.validate_default:
                made[name] = _fitting(field, made[name])
    return model.model_construct(_fields_set=set(made), **made)


def _fitting(field: FieldInfo, value: object) -> object:
    try:
        return TypeAdapter[object](field.rebuild_annotation()).validate_python(value)
    except ValidationError:
        return value


def _settled(environment: Environment) -> list[tuple[Chain, str]]:
    """List what drx.yaml itself says of an environment; references to secrets and variables are not known here."""
    found: list[tuple[Chain, str]] = []
    for name, value in environment.model_dump(mode="json", exclude_none=True).items():
        inner = value if isinstance(value, dict) else {"": value}
        found += [
            (("target", name, key) if key else ("target", name), entry)
            for key, entry in inner.items()
            if isinstance(entry, str) and not is_reference(entry)
        ]
    return found


def _contacts(settings: Settings) -> list[tuple[Chain, str]]:
    found: list[tuple[Chain, str]] = []
    for name, value in settings.contacts.items():
        if isinstance(value, str):
            found.append((("contacts", name), value))
        else:
            found += [(("contacts", name, key), entry) for key, entry in value.items()]
    return found


def _written(chain: Chain) -> str:
    return ".".join(chain)


def _meaning(chain: Chain) -> str:
    match chain:
        case ("inputs", name):
            return f"the answer to the question about {name.replace('_', ' ')}"
        case ("steps", step, "outputs", *rest):
            return f"{' '.join(rest).replace('_', ' ')} of step {step.replace('_', '-')}"
        case ("target", *rest):
            return f"{' '.join(rest).replace('_', ' ')} of the environment, as drx.yaml says where to find it"
        case _:
            return json.dumps(_written(chain))
