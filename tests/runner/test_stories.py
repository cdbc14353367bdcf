"""Whole runs of small runbooks, with real processes, files and threads; effects are counted on disk."""

import hashlib
import os
import threading
import time
from pathlib import Path

import pytest

from drx.engine.events import (
    AbortRequested,
    NoteAdded,
    ReportWritten,
    RunFinished,
    StepCancelled,
    StepFailed,
    StepStarted,
    StepSucceeded,
    StepTimedOut,
    TargetCreated,
)
from drx.engine.terms import FailureKind, Outcome, Part
from drx.errors import ExitCode, JournalError
from drx.journal import JOURNAL, place
from drx.runner import loop
from tests.runner.project import CONFIG, Project, steps_yaml


def _failures(project: Project) -> list[StepFailed]:
    return [fact for fact in project.facts if isinstance(fact, StepFailed)]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_outputs_feed_later_steps_and_the_record_is_sealed(project: Project) -> None:
    project.write(
        steps_yaml(
            "{id: one, action: shell.run, with: {command: [echo, hello]}, expect: 1s}",
            "{id: two, action: shell.run, with: {command: [echo, '{{ steps.one.outputs.last_line }}!']}, expect: 1s}",
        )
    )
    assert project.run() is ExitCode.OK
    ends = [fact for fact in project.facts if isinstance(fact, StepSucceeded)]
    assert [fact.outputs["last_line"] for fact in ends] == ["hello", "hello!"]
    seal = project.facts[-1]
    assert isinstance(seal, ReportWritten)
    for name, digest in seal.files.items():
        assert hashlib.sha256((project.record / name).read_bytes()).hexdigest() == digest
    assert {"report.md", "report.json", "frozen/runbooks/story.yaml", "frozen/drx.yaml"} <= set(seal.files)
    assert ends[0].artifacts[0] in seal.files
    assert project.record.stat().st_mode & 0o777 == 0o700
    assert "report" in project.shown.splitlines()[-1]


def test_a_started_step_is_on_disk_before_its_effect(project: Project) -> None:
    journal = project.records / "{{ run.id }}" / JOURNAL
    grep = (
        f"{{id: look, action: shell.run, with: {{command: [grep, -c, 'StepStarted.*look', '{journal}']}}, expect: 1s}}"
    )
    assert project.write(steps_yaml(grep)).run() is ExitCode.OK


def test_a_created_resource_is_on_disk_before_it_is_filled(project: Project) -> None:
    journal = project.records / "{{ run.id }}" / JOURNAL
    step = f"{{id: make, action: test.create, with: {{file: '{journal}', line: scratch_7}}, expect: 1s}}"
    assert project.write(steps_yaml(step)).run() is ExitCode.OK
    outputs = next(fact.outputs for fact in project.facts if isinstance(fact, StepSucceeded))
    assert outputs == {"known": True, "created": 1}
    assert TargetCreated("mongo", "scratch_7") in project.facts


def test_a_failure_is_rolled_back_in_reverse_and_cleaned_up(project: Project) -> None:
    file = project.root / "tally"
    undo = f"rollback: {{action: test.tally, with: {{file: '{file}', line: undo-"
    project.write(
        steps_yaml(
            f"{{id: a, action: test.tally, with: {{file: '{file}', line: a}}, expect: 1s, {undo}a}}}}}}",
            f"{{id: b, action: test.tally, with: {{file: '{file}', line: b}}, expect: 1s, {undo}b}}}}}}",
            "{id: c, action: shell.run, with: {command: [sh, -c, 'echo why; exit 3']}, expect: 1s, on_failure: abort}",
            f"{{id: d, action: test.tally, with: {{file: '{file}', line: never}}, expect: 1s}}",
        )
        + f"cleanup:\n  - {{id: tidy, action: test.tally, with: {{file: '{file}', line: tidy}}, expect: 1s}}\n"
    )
    assert project.run() is ExitCode.FAILED
    assert _lines(file) == ["a", "b", "undo-b", "undo-a", "tidy"]
    (failure,) = _failures(project)
    assert failure.lines == ("why",)
    assert "exit code 3" in failure.error
    assert "| why" in project.shown
    finished = next(fact for fact in project.facts if isinstance(fact, RunFinished))
    assert finished.outcome is Outcome.FAILED


def test_retries_are_counted_and_end_with_success(project: Project) -> None:
    file = project.root / "tally"
    retry = "retry: {attempts: 3, wait: 10ms}"
    step = f"{{id: a, action: test.tally, with: {{file: '{file}', fail: 2}}, expect: 1s, {retry}}}"
    assert project.write(steps_yaml(step)).run() is ExitCode.OK
    assert len(_lines(file)) == 3
    assert [fact.error for fact in _failures(project)] == ["this was attempt 1", "this was attempt 2"]


