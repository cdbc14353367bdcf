"""Stories of time limits: on verification, on probes that decide, on the way back and on the cleanup."""

from datetime import timedelta

import pytest

from drx.engine.commands import Cancel, CancelReason
from drx.engine.draft import GRACE
from drx.engine.events import AbortRequested, ClockDiverged, StepCancelled, StepFailed, StepTimedOut
from drx.engine.terms import Part, QuestionKind
from drx.engine.visit import Status, Undo
from tests.engine.script import A, B, script

PROBED = {"verify": {"action": "probe-again"}, "timeout": "30s"}
TIDY = {"id": "tidy", "action": "do-once", "timeout": "30s"}
LAST = {"id": "last", "action": "do-again"}


def test_verification_has_the_steps_time_once_more_and_its_end_is_the_steps() -> None:
    run = script({**A, **PROBED}, unattended=True)
    run.started()
    run.wait(20)
    run.succeed("a")
    assert run.started() == ["a verify"]
    assert run.next().wake_at == run.now + timedelta(seconds=30)
    run.wait(30)
    assert run.next().cancel == (Cancel("a", 1, CancelReason.TIMEOUT),)
    run.tell(StepTimedOut("a", 1, 1, Part.VERIFY))
    assert run.end() == "failed: a: It took too long (30s allowed)"


def test_a_verification_past_its_time_is_a_reason_to_try_the_step_again() -> None:
    run = script({**B, **PROBED, "retry": {"attempts": 2, "wait": "1s"}}, unattended=True)
    run.started()
    run.succeed("b")
    run.started()
    run.tell(StepTimedOut("b", 1, 1, Part.VERIFY))
    run.decide()
    run.wait(1)
    assert run.started() == ["b"]
    run.succeed("b")
    assert run.started() == ["b verify"]
    run.succeed("b")
    assert run.end() == "succeeded"


def test_a_deaf_verification_is_left_behind_and_the_step_not_tried_again() -> None:
    run = script({**B, **PROBED, "retry": {"attempts": 2, "wait": "1s"}}, unattended=True)
    run.started()
    run.succeed("b")
    run.started()
    run.wait(30 + GRACE.total_seconds())
    assert run.end().startswith("failed: b: It took too long (30s allowed), did not end when told to")


@pytest.mark.parametrize("unattended", [True, False])
def test_a_probe_that_cannot_decide_in_time_decides_nothing(unattended: bool) -> None:
    run = script({**A, **PROBED}, unattended=unattended)
    run.started()
    run.crash()
    assert run.started() == ["a verify"]
    run.wait(30)
    assert run.next().cancel == (Cancel("a", 1, CancelReason.TIMEOUT),)
    run.tell(StepTimedOut("a", 1, 1, Part.VERIFY))
    if unattended:
        assert run.end() == "failed: a: It was interrupted, and nobody knows how it ended"
    else:
        assert run.question().kind is QuestionKind.INTERRUPTED


def test_a_deaf_rollback_is_left_behind_and_the_next_one_runs() -> None:
    undo = {"rollback": {"action": "undo-again"}}
    run = script({**A, **undo}, {**B, **undo, "timeout": "10s"}, unattended=True, cleanup=[LAST])
    run.started()
    run.succeed("a")
    run.started()
    run.fail("b")
    assert run.started() == ["b rollback"]
    run.wait(10 + GRACE.total_seconds())
    assert run.started() == ["a rollback"]
    run.succeed("a")
    assert run.started() == ["last"]
    run.succeed("last")
    assert run.end() == "failed: b: no"
    assert (run.visit("b").undo, run.visit("a").undo) == (Undo.FAILED, Undo.DONE)
    assert run.facts.count(StepTimedOut("b", 1, 1, Part.ROLLBACK, abandoned=True)) == 1


@pytest.mark.parametrize("deaf", [True, False])
@pytest.mark.parametrize("aborted", [True, False])
def test_a_cleanup_step_past_its_time_does_not_keep_the_next_one_from_running(deaf: bool, aborted: bool) -> None:
    run = script(A, unattended=True, cleanup=[TIDY, LAST])
    run.started()
    run.succeed("a")
    if aborted:
        run.tell(AbortRequested("enough", "signal"))
    assert run.started() == ["tidy"]
    run.wait(30)
    assert run.next().cancel == (Cancel("tidy", 1, CancelReason.TIMEOUT),)
    if deaf:
        run.wait(GRACE.total_seconds())
    else:
        run.tell(StepTimedOut("tidy", 1, 1, Part.WORK))
    assert run.started() == ["last"]
    run.succeed("last")
    assert run.end() == ("aborted: enough" if aborted else "succeeded")
    assert run.visit("tidy").status is Status.TIMED_OUT


def test_a_group_of_the_cleanup_past_its_time_stops_what_is_inside() -> None:
    group = {"id": "g", "parallel": {"one": [{"id": "x", "action": "do-once"}]}, "timeout": "1m"}
    run = script(A, unattended=True, cleanup=[group, LAST])
    run.started()
    run.succeed("a")
    assert run.started() == ["x"]
    run.wait(60)
    assert [cancel.step for cancel in run.next().cancel] == ["x"]
    run.tell(StepCancelled("x", 1, 1, Part.WORK))
    assert run.started() == ["last"]


def test_a_clock_that_is_set_moves_every_wait_along() -> None:
    """Set forward by an hour: nothing is late for that, neither an attempt, nor a retry, nor the whole run."""
    retried = {**B, "retry": {"attempts": 2, "wait": "10s"}}
    run = script({"id": "g", "parallel": {"one": [{**A, "timeout": "30s"}], "two": [retried]}}, unattended=True)
    run.started()
    run.fail("b")
    run.decide()
    run.wait(3600)
    run.tell(ClockDiverged(3600.0))
    assert run.next().wake_at == run.now + timedelta(seconds=10)
    assert run.next().cancel == ()
    run.wait(10)
    assert run.started() == ["b"]
    run.succeed("b")
    assert run.next().wake_at == run.now + timedelta(seconds=20)
    run.succeed("a")
    assert run.end() == "succeeded"


def test_a_clock_that_is_set_back_while_a_step_is_told_to_stop_does_not_lengthen_its_grace() -> None:
    run = script(A)
    run.started()
    run.tell(AbortRequested("enough", "person"))
    run.wait(-3600)
    run.tell(ClockDiverged(-3600.0))
    assert run.next().wake_at == run.now + GRACE
    run.wait(GRACE.total_seconds())
    assert run.end() == "aborted: enough"
    assert isinstance(run.visit("a").failure, StepCancelled)
    assert not any(isinstance(fact, StepFailed) for fact in run.facts)
