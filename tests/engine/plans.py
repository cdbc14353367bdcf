"""Random runbooks and drills for the engine's property tests, through the same models and compiler as real ones."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from drx.engine.compile import Compiler
from drx.engine.plan import Plan
from drx.engine.terms import Mode
from drx.runbook.model import Drill, Runbook

Steps = list[dict[str, Any]]


def repeatable(action: str) -> bool:
    """The convention of these tests: the action's name says it."""
    return action.endswith("again")


ROLES = {"lead": ("grace", "uid:1001"), "dba": ("linus",)}
"""The accounts that have each role, in these tests."""


def compile_steps(steps: Steps, *, cleanup: Steps | None = None, inputs: dict[str, Any] | None = None) -> Plan:
    """Give the plan of a runbook with these steps."""
    runbook = Runbook.model_validate(
        {"runbook": "test", "title": "Test", "steps": steps, "cleanup": cleanup or [], "inputs": inputs or {}}
    )
    compiler = Compiler({}, repeatable, roles=ROLES)
    return compiler.runbook(runbook, mode=Mode.INCIDENT, constants={"run": {"id": "r"}})


def random_plan(random: Random) -> Plan:
    """Give a plan with every kind of step, nested runbooks, goto, retries, rollback and cleanup."""
    ids = _ids()
    inner = Runbook.model_validate(
        {
            "runbook": "inner",
            "title": "Inner",
            "inputs": {"size": {"default": 1}},
            "steps": _steps(random, ids, depth=0, most=3),
            "cleanup": _steps(random, ids, depth=0, most=1) if random.random() < 0.5 else [],
            "outputs": {"size": "{{ inputs.size }}"},
        }
    )
    steps = _steps(random, ids, depth=2, most=4)
    if random.random() < 0.7:
        random.choice(list(_all(steps)))["recovered"] = True
    outer = Runbook.model_validate(
        {
            "runbook": "outer",
            "title": "Outer",
            "inputs": {"moment": {"type": "datetime", "starts_clock": True}} if random.random() < 0.5 else {},
            "prechecks": _steps(random, ids, depth=0, most=1) if random.random() < 0.3 else [],
            "steps": steps,
            "cleanup": _steps(random, ids, depth=0, most=2) if random.random() < 0.5 else [],
        }
    )
    compiler = Compiler({"inner": inner}, repeatable)
    if random.random() < 0.7:
        return compiler.runbook(outer, mode=Mode.INCIDENT, constants={})
    drill = Drill.model_validate(
        {
            "drill": "test",
            "runbook": "outer",
            "environment": "sandbox",
            "setup": _steps(random, ids, depth=0, most=2),
            "fault": {"action": "break"},
            "answers": {"moment": "2026-11-21T08:00:00Z"},
            "pass": _steps(random, ids, depth=0, most=2),
        }
    )
    return compiler.drill(drill, outer, constants={})


def _ids() -> Callable[[], str]:
    count = iter(range(1000))
    return lambda: f"s{next(count)}"


def _all(steps: Steps) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        for branch in step.get("parallel", {}).values():
            yield from _all(branch)


def _steps(random: Random, ids: Callable[[], str], *, depth: int, most: int) -> Steps:
    steps = [_step(random, ids, depth) for _ in range(random.randint(1, most))]
    for index, step in enumerate(steps[:-1]):
        if random.random() < 0.15:
            step["on_failure"] = {"goto": random.choice(steps[index + 1 :])["id"]}
    return steps


def _step(random: Random, ids: Callable[[], str], depth: int) -> dict[str, Any]:
    step: dict[str, Any] = {"id": ids(), "expect": "1s"}
    if random.random() < 0.1:
        step["when"] = random.choice(["1 == 1", "1 == 2", "steps.nowhere.outputs.x"])
    if random.random() < 0.5:
        step["on_failure"] = random.choice(["ask", "abort", "continue"])
    if random.random() < 0.3:
        step["timeout"] = "30s"
    kind = random.choice(["action", "action", "action", "confirm", "ask", "approve", "parallel", "runbook"])
    if kind in ("parallel", "runbook") and depth == 0:
        kind = "action"
    match kind:
        case "action":
            step |= _action(random)
        case "confirm" | "ask" | "approve":
            step[kind] = "Well?"
            step["unattended"] = random.choice(["fail", "skip", {"probe": {"action": "probe-again"}}])
        case "parallel":
            branches = random.randint(1, 3)
            step["parallel"] = {f"b{n}": _steps(random, ids, depth=depth - 1, most=2) for n in range(branches)}
        case "runbook":
            step |= {"runbook": "inner", "inputs": {"size": 2}}
    return step


def _action(random: Random) -> dict[str, Any]:
    step: dict[str, Any] = {"action": random.choice(["do-once", "do-again"])}
    if random.random() < 0.3:
        step["verify"] = {"action": "probe-again"}
    if random.random() < 0.4:
        step["rollback"] = {"action": random.choice(["undo-once", "undo-again"])}
    if random.random() < 0.3:
        step["retry"] = {"attempts": random.randint(2, 3), "wait": "1s", "backoff": 2}
    return step
