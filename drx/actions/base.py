"""What an action is: parameters, a result, a context, and the decorator that registers it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar, get_type_hints

from drx.config import PARTS, Target
from drx.config.model import Environment
from drx.fields import Model
from drx.runbook.catalogue import ActionSpec, Effect
from drx.secrets import Masker
from drx.values import Json


class Params(Model):
    """Base of every action's parameters: what a runbook writes under `with:`.

    The text below each field is what the reference and the editors show.
    """


@dataclass(frozen=True)
class Result:
    """What an action achieved."""

    outputs: Mapping[str, Json] = field(default_factory=dict)
    """Values that later steps can use."""
    lines: tuple[str, ...] = ()
    """The last lines of output, for the journal and the report."""
    artifacts: tuple[str, ...] = ()
    """Names of files written under `context.artifacts`."""
    proven_until: datetime | None = None
    """Writes up to this moment are proven to be there: measures the RPA."""


class Context(Protocol):
    """What an action may use of the run it belongs to."""

    @property
    def run_id(self) -> str:
        """Id of the run."""

    @property
    def step_id(self) -> str:
        """Id of the step, `outer/inner` in a nested runbook."""

    @property
    def target(self) -> Target:
        """The environment's servers, with their secrets."""

    @property
    def artifacts(self) -> Path:
        """A directory of this attempt's own, made on first use."""

    @property
    def created(self) -> frozenset[tuple[str, str]]:
        """What this run has created so far: (target, resource)."""

    def progress(self, done: int, total: int | None, unit: str) -> None:
        """Tell how far the action is; cheap enough to call for every batch."""

    def cancelled(self) -> bool:
        """Whether the action has to stop: the run wants it to, or its deadline is over."""

    def check(self) -> None:
        """Raise Cancelled if the action has to stop."""

    def sleep(self, seconds: float) -> None:
        """Wait, but no longer than the action may go on; raises Cancelled when it has to stop."""

    def remaining(self) -> float | None:
        """Seconds until the deadline; None without one."""

    @property
    def masker(self) -> Masker:
        """Knows every secret of the run; for streams, see MaskingStream."""

    def mask(self, text: str) -> str:
        """The text with every known secret as `***`."""

    def created_resource(self, target: str, resource: str) -> None:
        """Say that the run made this resource, before it is filled."""

    def lost_resource(self, target: str, resource: str) -> None:
        """Say that this resource is what the disaster took."""

    def call(self, action: str, parameters: Mapping[str, object]) -> Result:
        """Run another action that only reads, past the same guard."""


ParamsType = TypeVar("ParamsType", bound=Params)
ByHand = Callable[[ParamsType], str]
"""Gives the command that does the same with stock tools, as one shell line or several."""
ByHandIn = Callable[[ParamsType, Environment], str]
"""The same, where the command is another one for each provider that drx.yaml may name."""


@dataclass(frozen=True)
class Action:
    """A registered action: its description and the function that does it."""

    spec: ActionSpec
    run: Callable[[Params, Context], Result]
    by_hand: Callable[[Params, Environment], str] | None
    """The command that does the same with stock tools, in what drx.yaml says of an environment."""
    resource: Callable[[Params, Target], str | None] | None
    """What it changes or destroys, by name, so that the guard can judge; e.g. a database."""
    destroys: Callable[[Params], bool] | None = None
    """Whether an action that else only writes destroys the resource, with these parameters."""

    def effect(self, params: Params) -> Effect:
        """What it does to its resource with these parameters."""
        return "destroy" if self.destroys and self.destroys(params) else self.spec.effect


REGISTERED = "__drx_action__"
"""Attribute under which a decorated function carries its Action."""


def action(
    name: str,
    *,
    effect: Effect,
    repeatable: bool = False,
    targets: tuple[str, ...] = (),
    uses: tuple[str, ...] = (),
    outputs: Mapping[str, str] | None = None,
    by_hand: ByHand[ParamsType] | None = None,
    by_hand_in: ByHandIn[ParamsType] | None = None,
    resource: Callable[[ParamsType, Target], str | None] | None = None,
    destroys: Callable[[ParamsType], bool] | None = None,
    accepts_probes: bool = False,
) -> Callable[[Callable[[ParamsType, Context], Result]], Callable[[ParamsType, Context], Result]]:
    """Register a function as an action; its docstring becomes the reference.

    The function takes `(params, context)`, with params a Params subclass, and returns a Result. It raises StepError
    where the effect was not achieved. `targets` are the parts of the environment that it is about, which the guard
    looks at; `uses` are those that it reads besides. It can reach no others. Raises TypeError for a function without
    docstring or typed parameters, or for a part that no environment has.
    """

    typed = by_hand_in or _anywhere(by_hand)

    def register(function: Callable[[ParamsType, Context], Result]) -> Callable[[ParamsType, Context], Result]:
        parameters, summary, description = _described(name, function)
        spec = ActionSpec(
            name=name,
            summary=summary,
            description=description,
            effect=effect,
            repeatable=repeatable,
            targets=targets,
            parameters=parameters,
            outputs=dict(outputs or {}),
            has_by_hand=typed is not None,
            accepts_probes=accepts_probes,
            uses=uses,
        )
        if unknown := spec.parts.difference(PARTS):
            raise TypeError(f"action {name}: no part of an environment: {', '.join(sorted(unknown))}")
        setattr(function, REGISTERED, Action(spec, function, typed, resource, destroys))  # type: ignore[arg-type]
        return function

    return register


def _anywhere(by_hand: ByHand[ParamsType] | None) -> ByHandIn[ParamsType] | None:
    return None if by_hand is None else lambda params, _: by_hand(params)


def _described(name: str, function: Callable[[ParamsType, Context], Result]) -> tuple[type[Params], str, str]:
    """Give what a function says of itself: its parameters, the first line of its docstring, and the rest of it."""
    documentation = inspect.getdoc(function)
    if not documentation:
        raise TypeError(f"action {name} has no docstring: it is what operators read")
    parameters = get_type_hints(function)["params"]
    if not issubclass(parameters, Params):
        raise TypeError(f"action {name}: its first parameter must be a subclass of Params")
    summary, _, description = documentation.partition("\n")
    return parameters, summary, description.strip()
