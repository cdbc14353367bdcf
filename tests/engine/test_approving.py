"""Who may approve, who may only say no, and what others may not say at all."""

from drx.engine.events import Answered, RunResumed
from drx.engine.terms import Choice, QuestionKind
from drx.engine.visit import Status
from tests.engine.script import A, script


def test_only_those_count_who_have_the_role() -> None:
    run = script({"id": "ok", "approve": "Go?", "approvers": {"not_operator": True, "roles": ["lead"]}})
    who = "who may approve: grace or uid:1001 (lead)"
    assert run.question().details == ("0 of 1 approvals", f"{who}, by drx approve r ok")
    assert run.answer(Choice.APPROVE, user="linus") == f"linus does not have the role lead; {who}"
    assert run.answer(Choice.APPROVE, user="uid:1001") is None
    assert run.end() == "succeeded"
    assert run.visit("ok").outputs["approved_by"] == ["uid:1001"]


def test_an_approval_in_the_journal_that_does_not_count_opens_nothing() -> None:
    run = script({"id": "ok", "approve": "Go?", "approvers": {"not_operator": True, "roles": ["lead"]}})
    run.question()
    for user in ("linus", "ada"):
        run.tell(Answered("ok", 1, QuestionKind.STEP, Choice.APPROVE), user)
    assert run.question().details[0] == "0 of 1 approvals"


def test_whoever_takes_a_run_over_no_longer_approves_it() -> None:
    run = script(
        {"id": "ok", "approve": "Go?", "approvers": {"min": 2, "not_operator": True, "roles": ["lead", "dba"]}}
    )
    assert run.answer(Choice.APPROVE, user="grace") is None
    run.tell(RunResumed(1.0, False), "grace")
    assert run.question().details[0] == "0 of 2 approvals"
    assert run.answer(Choice.APPROVE, user="grace") == "grace runs this runbook; somebody else has to approve"


def test_anybody_may_say_no_since_stopping_is_the_safe_side() -> None:
    run = script({"id": "ok", "approve": "Go?", "approvers": {"not_operator": True, "roles": ["lead"]}})
    assert run.answer(Choice.REJECT, reason="not now", user="linus") is None
    assert run.visit("ok").status is Status.REJECTED


def test_nobody_else_answers_for_whoever_runs_it() -> None:
    run = script({"id": "c", "confirm": "Done?"}, A)
    for choice in (Choice.DONE, Choice.SKIP, Choice.WENT_WRONG):
        assert "only whoever runs it" in (run.answer(choice, user="linus") or "")
    assert run.answer(Choice.DONE) is None
    run.started()
    run.fail("a")
    for choice in (Choice.RETRY, Choice.SKIP, Choice.DONE):
        assert "only whoever runs it" in (run.answer(choice, user="linus") or "")
