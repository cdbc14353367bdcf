"""A decision in the making: what decide() collects while it walks the plan. Pure."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto

from drx.engine.commands import Cancel, CancelReason, Next, Question, Start
from drx.engine.events import AbortRequested, Fact, StepCancelled, StepTimedOut
from drx.engine.terms import Part
from drx.engine.visit import Visit

GRACE = timedelta(seconds=10)
"""How long an attempt may take to end after it was told to; then it is left behind and said to be."""


class Progress(Enum):
    """Where a sequence of steps stands."""

    BUSY = auto()
    DONE = auto()
    FAILED = auto()


@dataclass
class Draft:
    """Collects facts and commands for one moment."""

    now: datetime
    facts: list[Fact] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    cancels: list[Cancel] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    wake_at: datetime | None = None

    def record(self, *facts: Fact) -> Progress:
        """Conclude facts; the walk stops there, since they change the state.

        Once one branch has ended the run, the others conclude nothing more: what they began would never end.
        """
        if not any(isinstance(fact, AbortRequested) for fact in self.facts):
            self.facts.extend(facts)
        return Progress.BUSY

    def start(self, visit: Visit, part: Part, *, again: bool = False) -> Progress:
        """Begin an attempt of a visit; `again` counts a further attempt."""
        self.starts.append(Start(visit.step, visit.number, visit.attempt + 1 if again else visit.attempt, part))
        return Progress.BUSY

    def wake(self, at: datetime) -> Progress:
        """Look again at this time at the latest."""
        self.wake_at = at if self.wake_at is None else min(self.wake_at, at)
        return Progress.BUSY

    def stop(self, visit: Visit, reason: CancelReason, since: datetime) -> Progress:
        """Tell an attempt to end; after GRACE it is left behind."""
        if self.now < since + GRACE:
            self.cancels.append(Cancel(visit.step, visit.number, reason))
            return self.wake(since + GRACE)
        identity = (visit.step, visit.number, visit.attempt, visit.part)
        kind = StepTimedOut if reason is CancelReason.TIMEOUT else StepCancelled
        return self.record(kind(*identity, abandoned=True))

    def next(self) -> Next:
        """Give the decision: facts alone, or else everything that can be done now."""
        if self.facts:
            return Next(record=tuple(self.facts))
        return Next(
            start=tuple(self.starts),
            cancel=tuple(self.cancels),
            questions=tuple(self.questions),
            wake_at=self.wake_at,
        )
