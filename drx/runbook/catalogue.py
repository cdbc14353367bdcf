"""What runbooks know of actions: names, parameters, effects. Passed in, so that runbook/ never imports actions/."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

Effect = Literal["read", "write", "destroy"]


@dataclass(frozen=True)
class ActionSpec:
    """One action as runbooks see it."""

    name: str
    summary: str
    description: str
    """The docstring after its first line."""
    effect: Effect
    repeatable: bool
    """Running it again after an unknown outcome does no harm."""
    targets: tuple[str, ...]
    """Parts of the environment it touches: `mongo`, `uploads`, `store`, `host`."""
    parameters: type[BaseModel]
    outputs: Mapping[str, str]
    """What later steps can use, each with its meaning."""
    has_by_hand: bool
    """Whether a command with stock tools is known for it."""
    accepts_probes: bool = False
    """Whether parameters hold further action calls, as in `wait.for`."""
    uses: tuple[str, ...] = ()
    """Further parts of the environment, which it only reads."""

    @property
    def parts(self) -> frozenset[str]:
        """All parts of the environment that it can reach: no others are there for it."""
        return frozenset((*self.targets, *self.uses))


Catalogue = Callable[[str], ActionSpec | None]
"""Look up an action by name; None where there is no such action."""
