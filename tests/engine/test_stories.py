"""Small stories: what the engine starts, asks and concludes, one decision at a time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from drx.engine.admit import admit
from drx.engine.commands import Cancel, CancelReason
from drx.engine.compile import Compiler
from drx.engine.draft import GRACE
from drx.engine.events import (
    AbortRequested,
    Answered,
    Author,
    ClockStarted,
    Fact,
    InputGiven,
    NoteAdded,
    PauseRequested,
    RunFinished,
    RunPaused,
    StepCancelled,
    StepFailed,
    StepSkipped,
    StepSucceeded,
    StepTimedOut,
)
from drx.engine.plan import Plan
from drx.engine.terms import Choice, FailureKind, Mode, Part, QuestionKind
from drx.engine.visit import Status, Undo
from drx.errors import InvalidInput
from drx.runbook.model import Drill, Runbook
from drx.values import as_json
from tests.engine.plans import compile_steps, repeatable
from tests.engine.script import Script

ADA = Author("ada", "h", 1)
A: dict[str, Any] = {"id": "a", "action": "do-once"}
B: dict[str, Any] = {"id": "b", "action": "do-again"}


def script(*steps: dict[str, Any], unattended: bool = False, **rest: Any) -> Script:
    return Script(compile_steps(list(steps), **rest), unattended)


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


def test_branches_run_side_by_side_and_a_failed_one_lets_the_others_end() -> None:
    group = {"id": "g", "parallel": {"one": [A], "two": [B, {"id": "c", "action": "do-once"}]}}
    run = script(group, unattended=True)
    assert run.started() == ["a", "b"]
    run.fail("a")
    run.succeed("b")
    assert run.started() == ["c"]
    run.succeed("c")
    assert run.end() == "failed: g: a: no"


def test_abort_in_a_branch_cancels_the_others() -> None:
    group = {"id": "g", "parallel": {"one": [{**A, "on_failure": "abort"}], "two": [B]}}
    run = script(group)
    run.started()
    run.fail("a")
    assert run.next().cancel == (Cancel("b", 1, CancelReason.STOPPING),)
    run.tell(StepCancelled("b", 1, 1, Part.WORK))
    assert run.end() == "failed: a: no"
    assert run.visit("g").status is Status.CANCELLED


def test_a_group_past_its_time_stops_what_is_inside() -> None:
    run = script({"id": "g", "parallel": {"one": [A], "two": [B]}, "timeout": "1m"}, unattended=True)
    run.started()
    run.succeed("a")
    run.wait(60)
    assert [cancel.step for cancel in run.next().cancel] == ["b"]
    run.tell(StepCancelled("b", 1, 1, Part.WORK))
    assert run.end() == "failed: g: It took too long (1m allowed)"


def test_a_deaf_attempt_inside_a_group_past_its_time_is_left_behind() -> None:
    run = script({"id": "g", "parallel": {"one": [A]}, "timeout": "1m"}, unattended=True)
    run.started()
    run.wait(60 + GRACE.total_seconds())
    assert run.end() == "failed: g: It took too long (1m allowed)"
    assert run.visit("a").status is Status.CANCELLED


def test_a_group_tried_again_starts_afresh() -> None:
    run = script({"id": "g", "parallel": {"one": [A]}})
    run.started()
    run.fail("a")
    assert run.answer(Choice.SKIP) is None
    assert run.end() == "succeeded"
    run = script({"id": "g", "parallel": {"one": [{**A, "timeout": "1s"}]}, "timeout": "1m"})
    run.started()
    run.wait(60)
    run.next()
    run.tell(StepCancelled("a", 1, 1, Part.WORK))
    assert run.answer(Choice.RETRY) is None
    assert run.started() == ["a"]
    assert run.visit("g").number == 2


def nested(unattended: bool = True) -> Script:
    inner = Runbook.model_validate(
        {
            "runbook": "inner",
            "title": "Inner",
            "inputs": {"name": {}, "size": {"default": 7}},
            "steps": [{"id": "a", "action": "do-once", "when": "inputs.name == 'x' and inputs.size == 7"}],
            "cleanup": [{"id": "tidy", "action": "do-again"}],
            "outputs": {"uri": "{{ steps.a.outputs.uri }}"},
        }
    )
    outer = Runbook.model_validate(
        {
            "runbook": "outer",
            "title": "Outer",
            "inputs": {"name": {"default": "x"}, "skip": {"default": False, "type": "boolean"}},
            "steps": [
                {"id": "call", "runbook": "inner", "inputs": {"name": "{{ inputs.name }}"}, "when": "not inputs.skip"},
                {"id": "use", "action": "do-once", "when": "steps.call.outputs.uri == 'u'"},
            ],
        }
    )
    return Script(Compiler({"inner": inner}, repeatable).runbook(outer, mode=Mode.INCIDENT, constants={}), unattended)


def test_a_nested_runbook_has_inputs_outputs_and_ids_of_its_own() -> None:
    run = nested()
    assert run.started() == ["call/a"]
    assert run.state.inputs == {"name": "x", "skip": False, "call/name": "x", "call/size": 7}
    run.succeed("call/a", uri="u")
    assert run.started() == ["use"]
    run.succeed("use")
    assert run.started() == ["call/tidy"]
    run.succeed("call/tidy")
    assert run.end() == "succeeded"


def test_a_nested_runbook_whose_outputs_cannot_be_given_has_failed() -> None:
    run = nested()
    run.started()
    run.succeed("call/a")
    assert run.started() == ["call/tidy"]
    run.succeed("call/tidy")
    assert run.end().startswith("failed: call: ")


def test_the_cleanup_of_a_nested_runbook_that_never_started_is_left_out() -> None:
    run = nested()
    run.tell(InputGiven("skip", True))
    run.tell(InputGiven("name", "x"))
    assert run.end().startswith("failed: use: ")
    assert run.visit("call/tidy").status is Status.SKIPPED


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


def test_a_person_confirms_answers_and_approves() -> None:
    run = script(
        {"id": "c", "confirm": "Did you, in {{ run.id }}?"},
        {"id": "q", "ask": "Which?", "choices": ["red", "blue"]},
        {"id": "ok", "approve": "Go?", "approvers": {"min": 2, "not_operator": True}},
    )
    assert run.question().text == "Did you, in r?"
    assert run.answer(Choice.DONE, reason="") is None
    assert run.answer(Choice.ANSWER, "green") == "'green' is none of: red, blue"
    assert run.answer(Choice.ANSWER, "blue") is None
    assert run.visit("q").outputs == {"answer": "blue"}
    assert run.answer(Choice.APPROVE) == "ada runs this runbook; somebody else has to approve"
    assert run.answer(Choice.APPROVE, user="grace") is None
    assert run.answer(Choice.APPROVE, user="grace") is None
    assert run.question().details == ("1 of 2 approvals", "grace")
    assert run.answer(Choice.APPROVE, user="linus") is None
    assert run.end() == "succeeded"
    assert run.visit("ok").outputs["approved_by"] == ["grace", "linus"]


@pytest.mark.parametrize(("choice", "status"), [(Choice.REJECT, Status.REJECTED)])
def test_a_rejection_fails_the_step_and_asking_again_forgets_the_approvals(choice: Choice, status: Status) -> None:
    run = script({"id": "ok", "approve": "Go?", "approvers": {"min": 2}})
    run.answer(Choice.APPROVE, user="grace")
    run.answer(choice, reason="not now", user="linus")
    assert run.visit("ok").status is status
    assert run.question().details == ("linus rejected it: not now",)
    run.answer(Choice.RETRY)
    assert run.question().details == ("0 of 2 approvals",)


def test_what_went_wrong_is_a_failure_with_its_reason() -> None:
    run = script({"id": "c", "confirm": "Did you?", "on_failure": "abort"})
    run.answer(Choice.WENT_WRONG, reason="the disk is gone")
    assert run.end() == "failed: c: ada says that it went wrong: the disk is gone"


@pytest.mark.parametrize(
    ("unattended", "end"),
    [
        ("skip", "succeeded"),
        ("fail", "failed: c: A person has to answer: Did you?"),
    ],
)
def test_a_person_who_is_not_there(unattended: str, end: str) -> None:
    run = script({"id": "c", "confirm": "Did you?", "unattended": unattended}, unattended=True)
    assert run.end() == end


def test_a_probe_answers_for_a_person_who_is_not_there() -> None:
    run = script(
        {"id": "c", "confirm": "Did you?", "unattended": {"probe": {"action": "probe-again"}}}, unattended=True
    )
    assert run.started() == ["c"]
    run.succeed("c")
    assert run.end() == "succeeded"


def test_a_question_nobody_answers_in_time_has_timed_out() -> None:
    run = script({"id": "c", "confirm": "Did you?", "timeout": "5m", "on_failure": "abort"})
    assert run.next().wake_at == run.now + timedelta(minutes=5)
    run.wait(300)
    assert run.end() == "failed: c: It took too long (5m allowed)"


def test_whoever_types_the_name_allows_the_step() -> None:
    run = script(A)
    run.started()
    run.tell(StepFailed("a", 1, 1, Part.WORK, error="drops it", kind=FailureKind.NEEDS_NAME, resource="pixelcraft"))
    assert run.question().kind is QuestionKind.NAME
    assert run.answer(Choice.NAMED, "pixel") == "type the name exactly: pixelcraft"
    assert run.answer(Choice.SKIP, reason="") == "type the name exactly: pixelcraft"
    assert run.answer(Choice.NAMED, "pixelcraft") is None
    assert run.state.named == {"pixelcraft"}
    assert run.started() == ["a"]


def test_inputs_are_asked_before_anything_starts_and_must_fit() -> None:
    inputs = {
        "when": {"type": "datetime", "ask": "When?", "starts_clock": True},
        "n": {"type": "integer", "default": 3},
    }
    run = script(A, inputs=inputs)
    decision = run.next()
    assert [question.text for question in decision.questions] == ["When?"]
    assert admit(run.plan, run.state, InputGiven("when", "yesterday"), ADA) is not None
    assert admit(run.plan, run.state, InputGiven("who", "x"), ADA) == "there is no input 'who'"
    given = InputGiven("when", "2026-11-21T07:00:00Z")
    assert admit(run.plan, run.state, given, ADA) is None
    run.tell(given)
    assert admit(run.plan, run.state, given, ADA) == "the input when has its value already"
    assert run.started() == ["a"]
    assert run.state.clock is not None
    assert run.state.clock.source == "input"
    assert run.state.clock.moment.hour == 7


@pytest.mark.parametrize(
    ("spec", "value", "fits"),
    [
        ({"type": "duration"}, "5m", True),
        ({"type": "duration"}, "5", False),
        ({"type": "integer"}, "12", True),
        ({"type": "integer"}, "twelve", False),
        ({"type": "boolean"}, True, True),
        ({"type": "boolean"}, "maybe", False),
        ({"type": "choice", "choices": ["x"]}, "x", True),
        ({"type": "choice", "choices": ["x"]}, "y", False),
        ({"type": "text"}, "x", True),
        ({"type": "text"}, " ", False),
    ],
)
def test_a_value_fits_its_input_or_is_refused(spec: dict[str, Any], value: Any, fits: bool) -> None:
    run = script(A, inputs={"it": spec})
    assert (admit(run.plan, run.state, InputGiven("it", value), ADA) is None) is fits


def test_an_input_nobody_can_give_fails_the_run_before_anything_starts() -> None:
    run = script(A, inputs={"it": {}}, unattended=True)
    assert run.end() == "failed: input it: it has no value, and nobody is there to give it"
    assert "a" not in run.state.visits


def drill(**rest: Any) -> Script:
    runbook = Runbook.model_validate(
        {
            "runbook": "test",
            "title": "Test",
            "symptoms": [{"text": "It is gone", "probe": {"action": "probe-again"}}],
            "inputs": {"moment": {"type": "datetime", "starts_clock": True}},
            "steps": [A, {"id": "ok", "approve": "Go?", "approvers": {"not_operator": True}}],
        }
    )
    answers = {"moment": "{{ fault.at }}", "ok": "approve"}
    data = {
        "drill": "test", "runbook": "test", "environment": "sandbox", "setup": [{"id": "seed", "action": "do-once"}],
        "fault": {"action": "break"}, "detect": {"within": "1m"}, "answers": answers,
        "pass": [{"id": "count", "action": "do-once"}, {"id": "serve", "action": "do-once"}],
        "teardown": [{"id": "tidy", "action": "do-again"}], **rest,
    }  # fmt: skip
    return Script(Compiler({}, repeatable).drill(Drill.model_validate(data), runbook, constants={}), unattended=True)


def recover(run: Script) -> None:
    for step in ("seed", "fault", "detect", "a"):
        assert run.started() == [step]
        run.succeed(step, **({"at": "2026-11-21T08:00:07Z"} if step == "fault" else {}))


def test_a_drill_is_setup_fault_detection_runbook_pass_teardown() -> None:
    run = drill()
    recover(run)
    assert run.started() == ["count"]
    assert run.state.inputs == {"moment": "2026-11-21T08:00:07Z"}
    clocks = [fact for fact in run.facts if isinstance(fact, ClockStarted)]
    assert [(clock.source, clock.moment.second) for clock in clocks] == [("fault", 7)]
    run.succeed("count")
    run.started()
    run.succeed("serve")
    assert run.started() == ["tidy"]
    run.succeed("tidy")
    assert run.end() == "succeeded"


def test_a_drill_that_misses_one_of_its_criteria_still_looks_at_the_others_and_fails() -> None:
    run = drill()
    recover(run)
    run.started()
    run.fail("count", "3 images are missing")
    assert run.started() == ["serve"]
    run.succeed("serve")
    assert run.started() == ["tidy"]
    run.fail("tidy")
    assert run.end() == "failed: count: 3 images are missing"


def test_the_fault_never_strikes_again() -> None:
    run = drill()
    run.started()
    run.succeed("seed")
    assert run.started() == ["fault"]
    run.crash()
    assert run.started() == ["tidy"]
    run.succeed("tidy")
    assert run.end() == "failed: fault: It was interrupted, and nobody knows how it ended"


@pytest.mark.parametrize(
    ("answers", "end"),
    [
        ({"ok": "reject"}, "failed: ok: ada rejected it: drill script"),
        ({"ok": "{{ fault.nothing }}"}, "failed: ok: "),
        ({"moment": "{{ fault.nothing }}"}, "failed: input moment: "),
    ],
)
def test_scripted_answers_can_go_wrong(answers: dict[str, str], end: str) -> None:
    run = drill(answers={"moment": "{{ fault.at }}", "ok": "approve", **answers})
    for step in ("seed", "fault", "detect"):
        run.started()
        run.succeed(step, at="2026-11-21T08:00:07Z")
    if run.started() == ["a"]:
        run.succeed("a")
        assert run.started() == ["tidy"]
    run.succeed("tidy")
    assert run.end().startswith(end)


def test_a_cleanup_step_that_was_interrupted_and_may_not_repeat_is_left() -> None:
    run = script(A, cleanup=[{"id": "tidy", "action": "do-once"}])
    run.started()
    run.succeed("a")
    assert run.started() == ["tidy"]
    run.crash()
    assert run.end() == "succeeded"
    assert run.visit("tidy").status is Status.FAILED


@pytest.mark.parametrize(
    ("fact", "refusal"),
    [
        (StepSkipped("a", 1, "x"), "StepSkipped is the engine's own to conclude"),
        (NoteAdded("x"), None),
        (AbortRequested("x", "person"), None),
    ],
)
def test_what_may_be_said_from_outside(fact: Fact, refusal: str | None) -> None:
    run = script(A)
    run.started()
    assert admit(run.plan, run.state, fact, ADA) == refusal
    run.tell(AbortRequested("x", "person"))
    assert admit(run.plan, run.state, AbortRequested("x", "person"), ADA) == "the run is being aborted already"
    run.tell(RunFinished(run.state.outcome or "aborted"))  # type: ignore[arg-type]
    assert admit(run.plan, run.state, AbortRequested("x", "person"), ADA) == "the run has finished"
    assert admit(run.plan, run.state, NoteAdded("x"), ADA) is None


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


def test_answers_to_questions_nobody_asked_are_refused() -> None:
    run = script(A, {"id": "c", "confirm": "Did you?"})
    run.started()

    def say(step: str, question: QuestionKind, choice: Choice = Choice.DONE) -> str | None:
        return admit(run.plan, run.state, Answered(step, 1, question, choice, reason="x"), ADA)

    assert say("nowhere", QuestionKind.STEP) == "there is no step 'nowhere'"
    assert say("a", QuestionKind.FAILURE) == "a does not wait for this answer"
    assert say("a", QuestionKind.INPUT) == "a does not wait for this answer"
    run.succeed("a")
    run.next()
    assert say("c", QuestionKind.STEP, Choice.APPROVE) == "'approve' is no answer to this question"
    assert say("c", QuestionKind.STEP) is None


def test_what_an_expression_gives_becomes_json() -> None:
    moment = datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert as_json({"a": (moment, b"\x01", {1})}) == {"a": ["2026-11-21T08:00:00.000Z", "01", [1]]}
    assert as_json(timedelta(seconds=1)) == "0:00:01"


def test_a_question_that_cannot_be_put_into_words_fails_the_step() -> None:
    run = script({"id": "c", "confirm": "Did you, in {{ run.nowhere }}?"}, unattended=True)
    assert run.end().startswith("failed: c: ")


def test_whoever_practises_alone_in_a_sandbox_may_approve() -> None:
    step = {"id": "ok", "approve": "Go?", "approvers": {"min": 2, "not_operator": True, "roles": ["dba"]}}
    runbook = Runbook.model_validate({"runbook": "test", "title": "Test", "steps": [step]})
    plan = Compiler({}, repeatable, practice=True).runbook(runbook, mode=Mode.INCIDENT, constants={})
    run = Script(plan)
    assert run.answer(Choice.APPROVE) is None
    assert run.end() == "succeeded"
