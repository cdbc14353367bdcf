"""Whoever goes on with a run counts its approvals again."""

from datetime import UTC, datetime
from typing import Any

import pytest

from drx.engine.events import Answered, Author, Event, Fact, RunStarted, StepSucceeded, StepWaiting
from drx.engine.four_eyes import wrong_approval
from drx.engine.terms import Choice, Mode, Part, QuestionKind
from tests.engine.plans import compile_steps

OTHERS = {"min": 2, "not_operator": True}
LEADS = {"min": 1, "roles": ["lead"]}
EITHER = {"min": 2, "not_operator": True, "roles": ["lead", "dba"]}


def _by(user: str, fact: Fact, number: int) -> Event:
    return Event(number, datetime(2026, 11, 26, 14, 0, number, tzinfo=UTC), float(number), Author(user, "db1", 1), fact)


@pytest.mark.parametrize(
    ("approvers", "people", "wrong"),
    [
        (OTHERS, ["grace", "linus"], None),
        (OTHERS, ["grace", "ada"], "ok is approved, but ada runs this runbook; somebody else has to approve"),
        (OTHERS, ["grace"], "ok went on with 1 of 2 approvals"),
        (OTHERS, ["grace", "grace"], "ok went on with 1 of 2 approvals"),
        (OTHERS, [], "ok went on with 0 of 2 approvals"),
        (LEADS, ["grace"], None),
        (LEADS, ["uid:1001"], None),
        (LEADS, ["linus"],
         "ok is approved, but linus does not have the role lead; who may approve: grace or uid:1001 (lead)"),
        (EITHER, ["grace", "linus"], None),
        (EITHER, ["grace", "uid:1001"], None),
        (EITHER, ["linus"], "ok went on with 1 of 2 approvals"),
        ({"roles": ["none"]}, ["grace"],
         "ok is approved, but grace does not have the role none; who may approve: nobody (none)"),
    ],
)  # fmt: skip
def test_approvals_are_counted_again(approvers: dict[str, Any], people: list[str], wrong: str | None) -> None:
    facts: list[tuple[str, Fact]] = [
        ("ada", RunStarted("r", Mode.OPERATION, "test", "lab", False, "0", {}, None)),
        ("ada", StepWaiting("ok", 1, "Go?")),
        *((user, Answered("ok", 1, QuestionKind.STEP, Choice.APPROVE)) for user in people),
        ("ada", StepSucceeded("ok", 1, 1, Part.WORK, {})),
    ]
    events = [_by(user, fact, number) for number, (user, fact) in enumerate(facts)]
    assert wrong_approval(compile_steps([{"id": "ok", "approve": "Go?", "approvers": approvers}]), events) == wrong
