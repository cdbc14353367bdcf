"""What the loop needs of a user interface. Shapes only: it knows no terminal."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from drx.engine.commands import Question
from drx.engine.events import Event, Fact
from drx.engine.plan import Plan
from drx.ui.lines import Line


@dataclass(frozen=True)
class StopSteps:
    """A person wants the steps under way to end, and to decide what follows."""


@dataclass(frozen=True)
class Interrupted:
    """A person pressed Ctrl-C."""


@dataclass(frozen=True)
class GoOn:
    """A person thought better of it: the run goes on as before."""


Reply = Fact | StopSteps | Interrupted | GoOn
"""What a person can say at any time."""

Send = Callable[[Reply], None]
"""Hands a reply to the loop; may be called from any thread."""


class Ui(Protocol):
    """Shows a run, and asks people. Every call comes from the loop's thread, and none may block."""

    @property
    def attended(self) -> bool:
        """Whether somebody is there to answer."""

    def begin(self, plan: Plan) -> None:
        """Get to know the run, before its first event is shown."""

    def introduce(self, lines: Sequence[Line]) -> None:
        """Show what a run will do, before it does anything."""

    def show(self, event: Event) -> None:
        """Show an event; it is on disk."""

    def progress(self, step: str, done: int, total: int | None, unit: str) -> None:
        """Show how far a running step is."""

    def ask(self, questions: Sequence[Question], send: Send) -> None:
        """Ask what stands open now; called again and again, with what is still open. A withdrawn question vanishes."""

    def interrupt(self, running: Sequence[str], send: Send) -> None:
        """Ask what Ctrl-C was meant to do."""

    def say(self, text: str) -> None:
        """Show a line that is no event: what was refused, what was found."""

    def verdict(self, lines: Sequence[str]) -> None:
        """Show what came of the run."""

    def close(self) -> None:
        """Leave the terminal as it was found."""
