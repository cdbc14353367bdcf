"""What is not repeatable runs a second time only where a person says so, as after going back."""

from drx.engine.events import StepFailed, StepStarted
from drx.engine.terms import Choice, FailureKind, QuestionKind
from drx.engine.visit import Status
from tests.engine.script import A, B, Script, script

C = {"id": "c", "action": "do-again"}


def gone_back(*, unattended: bool = False) -> Script:
    """`a` is not repeatable and has run, `c` has failed, and a person wants to go on at `a`."""
    run = script(A, B, C)
    for step in ("a", "b"):
        assert run.started() == [step]
        run.succeed(step, made=step)
    assert run.started() == ["c"]
    run.fail("c")
    assert run.answer(Choice.GOTO, "a") is None
    run.unattended = unattended
    if unattended:
        run.crash()
    return run


def test_a_person_is_asked_and_may_run_it_again() -> None:
    run = gone_back()
    assert run.question().kind is QuestionKind.REPEAT
    assert run.question().step == "a"
    assert run.question().choices[0] is Choice.SKIP
    assert run.answer(Choice.RETRY) is None
    assert run.started() == ["a"]
    run.succeed("a")
    assert run.started() == ["b"], "what is repeatable runs again without a question"


def test_what_is_not_run_again_still_has_what_it_gave() -> None:
    run = gone_back()
    assert run.answer(Choice.SKIP, reason="") == "a reason is needed"
    assert run.answer(Choice.SKIP) is None
    assert run.started() == ["b"]
    assert run.visit("a").status is Status.SKIPPED
    assert run.visit("a").outputs == {"made": "a"}


def test_unattended_it_is_a_failure() -> None:
    run = gone_back(unattended=True)
    assert run.end().startswith("failed: a: It has run before in this run, and is not repeatable")
    failure = run.visit("a").failure
    assert isinstance(failure, StepFailed)
    assert failure.kind is FailureKind.HUMAN_NEEDED
    assert [fact.step for fact in run.facts if isinstance(fact, StepStarted)].count("a") == 1


def test_no_other_answer_opens_it() -> None:
    run = gone_back()
    assert run.answer(Choice.APPROVE) == "'approve' is no answer to this question"


def test_a_group_that_is_tried_again_asks_for_what_ran_inside() -> None:
    run = script({"id": "g", "parallel": {"one": [A, B]}})
    assert run.started() == ["a"]
    run.succeed("a")
    assert run.started() == ["b"]
    run.fail("b")
    assert run.answer(Choice.GOTO, "a") is None
    assert run.question().kind is QuestionKind.REPEAT
    assert run.answer(Choice.DONE) is None
    assert run.started() == ["b"]
