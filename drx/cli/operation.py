"""Run one action as a runbook of one step: past the same guard, into the same journal and report as any other run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from drx.cli.project import load_project
from drx.cli.run import Way, walk
from drx.runbook.load import RUNBOOKS


@dataclass(frozen=True)
class Operation:
    """One action as a command runs it; `expect` is how long it should take, as a runbook writes it."""

    name: str
    """Id of the run, such as `backups-prune`."""
    title: str
    action: str
    parameters: Mapping[str, object]
    expect: str = "10m"

    def runbook(self) -> bytes:
        """Write the runbook. JSON is YAML; nothing in the parameters is taken for an expression."""
        step: dict[str, object] = {"id": "do", "title": self.title, "action": self.action, "expect": self.expect}
        if self.parameters:
            step["with"] = {name: _literal(value) for name, value in self.parameters.items()}
        written = {"runbook": self.name, "kind": "operation", "title": self.title, "steps": [step]}
        return json.dumps(written, ensure_ascii=False, indent=1).encode()


def operate(operation: Operation, environment: str | None, *, unattended: bool, as_json: bool, sandbox: str) -> int:
    """Run an operation in an environment and give its exit code; raises as `drx run` does."""
    project = load_project(sandbox)
    own = f"{RUNBOOKS}/{operation.name}.yaml"
    binder = project.binder(operation.name)
    binder = replace(binder, files={**binder.files, own: operation.runbook()})
    return walk(project, binder, operation.name, environment, {}, Way(unattended=unattended, as_json=as_json))


def _literal(value: object) -> object:
    """Write a value so that it means itself, whatever braces are in it."""
    match value:
        case str() if "{" in value:
            return "{{ " + json.dumps(value, ensure_ascii=False) + " }}"
        case dict():
            return {key: _literal(item) for key, item in value.items()}
        case list() | tuple():
            return [_literal(item) for item in value]
        case _:
            return value
