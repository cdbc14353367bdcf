"""Write runbook texts and commands by hand with the values that a reader of the plan knows. Runs nothing."""

import json
import re
from collections.abc import Mapping
from copy import copy
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from drx.actions.registry import find_action
from drx.cli.plan.quotes import opened
from drx.config.model import Environment, Settings
from drx.config.values import is_reference
from drx.errors import DrxError, InvalidInput
from drx.reports.plan.shapes import Variable
from drx.runbook.check.review import walk
from drx.runbook.expressions import Chain, as_expression, evaluate, names_in, texts
from drx.runbook.model import ActionCall, ActionStep, Runbook

_EXPRESSION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_EITHER = re.compile(r"(.+?) if (.+?) else (.+)")
_SUCCEEDED = re.compile(r"steps\.(\w+)\.status == (?:'succeeded'|\"succeeded\")")
_UNSAID = ("inputs", "steps", "outputs", "target")
"""Words of a name that say nothing to whoever types a command."""


class Values:
    """What the names in expressions stand for: settings that are written in drx.yaml, variables for all else."""

    def __init__(self, settings: Settings, environment: str, outputs: Mapping[Chain, str]) -> None:
        """Take what drx.yaml says; `outputs` says what each output of a step means."""
        self._outputs = outputs
        self._environment = settings.environments[environment]
        self._stated = self._environment.model_dump(mode="json", exclude_none=True) | {"name": environment}
        self._known = dict(_settled(self._environment)) | dict(_contacts(settings))
        self._known |= {("run", "environment"): environment}
        self._left_out: dict[str, dict[str, str]] = {}
        self.variables: dict[str, Variable] = {}
        self.roles = settings.roles
        """The accounts that have each role."""

    def nested(self, runbook: Runbook, inputs: Mapping[str, object]) -> "Values":
        """Give the values inside of a nested runbook: its inputs are what the runbook around it hands in."""
        inner = copy(self)
        inner._outputs = {**self._outputs, **outputs_of(runbook)}
        inner._left_out = {}
        handed = {("inputs", name): self.text(value) for name, value in inputs.items() if isinstance(value, str)}
        inner._known = self._known | handed
        return inner

    def text(self, text: str) -> str:
        """Write a text for people or a shell; each unknown value as `$NAME`."""
        if not any(texts(text)):
            return text
        return _EXPRESSION.sub(self._value, text)

    def settled(self, expression: str) -> object | None:
        """Evaluate an expression that drx.yaml alone decides; None where a run or a variable has to tell."""
        if not all(chain[0] == "target" or self._is_left_out(chain) for chain in names_in(expression)):
            return None
        try:
            found = evaluate(expression, {"target": self._stated, "steps": self._left_out})
        except DrxError:
            return None
        return None if is_reference(str(found)) else found

    def leave_out(self, step: str) -> None:
        """Take a step for skipped, since drx.yaml says that it is never taken."""
        self._left_out[step.replace("-", "_")] = {"status": "skipped"}

    def _is_left_out(self, chain: Chain) -> bool:
        return chain[0] == "steps" and chain[1] in self._left_out and chain[2:] == ("status",)

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
        typed = action.by_hand(_parameters(action.spec.parameters, values), self._environment)
        return opened(typed, self.variables)

    def _value(self, match: re.Match[str]) -> str:
        settled = self.settled(match[0])
        if isinstance(settled, str):
            return settled
        written = self._branch(match[1].strip())
        if first := self._first_of(written):
            return first
        for chain in names_in(as_expression(written)):  # where there is more than a name, the reader works it out
            written = written.replace(_written(chain), self._named(chain))
        return written

    def _branch(self, written: str) -> str:
        """Give the branch of `A if condition else B` that drx.yaml alone decides for."""
        parts = _EITHER.fullmatch(written)
        holds = self.settled(as_expression(parts[2])) if parts else None
        return written if parts is None or holds is None else parts[1] if holds else parts[3]

    def _first_of(self, written: str) -> str:
        """Give what a step found, where it succeeded, else another value, as a shell says it."""
        parts = _EITHER.fullmatch(written)
        asked = _SUCCEEDED.fullmatch(parts[2].strip()) if parts else None
        if parts is None or asked is None:
            return ""
        found, other = (names_in(as_expression(parts[number])) for number in (1, 3))
        plain = [_written(chain) for chain in (*found, *other)] == [parts[1].strip(), parts[3].strip()]
        if not plain or found[0][:2] != ("steps", asked[1]):
            return ""
        return f"${{{self._named(found[0]).removeprefix('$')}:-{self._named(other[0])}}}"

    def _named(self, chain: Chain) -> str:
        """Give a value that drx.yaml says; a variable for any other, with what it means."""
        known = self._known.get(chain)
        if known is not None:
            return known
        name = "_".join(part for part in chain if part not in _UNSAID).upper().replace("-", "_")
        self.variables.setdefault(name, Variable(name, self._outputs.get(chain) or _meaning(chain)))
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
    given: set[str] = set()
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key in values:
            made[name] = _fitting(field, values[key])
            given.add(name)
        else:
            made[name] = field.get_default(call_default_factory=True, validated_data={})
            if field.validate_default:
                made[name] = _fitting(field, made[name])
    return model.model_construct(_fields_set=given, **made)


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
        case ("steps", step, "outputs", "answer"):
            return f"what a person answers in step {step.replace('_', '-')}"
        case ("steps", step, "status"):
            return f"how step {step.replace('_', '-')} ended, such as succeeded"
        case ("steps", step, "outputs", *rest):
            return f"{' '.join(rest).replace('_', ' ')} of step {step.replace('_', '-')}"
        case ("target", *rest):
            return f"{' '.join(rest).replace('_', ' ')} of the environment, as drx.yaml says where to find it"
        case _:
            return json.dumps(_written(chain))