@pytest.mark.parametrize("fail", [0, 1])
def test_what_another_attempt_cannot_help_is_tried_once(project: Project, fail: int) -> None:
    file = project.root / "tally"
    retry = "retry: {attempts: 3, wait: 10ms}"
    step = f"{{id: a, action: test.hopeless, with: {{file: '{file}', fail: {fail}}}, expect: 1s, {retry}}}"
    assert project.write(steps_yaml(step)).run() is ExitCode.FAILED
    assert len(_lines(file)) == 1
    (failure,) = _failures(project)
    assert failure.kind is FailureKind.PERMANENT


@pytest.mark.parametrize("action", ["test.slow, with: {seconds: 20s}", "shell.run, with: {command: [sleep, '20']}"])
def test_a_timeout_ends_a_step_soon(project: Project, action: str) -> None:
    project.write(steps_yaml(f"{{id: a, action: {action}, expect: 1s, timeout: 300ms}}"))
    began = time.monotonic()
    assert project.run() is ExitCode.FAILED
    assert time.monotonic() - began < 8
    assert [fact.step for fact in project.facts if isinstance(fact, StepTimedOut)] == ["a"]


def test_a_bug_in_an_action_leaves_a_masked_traceback_and_one_line(project: Project) -> None:
    project.environ = {"URI": "mongodb://ada:hunter22@db1/"}
    config = CONFIG.replace("lab: {}", 'lab: {mongo: {uri: "${URI}", database: pixelcraft}}')
    used = "{command: ['true'], env: {URI: '{{ target.mongo.uri }}'}}"
    uses = f"{{id: uses, action: shell.run, with: {used}, expect: 1s}}"
    project.write(steps_yaml(uses, "{id: a, action: test.bug, expect: 1s}"), config=config)
    assert project.run() is ExitCode.FAILED
    (failure,) = _failures(project)
    assert failure.kind is FailureKind.BUG
    assert failure.error == "a bug in the action: ZeroDivisionError: the secret is ***"
    traceback = (project.record / failure.artifacts[0]).read_text()
    assert "in bug" in traceback
    assert "Traceback" not in project.shown


def test_an_output_no_journal_can_hold_is_a_bug_too(project: Project) -> None:
    assert project.write(steps_yaml("{id: a, action: test.odd, expect: 1s}")).run() is ExitCode.FAILED
    assert [failure.kind for failure in _failures(project)] == [FailureKind.BUG]


def test_secrets_reach_the_process_and_nothing_that_is_kept(project: Project) -> None:
    project.environ = {"URI": "mongodb://ada:hunter22@db1/"}
    config = CONFIG.replace("lab: {}", 'lab: {mongo: {uri: "${URI}", database: pixelcraft}}')
    command = "[sh, -c, 'test ${#PASSWORD} = 27 && echo $PASSWORD']"
    env = "env: {PASSWORD: '{{ target.mongo.uri }}'}"
    project.write(
        steps_yaml(
            f"{{id: a, action: shell.run, with: {{command: {command}, {env}}}, expect: 1s}}",
            "{id: b, action: shell.run, with: {command: [echo, '{{ steps.a.outputs.last_line }}']}, expect: 1s}",
        ),
        config=config,
    )
    assert project.run() is ExitCode.FAILED
    (failure,) = _failures(project)
    assert failure.step == "b"
    assert "secret that an earlier step gave" in failure.error
    kept = [path for path in project.record.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept if b"hunter22" in path.read_bytes()]
    assert "hunter22" not in project.shown
    started = next(fact for fact in project.facts if isinstance(fact, StepStarted))
    assert started.parameters["env"] == {"PASSWORD": "***"}


def test_probes_run_inside_of_a_step_until_they_hold(project: Project) -> None:
    file = project.root / "tally"
    probe = f"{{action: test.seen, with: {{file: '{file}', line: there}}}}"
    wait = f"{{id: w, action: wait.for, with: {{any_of: [{probe}], within: 10s, every: 20ms}}, expect: 1s}}"
    late = f"{{id: l, action: test.tally, with: {{file: '{file}', line: there}}, expect: 1s}}"
    project.write(steps_yaml(f"{{id: both, parallel: {{w: [{wait}], l: [{late}]}}}}"))
    assert project.run() is ExitCode.OK


@pytest.mark.parametrize(
    ("probe", "message"),
    [("{action: test.once, with: {file: /x}}", "only reads"), ("{action: test.none}", "no action 'test.none'")],
)
def test_a_probe_that_changes_things_is_refused(project: Project, probe: str, message: str) -> None:
    project.write(steps_yaml(f"{{id: w, action: wait.for, with: {{any_of: [{probe}], within: 100ms}}, expect: 1s}}"))
    assert project.run() is ExitCode.FAILED
    (failure,) = _failures(project)
    assert message in failure.error


