"""Whoever goes on with a run counts its approvals again."""

from datetime import UTC, datetime

import pytest

from drx.engine.events import Answered, Author, Event, Fact, RunStarted, StepSucceeded, StepWaiting
from drx.engine.four_eyes import wrong_approval
from drx.engine.terms import Choice, Mode, Part, QuestionKind
from tests.engine.plans import compile_steps

STEP = {"id": "ok", "approve": "Go?", "approvers": {"min": 2, "not_operator": True}}


def _by(user: str, fact: Fact, number: int) -> Event:
    return Event(number, datetime(2026, 11, 26, 14, 0, number, tzinfo=UTC), float(number), Author(user, "db1", 1), fact)


@pytest.mark.parametrize(
    ("people", "wrong"),
    [
        (["grace", "linus"], None),
        (["grace", "ada"], "ok is approved by ada, who runs it"),
        (["grace"], "ok went on with 1 of 2 approvals"),
        (["grace", "grace"], "ok went on with 1 of 2 approvals"),
        ([], "ok went on with 0 of 2 approvals"),
    ],
)
def test_approvals_are_counted_again(people: list[str], wrong: str | None) -> None:
    facts: list[tuple[str, Fact]] = [
        ("ada", RunStarted("r", Mode.OPERATION, "test", "lab", False, "0", {}, None)),
        ("ada", StepWaiting("ok", 1, "Go?")),
        *((user, Answered("ok", 1, QuestionKind.STEP, Choice.APPROVE)) for user in people),
        ("ada", StepSucceeded("ok", 1, 1, Part.WORK, {})),
    ]
    events = [_by(user, fact, number) for number, (user, fact) in enumerate(facts)]
    assert wrong_approval(compile_steps([STEP]), events) == wrong
