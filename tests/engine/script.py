"""Drive the engine by hand, one decision at a time, for tests that tell a story."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from drx.engine.admit import admit
from drx.engine.commands import Decision, Finish, Next, Pause, Question, Start
from drx.engine.decide import decide
from drx.engine.events import (
    Answered,
    Author,
    Event,
    Fact,
    RunResumed,
    RunStarted,
    StepFailed,
    StepStarted,
    StepSucceeded,
)
from drx.engine.plan import Plan
from drx.engine.state import State, evolve
from drx.engine.terms import Choice, Mode, Part
from drx.engine.visit import Visit
from drx.values import Json
from tests.engine.plans import compile_steps
from tests.engine.world import BEGIN

ADA = Author("ada", "h", 1)
A: dict[str, Any] = {"id": "a", "action": "do-once"}
B: dict[str, Any] = {"id": "b", "action": "do-again"}


def script(*steps: dict[str, Any], unattended: bool = False, **rest: Any) -> "Script":
    """Begin a run of these steps."""
    return Script(compile_steps(list(steps), **rest), unattended)


@dataclass
class Script:
    """A run whose every fact the test tells."""

    plan: Plan
    unattended: bool = False
    now: datetime = BEGIN
    state: State = field(default_factory=State)
    facts: list[Fact] = field(default_factory=list)

    def __post_init__(self) -> None:
        mode = Mode.DRILL if self.plan.drill else Mode.INCIDENT
        self.tell(RunStarted("r", mode, "test", "sandbox", self.unattended, "0", {}))

    def tell(self, fact: Fact, user: str = "ada") -> None:
        self.facts.append(fact)
        self.state = evolve(self.plan, self.state, Event(len(self.facts), self.now, 0.0, Author(user, "h", 1), fact))

    def decide(self) -> Decision:
        """Decide until nothing more is concluded, and start what is to be started."""
        while True:
            decision = decide(self.plan, self.state, self.now)
            if isinstance(decision, Next) and decision.record:
                for fact in decision.record:
                    self.tell(fact)
                continue
            for start in decision.start if isinstance(decision, Next) else ():
                self.tell(StepStarted(start.step, start.visit, start.attempt, start.part))
            return decision

    def next(self) -> Next:
        decision = self.decide()
        assert isinstance(decision, Next), decision
        return decision

    def started(self) -> list[str]:
        """Ids of what starts now; the part is named unless it is the work."""
        return [_named(start) for start in self.next().start]

    def succeed(self, step: str, **outputs: Json) -> None:
        visit = self.visit(step)
        self.tell(StepSucceeded(step, visit.number, visit.attempt, visit.part, outputs=outputs))

    def fail(self, step: str, error: str = "no") -> None:
        visit = self.visit(step)
        self.tell(StepFailed(step, visit.number, visit.attempt, visit.part, error=error))

    def visit(self, step: str) -> Visit:
        visit = self.state.latest(step)
        assert visit is not None, f"{step} was not visited"
        return visit

    def question(self) -> Question:
        (question,) = self.next().questions
        return question

    def answer(self, choice: Choice, value: Json = None, reason: str = "because", user: str = "ada") -> str | None:
        """Answer the only open question; gives the refusal."""
        question = self.question()
        fact = Answered(question.step, question.visit, question.kind, choice, value, reason)
        refusal = admit(self.plan, self.state, fact, Author(user, "h", 1))
        if refusal is None:
            self.tell(fact, user)
        return refusal

    def crash(self) -> None:
        """The process dies, and another one goes on."""
        self.tell(RunResumed(1.0, self.unattended))

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def end(self) -> str:
        """How the run ends now."""
        decision = self.decide()
        if isinstance(decision, Pause):
            return "paused"
        assert isinstance(decision, Finish), decision
        return f"{decision.outcome}: {decision.reason}" if decision.reason else str(decision.outcome)


def _named(start: Start) -> str:
    return start.step if start.part is Part.WORK else f"{start.step} {start.part}"
