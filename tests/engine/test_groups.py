"""Stories of groups: branches side by side, and runbooks inside of runbooks."""

import pytest

from drx.engine.commands import Cancel, CancelReason
from drx.engine.compile import Compiler
from drx.engine.draft import GRACE
from drx.engine.events import (
    AbortRequested,
    InputGiven,
    StepCancelled,
)
from drx.engine.terms import Choice, Mode, Part
from drx.engine.visit import Status
from drx.errors import InvalidInput
from drx.runbook.model import Runbook
from tests.engine.plans import compile_steps, repeatable
from tests.engine.script import A, B, Script, script


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


@pytest.mark.parametrize(
    "following",
    [
        {"id": "next", "parallel": {"more": [{"id": "inside", "action": "do-once"}]}},
        {"id": "next", "confirm": "Done?"},
        {"id": "next", "when": "false", "action": "do-once"},
    ],
)
def test_nothing_begins_in_other_branches_once_one_has_aborted(following: dict[str, object]) -> None:
    """Not even at the same moment: nobody would end it any more."""
    run = script({"id": "g", "parallel": {"one": [{**A, "on_failure": "abort"}], "two": [B, following]}})
    run.started()
    run.fail("a")
    run.succeed("b")
    assert run.end() == "failed: a: no"
    assert "next" not in run.state.visits


def test_of_two_branches_that_abort_at_once_the_first_says_why() -> None:
    group = {
        "id": "g",
        "parallel": {name: [{**step, "on_failure": "abort"}] for name, step in {"one": A, "two": B}.items()},
    }
    run = script(group)
    run.started()
    run.fail("a", "this")
    run.fail("b", "that")
    assert run.end() == "failed: a: this"
    assert sum(isinstance(fact, AbortRequested) for fact in run.facts) == 1


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


C = {"id": "c", "action": "do-once"}
D = {"id": "d", "action": "do-once"}


def test_going_elsewhere_within_a_branch_leaves_the_other_branches_alone() -> None:
    jumping = {**A, "on_failure": {"goto": "d"}}
    run = script({"id": "g", "parallel": {"one": [jumping, C, D], "two": [B]}}, unattended=True)
    assert run.started() == ["a", "b"]
    run.fail("a")
    assert run.started() == ["d"]
    run.succeed("d")
    run.succeed("b")
    assert run.end() == "succeeded"
    assert "c" not in run.state.visits


@pytest.mark.parametrize("goal", ["out", "b", "g", "inside"])
def test_no_rule_leads_out_of_a_branch_or_into_another_group(goal: str) -> None:
    """Not to a step after the group, nor into the branch beside, to the group itself, or into the next one."""
    group = {"id": "g", "parallel": {"one": [{**A, "on_failure": {"goto": goal}}, C], "two": [D, B]}}
    other = {"id": "h", "parallel": {"one": [{"id": "inside", "action": "do-again"}]}}
    with pytest.raises(InvalidInput, match=f"a goes to {goal}, which is no later step"):
        compile_steps([group, other, {"id": "out", "action": "do-again"}])


def test_a_person_is_not_offered_a_way_out_of_a_branch_either() -> None:
    run = script({"id": "g", "parallel": {"one": [A, C], "two": [B]}}, D)
    run.started()
    run.succeed("a")
    run.succeed("b")
    run.started()
    run.fail("c")
    assert run.question().options == ("a",)
    assert run.answer(Choice.GOTO, "d") == "the run cannot go on at 'd'"
    assert run.answer(Choice.GOTO, "g") == "the run cannot go on at 'g'"


def test_rules_that_lead_on_from_step_to_step_come_to_an_end() -> None:
    """Each goto leads to a later step: as many failures as there are steps, and not one more."""
    chain = [{"id": f"s{n}", "action": "do-again", "on_failure": {"goto": f"s{n + 1}"}} for n in range(5)]
    run = script(*chain, {"id": "s5", "action": "do-again"}, unattended=True)
    for n in range(6):
        assert run.started() == [f"s{n}"]
        run.fail(f"s{n}")
    assert run.end() == "failed: s5: no"


def test_a_person_may_go_round_as_often_as_they_like_and_each_round_is_on_record() -> None:
    run = script(B, {"id": "c", "action": "do-again"})
    for round_number in range(1, 6):
        assert run.started() == ["b"]
        run.succeed("b")
        assert run.started() == ["c"]
        run.fail("c")
        assert run.visit("b").number == round_number
        assert run.answer(Choice.GOTO, "b") is None


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
