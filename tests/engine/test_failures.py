"""Stories of what goes wrong: retries, time limits, verification, and attempts that a crash cut short."""

from datetime import timedelta

import pytest

from drx.engine.admit import admit
from drx.engine.commands import Cancel, CancelReason
from drx.engine.draft import GRACE
from drx.engine.events import (
    StepFailed,
    StepSucceeded,
    StepTimedOut,
)
from drx.engine.terms import Choice, FailureKind, Part, QuestionKind
from tests.engine.script import ADA, A, B, script


def test_retries_wait_longer_each_time_and_then_stop() -> None:
    run = script({**B, "retry": {"attempts": 3, "wait": "10s", "backoff": 2}, "on_failure": "abort"}, unattended=True)
    run.started()
    run.fail("b")
    assert run.next().wake_at == run.now + timedelta(seconds=10)
    run.wait(10)
    assert run.started() == ["b"]
    run.fail("b")
    assert run.next().wake_at == run.now + timedelta(seconds=20)
    run.wait(20)
    run.started()
    run.fail("b", "still no")
    assert run.end() == "failed: b: still no"
    assert run.visit("b").attempt == 3


@pytest.mark.parametrize("kind", [FailureKind.REFUSED, FailureKind.PERMANENT])
def test_what_another_attempt_cannot_help_is_not_tried_again(kind: FailureKind) -> None:
    run = script({**B, "retry": {"attempts": 3, "wait": "10s"}}, unattended=True)
    run.started()
    run.tell(StepFailed("b", 1, 1, Part.WORK, error="not yours", kind=kind))
    assert run.end() == "failed: b: not yours"


def test_a_step_past_its_time_is_told_to_stop_and_has_then_timed_out() -> None:
    run = script({**A, "timeout": "30s"})
    run.started()
    assert run.next().wake_at == run.now + timedelta(seconds=30)
    run.wait(30)
    assert run.next().cancel == (Cancel("a", 1, CancelReason.TIMEOUT),)
    run.tell(StepTimedOut("a", 1, 1, Part.WORK))
    assert run.question().details[0] == "It took too long (30s allowed)"


def test_an_attempt_that_does_not_stop_is_left_behind_and_never_retried() -> None:
    run = script({**B, "timeout": "30s", "retry": {"attempts": 2, "wait": "1s"}}, unattended=True)
    run.started()
    run.wait(30 + GRACE.total_seconds())
    assert run.end() == "failed: b: It took too long (30s allowed), did not end when told to, and may still be going on"
    late = StepSucceeded("b", 1, 1, Part.WORK)
    assert admit(run.plan, run.state, late, ADA) == "b: attempt 1 is not running any more"


@pytest.mark.parametrize(
    ("on_failure", "then"), [("continue", ["b"]), ({"goto": "c"}, ["c"]), ("abort", []), ("ask", [])]
)
def test_what_follows_a_failure(on_failure: object, then: list[str]) -> None:
    run = script({**A, "on_failure": on_failure}, B, {"id": "c", "action": "do-once"}, unattended=True)
    run.started()
    run.fail("a")
    if then:
        assert run.started() == then
    else:
        assert run.end() == "failed: a: no"


def test_a_person_decides_about_a_failure() -> None:
    run = script(A, B, {"id": "c", "action": "do-once"})
    for step in ("a", "b"):
        run.started()
        run.succeed(step)
    run.started()
    run.fail("c")
    question = run.question()
    assert question.choices == (Choice.RETRY, Choice.GOTO, Choice.DONE, Choice.SKIP)
    assert question.options == ("a", "b")
    assert run.answer(Choice.GOTO, "nowhere") == "the run cannot go on at 'nowhere'"
    assert run.answer(Choice.SKIP, reason=" ") == "a reason is needed"
    assert run.answer(Choice.APPROVE) == "'approve' is no answer to this question"
    assert run.answer(Choice.GOTO, "b") is None
    assert run.started() == ["b"]
    assert run.visit("b").number == 2
    run.succeed("b")
    assert run.started() == ["c"]
    run.fail("c")
    assert run.answer(Choice.RETRY) is None
    assert run.started() == ["c"]
    assert (run.visit("c").number, run.visit("c").attempt) == (2, 2)
    run.fail("c")
    assert run.answer(Choice.DONE) is None
    assert run.end() == "succeeded"


def test_verification_follows_the_work_and_its_failure_is_the_steps() -> None:
    run = script({**A, "verify": {"action": "probe-again"}})
    assert run.started() == ["a"]
    run.succeed("a", x=1)
    assert run.started() == ["a verify"]
    run.fail("a", "not there")
    assert run.question().details == ("not there",)
    run.answer(Choice.RETRY)
    assert run.started() == ["a"]
    run.succeed("a", x=2)
    run.started()
    run.succeed("a", ignored=3)
    assert run.end() == "succeeded"
    assert run.visit("a").outputs == {"x": 2}


def test_after_a_crash_the_probe_decides() -> None:
    run = script({**A, "verify": {"action": "probe-again"}}, B)
    run.started()
    run.crash()
    assert run.started() == ["a verify"]
    run.succeed("a", uri="x")
    assert run.started() == ["b"]
    assert run.visit("a").outputs == {"uri": "x"}


def test_after_a_crash_during_verification_only_the_probe_runs_again() -> None:
    run = script({**A, "verify": {"action": "probe-again"}})
    run.started()
    run.succeed("a", uri="x")
    run.started()
    run.crash()
    assert run.started() == ["a verify"]
    run.succeed("a", uri="probe's")
    assert run.end() == "succeeded"
    assert run.visit("a").outputs == {"uri": "x"}


def test_after_a_crash_a_disproved_step_that_may_not_repeat_is_a_question() -> None:
    run = script({**A, "verify": {"action": "probe-again"}})
    run.started()
    run.crash()
    run.started()
    run.fail("a")
    question = run.question()
    assert question.kind is QuestionKind.INTERRUPTED
    assert run.answer(Choice.DONE, reason="") == "a reason is needed"
    assert run.answer(Choice.RETRY) is None
    assert run.started() == ["a"]


def test_after_a_crash_a_disproved_step_that_may_repeat_runs_again() -> None:
    run = script({**B, "verify": {"action": "probe-again"}})
    run.started()
    run.crash()
    run.started()
    run.fail("b")
    assert run.started() == ["b"]
    assert run.visit("b").attempt == 2


def test_after_a_crash_a_repeatable_step_runs_again_and_any_other_fails_unattended() -> None:
    run = script(B, A, unattended=True)
    run.started()
    run.crash()
    assert run.started() == ["b"]
    run.succeed("b")
    run.started()
    run.crash()
    assert run.end() == "failed: a: It was interrupted, and nobody knows how it ended"


def test_a_run_that_nobody_attends_is_ended_after_a_day_unless_it_says_otherwise() -> None:
    run = script({**A, "on_failure": "continue"}, unattended=True)
    run.started()
    assert run.next().wake_at == run.now + timedelta(hours=24)
    run.wait(timedelta(hours=24).total_seconds())
    run.next()
    assert run.state.abort is not None
    assert run.state.abort.reason == "the run was not done after 1d, its timeout"
