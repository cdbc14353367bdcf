"""Small stories: what the engine starts, asks and concludes, one decision at a time."""

from datetime import UTC, datetime, timedelta

import pytest

from drx.engine.events import (
    StepFailed,
)
from drx.engine.plan import Plan
from drx.engine.terms import FailureKind, QuestionKind
from drx.engine.visit import Status
from drx.errors import InvalidInput
from drx.values import as_json
from tests.engine.plans import compile_steps
from tests.engine.script import A, B, script


def test_steps_run_one_after_the_other() -> None:
    run = script(A, B)
    assert run.started() == ["a"]
    assert run.started() == []
    run.succeed("a")
    assert run.started() == ["b"]
    run.succeed("b")
    assert run.end() == "succeeded"


def test_a_step_whose_condition_is_false_is_skipped() -> None:
    run = script(
        A,
        {**B, "when": "steps.a.outputs.bad == 1"},
        {"id": "c", "action": "do-once", "when": "steps.b.status == 'skipped'"},
    )
    run.started()
    run.succeed("a", bad=0)
    assert run.started() == ["c"]
    assert run.visit("b").status is Status.SKIPPED


def test_a_condition_that_cannot_be_evaluated_fails_the_step() -> None:
    run = script({**A, "when": "steps.b.outputs.missing"}, B)
    assert run.question().kind is QuestionKind.FAILURE
    failure = run.visit("a").failure
    assert isinstance(failure, StepFailed)
    assert (failure.kind, failure.attempt) == (FailureKind.EXPRESSION, 0)


def test_ids_that_stand_for_two_steps_are_refused() -> None:
    with pytest.raises(InvalidInput, match="more than one step: a"):
        compile_steps([A, A])


@pytest.mark.parametrize("goto", ["a", "nowhere", "b"])
def test_going_back_by_rule_is_refused(goto: str) -> None:
    with pytest.raises(InvalidInput, match="no later step"):
        compile_steps([A, {**B, "on_failure": {"goto": goto}}])


def test_a_group_takes_the_time_of_its_longest_branch() -> None:
    group = {"id": "g", "parallel": {"one": [{**A, "expect": "1m"}], "two": [{**B, "expect": "3m"}]}}
    plan: Plan = compile_steps([group])
    assert plan.steps["g"].expect == timedelta(minutes=3)


def test_what_an_expression_gives_becomes_json() -> None:
    moment = datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert as_json({"a": (moment, b"\x01", {1})}) == {"a": ["2026-11-21T08:00:00.000Z", "01", [1]]}
    assert as_json(timedelta(seconds=1)) == "0:00:01"
