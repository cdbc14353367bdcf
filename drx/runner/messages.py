"""What may come to the loop through its one queue. Shapes only."""

import threading
from dataclasses import dataclass
from queue import SimpleQueue

from drx.engine.events import Author, Fact
from drx.journal import Delivery, Rejected
from drx.ui.port import GoOn, Interrupted, StopSteps


@dataclass(frozen=True)
class Said:
    """A fact from a worker or a person."""

    fact: Fact
    by: Author
    from_worker: bool = False
    recorded: threading.Event | None = None
    """Set once the fact is on disk, or refused; for who waits for that."""

    def settle(self) -> None:
        """Tell who waits that it is done with."""
        if self.recorded is not None:
            self.recorded.set()


@dataclass(frozen=True)
class Progressed:
    """How far a running step is."""

    step: str
    done: int
    total: int | None
    unit: str


@dataclass(frozen=True)
class Signalled:
    """The system asks the process to end."""

    name: str


Message = Said | Progressed | Signalled | Interrupted | StopSteps | GoOn | Delivery | Rejected
Queue = SimpleQueue[Message]
