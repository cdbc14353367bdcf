"""What is not begun: wrong parameters and inputs, a person who is not there, a target that is protected."""

import errno
import os
import resource
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import pytest

from drx.engine.commands import Question
from drx.engine.events import (
    InputGiven,
    PauseRequested,
    StepFailed,
    StepStarted,
)
from drx.engine.terms import FailureKind
from drx.errors import ExitCode, HumanNeeded, InvalidInput, JournalError, RefusedError, UsageError
from drx.journal import JOURNAL
from drx.runner import loop
from drx.ui.plain import PlainUi
from drx.ui.port import Send
from tests.runner.project import Project, steps_yaml


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("{id: a, action: shell.run, with: {command: ['{{ steps.b.outputs.x }}']}, expect: 1s}", "steps.b.outputs.x"),
        ("{id: a, action: shell.run, with: {comand: [ls]}, expect: 1s}", "comand"),
        ("{id: a, action: shell.run, with: {command: '{{ target.mongo.uri }}'}, expect: 1s}", "mongo"),
        (
            "{id: a, action: shell.run, with: {command: '{{ 1 + 1 }}', env: '{{ 3 }}'}, expect: 1s}",
            "shell.run: 'command' must be a list, or must be text; 'env' must hold keys and values",
        ),
        (
            "{id: a, action: shell.run, with: {command: [ls, '{{ 1 + 1 }}'], cwd: '{{ 1 == 1 }}'}, expect: 1s}",
            "shell.run: 'command[1]' must be text; 'cwd'",
        ),
    ],
)
def test_parameters_that_make_no_sense_fail_before_anything_starts(project: Project, step: str, message: str) -> None:
    assert project.write(steps_yaml(step)).run() is ExitCode.FAILED
    (failure,) = (fact for fact in project.facts if isinstance(fact, StepFailed))
    assert failure.kind is FailureKind.EXPRESSION
    assert message in failure.error
    assert failure.remedy
    assert not any(isinstance(fact, StepStarted) for fact in project.facts)


def test_inputs_are_typed_checked_and_used(project: Project) -> None:
    head = "inputs: {count: {type: integer}, sure: {type: boolean}, since: {type: datetime, starts_clock: true}}"
    project.write(
        steps_yaml(
            "{id: a, action: shell.run, with: {command: [test, 'n{{ inputs.count + 1 }}', =, n8]}, expect: 1s}",
            head=head,
        )
    )
    inputs = {"count": "7", "sure": "yes", "since": "yesterday 08:00"}
    with pytest.raises(UsageError, match=r"no input 'cuont'.*Did you mean 'count'"):
        project.run(inputs={"cuont": "7"})
    for since, said in (("later", "input since: 'later' is not a time"), ("2999-01-01", "is still to come")):
        with pytest.raises(UsageError, match=said):
            project.run(inputs={**inputs, "since": since})
    with pytest.raises(UsageError, match="input count"):
        project.run(inputs={**inputs, "count": "seven"})
    assert not project.records.exists()
    assert project.run(inputs=inputs) is ExitCode.OK
    given = {fact.name: fact.value for fact in project.facts if isinstance(fact, InputGiven)}
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert given == {"count": 7, "sure": True, "since": f"{yesterday:%Y-%m-%dT08:00:00.000Z}"}


def test_a_human_step_without_a_human_is_exit_8(project: Project) -> None:
    project.write(steps_yaml("{id: a, confirm: Call somebody, expect: 1m}"))
    assert project.run() is ExitCode.HUMAN_NEEDED


def test_an_input_that_nobody_gives_is_asked_for_before_anything_starts(project: Project) -> None:
    head = "inputs: {since: {type: datetime}, way: {type: text, default: short}}"
    project.write(steps_yaml("{id: a, action: test.bug, expect: 1s}", head=head))
    with pytest.raises(HumanNeeded, match=r"asks for since.*--input since=") as refused:
        project.run()
    assert "way" not in str(refused.value)
    assert not project.records.exists()


def test_a_scenario_on_production_needs_a_person(project: Project) -> None:
    project.write(steps_yaml("{id: a, action: test.bug, expect: 1s}"))
    with pytest.raises(HumanNeeded, match="protected"):
        project.run(environment="production")
    assert not project.records.exists()


def test_a_scenario_on_production_is_not_resumed_without_a_person_either(project: Project) -> None:
    class Pausing(PlainUi):
        """Somebody who is there, and leaves at the first question."""

        @property
        def attended(self) -> bool:
            return True

        def ask(self, questions: Sequence[Question], send: Send) -> None:
            send(PauseRequested("lunch"))

    project.write(steps_yaml("{id: a, confirm: Call somebody, expect: 1m, unattended: skip}"))
    assert project.run(environment="production", ui=Pausing(project.screen)) is ExitCode.PAUSED
    before = (project.record / JOURNAL).read_bytes()
    with pytest.raises(HumanNeeded, match="protected"):
        project.resume()
    assert (project.record / JOURNAL).read_bytes() == before


def test_a_drill_on_production_is_refused_before_anything_is_written(project: Project) -> None:
    file = project.root / "tally"
    fault = f"fault: {{action: test.tally, with: {{file: '{file}'}}}}"
    project.write(
        steps_yaml("{id: a, action: test.bug, expect: 1s}"),
        drill=f"drill: story\nrunbook: story\nenvironment: lab\n{fault}\n",
    )
    with pytest.raises(RefusedError, match="protected"):
        project.drill("production")
    assert not project.records.exists()
    assert not file.exists()


def test_runbooks_in_a_circle_and_unknown_actions_are_refused(project: Project) -> None:
    with pytest.raises(InvalidInput, match="circle"):
        project.write(steps_yaml("{id: a, runbook: story}")).run()
    with pytest.raises(InvalidInput, match=r"shell\.rum"):
        project.write(steps_yaml("{id: a, action: shell.rum, expect: 1s}")).run()
    assert not project.records.exists()


@pytest.mark.parametrize("room", [0, 200])
def test_a_disk_that_is_full_leaves_no_empty_record(project: Project, room: int) -> None:
    """Not even what is frozen found room: there is nothing to go on with, and nothing in the way."""
    project.write(steps_yaml("{id: a, action: shell.run, with: {command: [ls]}, expect: 1s, recovered: true}"))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(UsageError, match="File too large") as caught:
            project.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "Make room" in str(caught.value)
    assert list(project.records.iterdir()) == []


def test_a_first_event_that_finds_no_room_leaves_no_record(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(steps_yaml("{id: a, action: shell.run, with: {command: [ls]}, expect: 1s}"))

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    monkeypatch.setattr(loop, "_PATIENCE_SECONDS", 0.0)
    with pytest.raises(JournalError, match="No space left"):
        project.run()
    assert list(project.records.iterdir()) == []
