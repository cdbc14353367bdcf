"""Stories of drills: set-up, fault, detection, the runbook, what counts as passed."""

from typing import Any

import pytest

from drx.engine.compile import Compiler
from drx.engine.events import (
    ClockStarted,
)
from drx.runbook.model import Drill, Runbook
from tests.engine.plans import repeatable
from tests.engine.script import A, Script


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
