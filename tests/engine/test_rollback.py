"""Stories of the way back: abort, rollback, cleanup, pause."""

from datetime import timedelta

from drx.engine.admit import admit
from drx.engine.commands import Cancel, CancelReason
from drx.engine.events import (
    AbortRequested,
    PauseRequested,
    RunPaused,
    StepCancelled,
    StepTimedOut,
)
from drx.engine.terms import Part
from drx.engine.visit import Status, Undo
from tests.engine.script import ADA, A, B, script


def test_abort_rolls_back_newest_first_then_cleans_up() -> None:
    undo = {"rollback": {"action": "undo-again"}}
    run = script({**A, **undo}, {**B, **undo}, cleanup=[{"id": "tidy", "action": "do-again"}])
    run.started()
    run.succeed("a")
    run.started()
    run.tell(AbortRequested("enough", "person"))
    assert run.next().cancel == (Cancel("b", 1, CancelReason.STOPPING),)
    run.tell(StepCancelled("b", 1, 1, Part.WORK))
    assert run.started() == ["b rollback"]
    assert run.started() == []
    run.fail("b")
    assert run.started() == ["a rollback"]
    run.succeed("a")
    assert run.started() == ["tidy"]
    assert admit(run.plan, run.state, AbortRequested("again", "person"), ADA) is not None
    run.succeed("tidy")
    assert run.end() == "aborted: enough"
    assert (run.visit("b").undo, run.visit("a").status) == (Undo.FAILED, Status.ROLLED_BACK)


def test_a_rollback_that_was_interrupted_runs_again_only_where_that_does_no_harm() -> None:
    once, again = {"rollback": {"action": "undo-once"}}, {"rollback": {"action": "undo-again"}}
    run = script({**A, **once}, {**B, **again}, unattended=True)
    run.started()
    run.succeed("a")
    run.started()
    run.tell(AbortRequested("enough", "signal"))
    run.tell(StepCancelled("b", 1, 1, Part.WORK))
    assert run.started() == ["b rollback"]
    run.crash()
    assert run.started() == ["b rollback"]
    run.succeed("b")
    assert run.started() == ["a rollback"]
    run.crash()
    assert run.end() == "aborted: enough"
    assert run.visit("a").undo is Undo.FAILED


def test_a_rollback_past_its_time_is_stopped() -> None:
    run = script({**A, "timeout": "10s", "rollback": {"action": "undo-once"}}, unattended=True)
    run.started()
    run.fail("a")
    assert run.started() == ["a rollback"]
    assert run.next().wake_at == run.now + timedelta(seconds=10)
    run.wait(10)
    assert run.next().cancel == (Cancel("a", 1, CancelReason.TIMEOUT),)
    run.tell(StepTimedOut("a", 1, 1, Part.ROLLBACK))
    assert run.end() == "failed: a: no"


def test_pause_stops_what_runs_and_resume_goes_on_as_after_a_crash() -> None:
    run = script(B, A)
    run.started()
    run.tell(PauseRequested("lunch"))
    assert admit(run.plan, run.state, PauseRequested("again"), ADA) is not None
    assert run.next().cancel == (Cancel("b", 1, CancelReason.STOPPING),)
    run.tell(StepCancelled("b", 1, 1, Part.WORK))
    assert run.end() == "paused"
    run.tell(RunPaused())
    run.crash()
    assert run.started() == ["b"]


def test_pause_during_rollback_rolls_back_again() -> None:
    run = script({**A, "rollback": {"action": "undo-again"}})
    run.started()
    run.tell(AbortRequested("enough", "person"))
    run.tell(StepCancelled("a", 1, 1, Part.WORK))
    run.started()
    run.tell(PauseRequested("lunch"))
    run.tell(StepCancelled("a", 1, 1, Part.ROLLBACK))
    assert run.end() == "paused"
    run.crash()
    assert run.started() == ["a rollback"]


def test_a_cleanup_step_that_was_interrupted_and_may_not_repeat_is_left() -> None:
    run = script(A, cleanup=[{"id": "tidy", "action": "do-once"}])
    run.started()
    run.succeed("a")
    assert run.started() == ["tidy"]
    run.crash()
    assert run.end() == "succeeded"
    assert run.visit("tidy").status is Status.FAILED


def test_what_nothing_can_undo_is_left_as_it_is() -> None:
    run = script({**A, "rollback": "none"}, B)
    assert run.started() == ["a"]
    run.succeed("a")
    assert run.started() == ["b"]
    run.tell(AbortRequested("enough", "person"))
    assert run.next().cancel == (Cancel("b", 1, CancelReason.STOPPING),)
    run.tell(StepCancelled("b", 1, 1, Part.WORK))
    assert run.end() == "aborted: enough"
    assert run.visit("a").status is Status.SUCCEEDED
