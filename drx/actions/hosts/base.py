"""What drx needs of a place where an application runs. Shapes only."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class NewHost:
    """A host on which nothing is deployed yet."""

    address: str
    """Where it answers, as DNS can be pointed to it: an IP address or a name; empty if nobody told."""
    made: tuple[str, ...]
    """What was made for it, and was not there before."""
    ids: tuple[str, ...] = ()
    """What its provider knows it by, where drx.yaml has to say so: `service 91ab`."""


class Host(Protocol):
    """An application on its host. Every call returns once the application runs anew, or raises StepError.

    Whether it is well, its health page tells: a host only knows whether it runs.
    """

    @property
    def patience(self) -> float:
        """For how many seconds it is waited for, where the step does not say."""

    def set_variable(self, name: str, value: str, within: float) -> bool:
        """Deploy with a changed variable; False where it has that value already, and the application runs with it."""

    def version(self) -> str:
        """The version that is deployed."""

    def restart(self, within: float) -> str:
        """End the application, if it runs, and start the version that is deployed; gives that version."""

    def deploy(self, version: str | None, within: float) -> str:
        """Start a version in place of the one that runs; None is the deployed one, anew. Gives the version."""

    def roll_back(self, within: float) -> str:
        """Deploy the version that was deployed before this one; gives it."""

    def logs(self, lines: int) -> Sequence[str]:
        """The newest lines that the application wrote, oldest first."""
