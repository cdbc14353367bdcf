"""Stories of people: what they are asked, what they answer, and what happens where nobody is there."""

from datetime import timedelta
from typing import Any

import pytest

from drx.engine.admit import admit
from drx.engine.compile import Compiler
from drx.engine.events import (
    AbortRequested,
    Answered,
    Fact,
    InputGiven,
    NoteAdded,
    RunFinished,
    StepFailed,
    StepSkipped,
)
from drx.engine.terms import Choice, FailureKind, Mode, Part, QuestionKind
from drx.engine.visit import Status
from drx.runbook.model import Runbook
from tests.engine.plans import repeatable
from tests.engine.script import ADA, A, Script, script


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
    who = "who may approve: anybody but ada, who runs it, by drx approve r ok"
    assert run.question().details == ("1 of 2 approvals", "grace", who)
    assert run.question().choices == (Choice.REJECT,), "whoever runs it cannot approve, so that is not offered"
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


def test_a_question_without_words_is_not_put_however_often_it_is_tried_again() -> None:
    run = script({"id": "c", "confirm": "Call {{ steps.nobody.outputs.name }}"})
    for _ in range(2):
        assert run.question().kind is QuestionKind.FAILURE
        assert run.answer(Choice.RETRY) is None


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
