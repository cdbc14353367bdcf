"""What expressions see of a run that is not run: what is known, and placeholders for the rest. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NoReturn

from drx.engine.plan import Group, Plan, PlannedStep
from drx.errors import DrxError
from drx.runbook.expressions import entry, names, render
from drx.values import Json


class Unknown:
    """Something that only the run itself can tell: shown by its name, as is everything inside of it.

    Nothing can be decided by it: comparing it, or reckoning with it, is an error.
    """

    def __init__(self, name: str, used: list[str]) -> None:
        self.name = name
        self._used = used

    def __getitem__(self, name: object) -> "Unknown":
        return Unknown(f"{self.name}.{name}", self._used)

    def __iter__(self) -> Iterator[object]:
        raise TypeError(f"{self} is not known yet")

    def __int__(self) -> int:
        raise ArithmeticError(f"{self} is not known yet")  # of other errors, the filter `int` makes 0

    def __str__(self) -> str:
        self._used.append(self.name)
        return f"<{self.name}>"

    def __bool__(self) -> bool:
        raise TypeError(f"{self} is not known yet")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError(f"{self} is not known yet")

    __hash__ = None  # type: ignore[assignment]


def filled(value: object) -> object:
    """The same value with the name of each placeholder in its place."""
    match value:
        case Unknown():
            return str(value)
        case Mapping():
            return {key: filled(part) for key, part in value.items()}
        case list() | tuple():
            return [filled(part) for part in value]
        case _:
            return value


@dataclass
class Outlook:
    """What is known before a run has begun: inputs that were given, and outputs of the steps that were tried."""

    plan: Plan
    inputs: Mapping[str, object]
    outputs: dict[str, Mapping[str, Json]] = field(default_factory=dict)
    used: list[str] = field(default_factory=list)
    """Names of the placeholders that were used since it was emptied."""

    def scope(self, scope: str = "") -> dict[str, object]:
        """Give the names that expressions of one runbook of the run may use; `scope` as for a planned step."""
        return {**self.plan.constants, "inputs": self._inputs_of(scope), "steps": _Steps(self, scope)}

    def render(self, value: object, scope: Mapping[str, object]) -> tuple[object, tuple[str, ...]]:
        """Evaluate, and name the placeholders in the result.

        What cannot be evaluated without knowing more stays as it is written. Raises ExpressionError for what cannot be
        evaluated at all.
        """
        self.used.clear()
        try:
            result = filled(render(value, scope))
        except DrxError:
            self.used += _unknown_in(value, scope)
            if not self.used:
                raise
            result = value
        return result, tuple(dict.fromkeys(self.used))

    def _inputs_of(self, scope: str) -> Mapping[str, object]:
        prefix = f"{scope}/" if scope else ""
        passed = self._passed(self.plan.steps[scope]) if scope else self.inputs
        found: dict[str, object] = {}
        for spec in self.plan.inputs:
            name = spec.name.removeprefix(prefix)
            if not spec.name.startswith(prefix) or "/" in name:
                continue
            missing = spec.default if spec.default is not None else Unknown(f"inputs.{name}", self.used)
            found[name] = passed.get(name, missing)
        return found

    def _passed(self, step: PlannedStep) -> Mapping[str, object]:
        """What a runbook hands to one inside of it."""
        if not isinstance(step.work, Group):
            return {}
        outer = self.scope(step.scope)
        return {name: render(value, outer) for name, value in step.work.inputs.items()}


def _unknown_in(value: object, scope: Mapping[str, object]) -> Iterator[str]:
    """Name the placeholders among what the expressions of a value use."""
    for chain in names(value):
        found: object = scope
        with suppress(LookupError):
            for name in chain:
                found = entry(found, name)
        if isinstance(found, Unknown):
            yield found.name


@dataclass(frozen=True)
class _Steps:
    """`steps.<id>` in an expression."""

    outlook: Outlook
    scope: str

    def __getitem__(self, name: str) -> Mapping[str, object]:
        for candidate in (name, name.replace("_", "-")):
            step = f"{self.scope}/{candidate}" if self.scope else candidate
            if step in self.outlook.outputs:
                return {"outputs": self.outlook.outputs[step], "status": "succeeded"}
            if step in self.outlook.plan.steps:
                unknown = Unknown(f"steps.{name}", self.outlook.used)
                return {"outputs": unknown["outputs"], "status": unknown["status"]}
        raise KeyError(name)


def needed(names: Sequence[str]) -> str:
    """Say what would have to be known: `the input incident_time and the outputs of find`."""
    inputs = [name.removeprefix("inputs.") for name in names if name.startswith("inputs.")]
    steps = dict.fromkeys(name.split(".")[1] for name in names if name.startswith("steps."))
    parts = [f"the input {name}" for name in dict.fromkeys(inputs)] + [f"the outputs of {name}" for name in steps]
    return " and ".join(parts)
