"""What decide() asks the loop to do, in the imperative. Shapes only."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from drx.engine.events import Fact
from drx.engine.terms import Choice, Outcome, Part, QuestionKind


@dataclass(frozen=True)
class Start:
    """Begin an attempt: journal StepStarted, then run the call."""

    step: str
    visit: int
    attempt: int
    part: Part


class CancelReason(StrEnum):
    """Why an attempt is ended early; decides between StepTimedOut and StepCancelled."""

    TIMEOUT = "timeout"
    STOPPING = "stopping"


@dataclass(frozen=True)
class Cancel:
    """Tell a running attempt to stop. Said again at every decision until it has ended."""

    step: str
    visit: int
    reason: CancelReason


@dataclass(frozen=True)
class Question:
    """Something a person has to answer before the run can go on."""

    kind: QuestionKind
    step: str
    """The step it is about; for an input, the input's name."""
    visit: int
    text: str
    choices: tuple[Choice, ...]
    options: tuple[str, ...] = ()
    """The values to choose from, for a choice that takes one; none means free text."""
    details: tuple[str, ...] = ()
    """What failed, its remedy, the last lines of its output."""


@dataclass(frozen=True)
class Next:
    """Record `record` first and decide again; only where it is empty do the other fields count."""

    record: tuple[Fact, ...] = ()
    start: tuple[Start, ...] = ()
    cancel: tuple[Cancel, ...] = ()
    questions: tuple[Question, ...] = ()
    wake_at: datetime | None = None


@dataclass(frozen=True)
class Pause:
    """Nothing is running: record RunPaused and let go of the run."""


@dataclass(frozen=True)
class Finish:
    """Record RunFinished with this outcome."""

    outcome: Outcome
    reason: str = ""


Decision = Next | Pause | Finish
