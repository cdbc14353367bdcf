"""A world without servers: drives the engine through any order of results, answers, crashes and signals."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from drx.engine.admit import admit
from drx.engine.commands import CancelReason, Finish, Next, Pause, Question, Start
from drx.engine.decide import decide
from drx.engine.events import (
    AbortRequested,
    Answered,
    Author,
    Event,
    Fact,
    InputGiven,
    PauseRequested,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    StepCancelled,
    StepFailed,
    StepStarted,
    StepSucceeded,
    StepTimedOut,
)
from drx.engine.plan import Plan
from drx.engine.state import State, evolve
from drx.engine.terms import Choice, Mode, Part, QuestionKind

BEGIN = datetime(2026, 11, 21, 8, tzinfo=UTC)
MOST_EVENTS = 3000


@dataclass
class World:
    """One run; `events` is its journal."""

    plan: Plan
    random: Random
    unattended: bool = True
    trouble: float = 0.2
    """How likely a result is bad, a worker deaf, a process killed."""
    now: datetime = BEGIN
    state: State = field(default_factory=State)
    events: list[Event] = field(default_factory=list)
    workers: dict[str, Start] = field(default_factory=dict)
    patience: int = 40
    """Answers after which people no longer ask for another try."""

    def begin(self) -> None:
        mode = Mode.DRILL if self.plan.drill else Mode.INCIDENT
        self.tell(RunStarted("r", mode, "outer", "sandbox", self.unattended, "0", {}))

    def tell(self, fact: Fact, user: str = "ada") -> None:
        event = Event(len(self.events), self.now, 0.0, Author(user, "host", 1), fact)
        self.events.append(event)
        self.state = evolve(self.plan, self.state, event)
        if isinstance(fact, StepTimedOut | StepCancelled) and fact.abandoned:
            self.workers.pop(fact.step, None)

    def offer(self, fact: Fact, user: str = "ada") -> str | None:
        """Tell a fact from outside, if it is admitted."""
        refusal = admit(self.plan, self.state, fact, Author(user, "host", 1))
        if refusal is None:
            self.tell(fact, user)
        return refusal

    def run(self) -> None:
        """Go on until the run finishes; fails where it is stuck or endless."""
        while self.state.outcome is None:
            assert len(self.events) < MOST_EVENTS, "the run does not end"
            self.step()

    def step(self) -> None:
        decision = decide(self.plan, self.state, self.now)
        match decision:
            case Finish():
                self.tell(RunFinished(decision.outcome, decision.reason))
            case Pause():
                self.tell(RunPaused())
                self.resume()
            case Next(record=facts) if facts:
                for fact in facts:
                    self.tell(fact)
            case Next():
                self._act(decision)

    def resume(self) -> None:
        self.workers.clear()
        self.now += timedelta(minutes=5)
        self.tell(RunResumed(300.0, self.unattended), user=self.random.choice(["ada", "grace"]))

    def _act(self, decision: Next) -> None:
        for start in decision.start:
            assert start.step not in self.workers, f"{start.step} runs twice at once"
            self.workers[start.step] = start
            self.tell(StepStarted(start.step, start.visit, start.attempt, start.part))
        if self.random.random() < self.trouble / 10:
            self.resume()
            return
        for cancel in decision.cancel:
            if cancel.step in self.workers and self.random.random() > self.trouble:
                self._stopped(self.workers.pop(cancel.step), cancel.reason)
                return
        ending = self.state.abort is not None or self.state.cleaning
        if self.random.random() < self.trouble / (5 if ending else 20):  # a pause within rollback and cleanup too
            signals: list[Fact] = [PauseRequested("lunch"), AbortRequested("enough", "person")]
            self.offer(self.random.choice(signals))
            return
        if self.workers and self.random.random() < (0.9 if self.trouble else 1.0):
            step = self.random.choice(sorted(self.workers))
            self._ended(self.workers.pop(step))
        elif decision.questions:
            self._answer(self.random.choice(decision.questions))
        elif decision.wake_at is not None:
            self.now = max(self.now, decision.wake_at)
        else:
            assert self.workers or decision.start, f"stuck: {decision}"

    def _ended(self, start: Start) -> None:
        self.now += timedelta(seconds=self.random.choice([0, 1, 40] if self.trouble else [0]))
        identity = (start.step, start.visit, start.attempt, start.part)
        if self.random.random() < self.trouble:
            self.offer(StepFailed(*identity, error="no"))
        elif start.step == "fault":
            self.offer(StepSucceeded(*identity, outputs={"at": "2026-11-21T08:00:00Z"}))
        else:
            self.offer(StepSucceeded(*identity, outputs={"x": 1}))

    def _stopped(self, start: Start, reason: CancelReason) -> None:
        identity = (start.step, start.visit, start.attempt, start.part)
        self.offer(StepTimedOut(*identity) if reason is CancelReason.TIMEOUT else StepCancelled(*identity))

    def _answer(self, question: Question) -> None:
        self.patience -= 1
        self.now += timedelta(seconds=self.random.choice([1, 60]))
        if question.kind is QuestionKind.INPUT:
            assert self.offer(InputGiven(question.step, "2026-11-21T07:59:00Z")) is None
            return
        choices = question.choices
        if self.patience < 0:
            choices = tuple(
                c for c in choices if c not in (Choice.RETRY, Choice.GOTO, Choice.REJECT, Choice.WENT_WRONG)
            )
        choice = self.random.choice(choices)
        others = ["grace", "linus"] if choice in (Choice.APPROVE, Choice.REJECT) else []
        user = self.random.choice(["ada", *others])
        value = self.random.choice(question.options) if choice is Choice.GOTO and question.options else "text"
        answer = Answered(question.step, question.visit, question.kind, choice, value, reason="because")
        if self.offer(answer, user) is not None and choice is not Choice.GOTO:
            assert choice is Choice.APPROVE, "a choice that was offered is refused"


def attempts_of(events: list[Event], part: Part) -> list[StepStarted]:
    """Every attempt of this part that began, in order."""
    return [event.fact for event in events if isinstance(event.fact, StepStarted) and event.fact.part is part]
