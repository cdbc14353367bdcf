"""Which parts of an environment a run can touch: wherever its files call an action, or name the target."""

import pytest

from drx.actions.registry import all_actions, catalogue
from drx.config import PARTS
from drx.runbook.load import Binder
from drx.runbook.needs import needed_parts, parts_in

OUTER = """\
runbook: outer
kind: scenario
title: Outer
symptoms:
  - {text: It is down, probe: {action: s3.count, with: {at_least: 1}}}
steps:
  - {id: inside, runbook: inner}
  - {id: told, confirm: "Is {{ target.app_url }} well?", expect: 1m, unattended: skip}
"""
INNER = """\
runbook: inner
kind: operation
title: Inner
steps:
  - {id: base, action: backup.copy, expect: 1m, when: target.dns is defined}
"""
DRILL = """\
drill: outer
runbook: outer
environment: staging
fault: {action: mongo.drop_collection, with: {collection: images}}
detect: {within: 1m}
"""
FILES = {
    "runbooks/outer.yaml": OUTER.encode(),
    "runbooks/inner.yaml": INNER.encode(),
    "drills/outer.yaml": DRILL.encode(),
}


def test_nested_runbooks_probes_and_expressions_count_and_a_drill_looks_at_everything() -> None:
    assert needed_parts(Binder(FILES), catalogue, "inner") == {"store", "dns"}
    assert needed_parts(Binder(FILES), catalogue, "outer") == {"store", "dns", "uploads", "app_url"}
    assert needed_parts(Binder(FILES), catalogue, "outer", "outer") == set(PARTS)


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ({"action": "shell.run", "with": {"command": ["true"]}}, set()),
        ({"action": "shell.run", "with": {"env": {"URL": "{{ target.mongo.uri }}"}}}, {"mongo"}),
        ({"action": "shell.run", "with": {"command": ["echo", "{{ target.name }} {{ run.id }}"]}}, set()),
        ({"action": "wait.for", "with": {"probe": {"action": "mongo.ping"}, "within": "1m"}}, {"mongo"}),
        ({"id": "a", "action": "assert.that", "verify": {"action": "dns.read", "with": {"name": "x"}}}, {"dns"}),
        ({"id": "a", "action": "assert.that", "rollback": {"action": "host.restart"}}, {"host"}),
        ({"id": "a", "approve": "?", "unattended": {"probe": {"action": "github.workflow"}}}, {"github"}),
        ({"with": {"actual": "{{ target[inputs.which] }}"}}, set(PARTS)),
        ({"with": {"actual": "{{ target['health_url'] | default('none') }}"}}, {"health_url"}),
        ({"action": "no.such", "with": {}}, set()),
        ({"summary": "Set {{ .Values.uri }}, {% raw %} and {{ target.mongo"}, set()),  # prose is nobody's expression
    ],
)
def test_a_call_needs_what_its_action_declares_and_what_it_names(written: object, parts: set[str]) -> None:
    assert parts_in(written, catalogue) == parts


def test_every_shipped_action_names_parts_that_there_are() -> None:
    assert all(action.spec.parts <= set(PARTS) for action in all_actions())
