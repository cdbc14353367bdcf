"""What the plan says to type by hand is typed by a test, action by action; or it stands here why it is not."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from drx.actions.registry import all_actions
from drx.cli.plan.plan import make_plan
from drx.cli.project import load_project
from drx.reports.plan.shapes import PlanStep

ROOT = Path(__file__).parents[2]
TYPED = {
    "tests/sandbox/test_by_hand.py": "",
    "tests/sandbox/test_by_hand_actions.py": "",
    "tests/actions/test_providers_by_hand.py": "",
    "tests/actions/test_http.py": "test_by_hand_asks_the_same",
    "tests/actions/test_shell.py": "test_by_hand_is_the_same_command",
}
"""Where commands are typed: in all of a file, or in one test of it."""

ADVICE = "it is advice for a person, not a command"
UNTYPED = {
    **dict.fromkeys(
        (
            "assert.that", "backup.differential", "backup.estimate", "everything.lose", "mongo.stop", "mongo.verify",
            "s3.overwrite_objects", "secrets.check", "wait.for",
        ),
        ADVICE,
    ),
    **dict.fromkeys(
        ("atlas.download", "atlas.restore", "atlas.snapshot", "atlas.snapshots"),
        "Atlas has no stand-in that curl could reach under its own name",
    ),
    **dict.fromkeys(
        ("github.commit", "github.wait", "github.workflow"),
        "GitHub has no stand-in that curl could reach under its own name",
    ),
    "backup.choose": "the very lines of backup.has_base",
    "backup.slice": "the very line of backup.emergency_slice",
    "dns.resolve": "it asks the resolver of whoever types it",
    "host.break_deploy": "a fault for drills; it needs a release that does not start",
    "mongo.restore_dump": "one line for mongorestore, whose options mongo.restore shows in use",
    "wait.until": "it only waits",
}  # fmt: skip


def typed() -> set[str]:
    """The actions whose commands tests type, read from the tests themselves."""
    steps = {(name, step.id): step.action for name, step in planned()}
    found: set[str] = set()
    for path, test in TYPED.items():
        text = (ROOT / path).read_text()
        if test:
            parts = [part for part in ast.parse(text).body if isinstance(part, ast.FunctionDef) and part.name == test]
            assert parts, f"{path} has no {test} any more"
            text = ast.get_source_segment(text, parts[0]) or ""
        pattern = r'"(\w+\.\w+)"' if test or "providers" in path else r'command\(\s*"(\w+\.\w+)"'
        found |= set(re.findall(pattern, text))
        found |= {steps[named] for named in re.findall(r'desk\.step\("([\w-]+)", "([\w-]+)"\)', text)}
    return found


def planned() -> Iterator[tuple[str, PlanStep]]:
    """Every step that this project's plan shows, with its runbook."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(ROOT)
        plan = make_plan(load_project(), None)
    for runbook in (*plan.scenarios, *plan.operations):
        for step in flat((*runbook.prechecks, *runbook.steps, *runbook.cleanup)):
            yield runbook.id, step


def flat(steps: tuple[PlanStep, ...]) -> Iterator[PlanStep]:
    """Every step, at any depth."""
    for step in steps:
        yield step
        for inner in (step.groups or {}).values():
            yield from flat(inner)


def test_every_command_by_hand_is_typed_by_a_test_or_says_why_not() -> None:
    shipped = {
        action.spec.name
        for action in all_actions()
        if action.by_hand is not None and not action.spec.name.startswith("sandbox.")
    }
    done = typed() & shipped
    assert sorted(shipped - done - UNTYPED.keys()) == [], "type its command in a test, or say in UNTYPED why not"
    assert sorted(UNTYPED.keys() & done) == [], "it is typed: take it out of UNTYPED"
    assert sorted(UNTYPED.keys() - shipped) == [], "there is no such action any more"


def test_what_is_advice_shows_no_command() -> None:
    advice = [name for name, reason in UNTYPED.items() if reason is ADVICE]
    shown = [
        (step.action, line)
        for _, step in planned()
        if step.action in advice
        for line in step.by_hand.splitlines()
        if not line.startswith("#")
    ]
    assert shown == []