def test_branches_run_side_by_side(project: Project) -> None:
    wait = "action: test.slow, with: {seconds: 400ms}, expect: 1s"
    step = f"{{id: both, parallel: {{left: [{{id: a, {wait}}}], right: [{{id: b, {wait}}}]}}}}"
    project.write(steps_yaml(step))
    assert project.run() is ExitCode.OK
    starts = [event.at for event in project.events if isinstance(event.fact, StepStarted) and event.fact.step in "ab"]
    ends = [event.at for event in project.events if isinstance(event.fact, StepSucceeded) and event.fact.step in "ab"]
    assert max(starts) < min(ends)


def test_an_artifact_is_named_from_the_record(project: Project) -> None:
    assert project.write(steps_yaml("{id: a, action: test.artifact, expect: 1s}")).run() is ExitCode.OK
    ended = next(fact for fact in project.facts if isinstance(fact, StepSucceeded))
    assert (project.record / ended.artifacts[0]).read_text() == "kept"


def test_a_deaf_step_is_left_behind_and_said(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from drx.engine import draft

    monkeypatch.setattr(draft, "GRACE", timedelta(milliseconds=200))
    project.write(steps_yaml("{id: a, action: test.slow, with: {seconds: 2s, deaf: true}, expect: 1s, timeout: 100ms}"))
    assert project.run() is ExitCode.FAILED
    (ended,) = [fact for fact in project.facts if isinstance(fact, StepTimedOut | StepCancelled)]
    assert ended.abandoned
    assert "may still be going on" in project.shown


def test_a_drill_strikes_then_recovers(project: Project) -> None:
    file = project.root / "tally"
    fault = f"fault: {{action: test.once, with: {{file: '{file}', line: struck}}}}"
    project.write(
        steps_yaml(
            f"{{id: a, action: test.tally, with: {{file: '{file}', line: mended}}, expect: 1s, recovered: true}}"
        ),
        drill=f"drill: story\nrunbook: story\nenvironment: lab\n{fault}\n",
    )
    assert project.drill() is ExitCode.OBJECTIVE_MISSED, "nothing proved which writes are there"
    assert _lines(file) == ["struck", "mended"]


def test_notes_arrive_through_the_inbox_while_it_runs(project: Project) -> None:
    project.write(steps_yaml("{id: a, action: test.slow, with: {seconds: 2500ms}, expect: 1s}"))
    codes: list[ExitCode] = []
    run = threading.Thread(target=lambda: codes.append(project.run()))
    run.start()
    while not (project.records.exists() and list(project.records.glob(f"*/{JOURNAL}"))):
        time.sleep(0.01)
    place(project.record, NoteAdded("I saw it too"))
    (project.record / "inbox" / "rubbish").write_text("?")
    run.join(20)
    assert codes == [ExitCode.OK]
    note = next(event for event in project.events if isinstance(event.fact, NoteAdded))
    assert note.fact == NoteAdded("I saw it too")
    assert "rubbish" in project.shown
    assert sorted(os.listdir(project.record / "inbox")) == ["refused"]


def test_a_full_disk_starts_nothing_more(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    file = project.root / "tally"
    step = "{id: s%d, action: test.tally, with: {file: '" + str(file) + "'}, expect: 1s}"
    project.write(steps_yaml(*(step % number for number in range(50))))
    real = os.fdatasync
    calls = iter(range(1000))

    def full(descriptor: int) -> None:
        if next(calls) > 20:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(loop, "_AGAIN_SECONDS", 0.05)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", full)
        patch.setattr(loop, "_PATIENCE_SECONDS", 0.2)
        with pytest.raises(JournalError, match="No space left"):
            project.run()
    started = [fact for fact in project.facts if isinstance(fact, StepStarted)]
    assert len(_lines(file)) == len(started) < 25
    assert project.resume() is ExitCode.OK
    assert len(_lines(file)) == 51, "only the step whose end was not recorded ran again"


def test_a_disk_that_gets_room_again_is_waited_for(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    file = project.root / "tally"
    step = "{id: s%d, action: test.tally, with: {file: '" + str(file) + "'}, expect: 1s}"
    project.write(steps_yaml(*(step % number for number in range(8))))
    real, calls = os.fdatasync, iter(range(1000))

    def full_for_a_while(descriptor: int) -> None:
        if 4 < next(calls) < 9:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", full_for_a_while)
    monkeypatch.setattr(loop, "_AGAIN_SECONDS", 0.05)
    assert project.run() is ExitCode.OK
    assert project.shown.count("No space left") == 1
    assert len(_lines(file)) == 8


def test_a_rollback_is_told_apart_and_an_abort_says_why(project: Project) -> None:
    project.write(steps_yaml("{id: a, action: test.odd, expect: 1s, on_failure: abort, rollback: {action: test.bug}}"))
    assert project.run() is ExitCode.FAILED
    parts = [fact.part for fact in project.facts if isinstance(fact, StepStarted)]
    assert parts == [Part.WORK, Part.ROLLBACK]
    assert any(isinstance(fact, AbortRequested) and fact.source == "policy" for fact in project.facts)
    assert "What to do: Look first at what was not rolled back: a. Then: " in " ".join(project.shown.split())
