"""Prompts that answer by themselves, and events to show."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from drx.engine.events import Author, Event, Fact
from drx.engine.plan import Automated, Call, Phase, Plan, PlannedStep
from drx.engine.terms import Mode

AT = datetime(2026, 11, 21, 8, 0, 12, tzinfo=UTC)
PLAN = Plan(
    runbook="story",
    title="A story",
    mode=Mode.INCIDENT,
    main=(
        PlannedStep(
            "restore",
            "Restore the images",
            Phase.STEP,
            Automated(Call("test.x", {}, True)),
            expect=timedelta(minutes=5),
        ),
    ),
)


def event(fact: Fact, user: str = "ada") -> Event:
    """The fact as it stands in a journal."""
    return Event(1, AT, 0.0, Author(user, "bastion", 1), fact)


@dataclass
class Scripted:
    """Answers in order: the start of a label, or a line of text."""

    answers: list[str]
    asked: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def choose(self, text: str, labels: Sequence[str]) -> int:
        self.asked.append(text)
        self.labels += labels
        wanted = self.answers.pop(0)
        return next(index for index, label in enumerate(labels) if label.startswith(wanted))

    def line(self, text: str) -> str:
        self.asked.append(text)
        return self.answers.pop(0)

    def withdraw(self) -> None:
        self.answers.clear()
