"""Nobody is there: signals end a run in good order, and a kill loses nothing."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from drx.cli.binder import read_binder
from drx.config import Config, Target
from drx.config.model import About
from drx.engine.events import (
    AbortRequested,
    Answered,
    PauseRequested,
    RunFinished,
    StepCancelled,
    StepStarted,
    StepSucceeded,
)
from drx.engine.terms import Choice, Outcome, Part, QuestionKind
from drx.errors import ExitCode
from drx.journal import JOURNAL, place, read_journal
from drx.reports.notices import Notice
from drx.runner import launch
from drx.runner.record import freeze
from drx.runner.run import run_runbook
from tests.runner.project import SLOW, Project, steps_yaml
from tests.terminal import story

ROOT = Path(__file__).resolve().parents[2]


def _tally(file: Path, line: str) -> str:
    return f"{{id: {line}, action: test.tally, with: {{file: '{file}', line: {line}}}, expect: 1s}}"


def _start(project: Project, *, heed: bool = True) -> subprocess.Popen[str]:
    hang_up = f"--{'default' if heed else 'ignore'}-signal=HUP"  # whatever the tests themselves were told
    # A shell has what it starts in the background ignore the signals of the keyboard, which a run heeds all the same.
    return subprocess.Popen(
        ["env", hang_up, "--ignore-signal=INT,QUIT", sys.executable, "-m", "tests.runner.attended", str(project.root),
         "unattended"],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def _wait_for(project: Project, step: str) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        journals = list(project.records.glob(f"*/{JOURNAL}")) if project.records.exists() else []
        events = read_journal(journals[0]) if journals else []
        if any(isinstance(event.fact, StepStarted) and event.fact.step == step for event in events):
            return
        time.sleep(0.02)
    raise AssertionError(f"{step} never started")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_aborts_rolls_back_and_cleans_up(project: Project, number: signal.Signals) -> None:
    file = project.root / "tally"
    undo = f"rollback: {{action: test.tally, with: {{file: '{file}', line: undo}}}}"
    first = _tally(file, "a").removesuffix("}") + f", {undo}}}"
    project.write(steps_yaml(first, SLOW, _tally(file, "never")) + f"cleanup:\n  - {_tally(file, 'tidy')}\n")
    with _start(project) as run:
        _wait_for(project, "slow")
        run.send_signal(number)
        assert run.wait(20) == ExitCode.FAILED
    assert file.read_text().split() == ["a", "undo", "tidy"]
    abort = next(fact for fact in project.facts if isinstance(fact, AbortRequested))
    assert abort.source == "signal"
    finished = next(fact for fact in project.facts if isinstance(fact, RunFinished))
    assert finished.outcome is Outcome.ABORTED
    assert (project.record / "report.md").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_while_the_end_is_told_cuts_off_neither_report_nor_outcome(
    project: Project, number: signal.Signals
) -> None:
    """A scheduler does not know that the run is over, and a notifier may take its time."""
    heard: list[str] = []

    def tell(notice: Notice) -> tuple[()]:
        heard.append(notice.about)
        if notice.about is About.SUCCESS:
            os.kill(os.getpid(), number)
        return ()

    project.write(steps_yaml(_tally(project.root / "tally", "a")))
    before = signal.getsignal(number)
    setting = replace(project.setting(), tell=tell)
    assert run_runbook(read_binder(project.root), project.config, "story", "lab", setting, {}) is ExitCode.OK
    assert sorted(heard) == [About.START, About.SUCCESS]
    assert (project.record / "report.md").exists()
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("stage", ["the record is made", "its journal is begun", "its start is told"])
def test_a_signal_before_the_first_step_ends_the_run_as_any_later_one(
    project: Project, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left that asks for `drx resume`, and no step has begun."""
    file = project.root / "tally"
    told: list[About] = []

    def strike(at: str) -> None:
        if at == stage:
            os.kill(os.getpid(), signal.SIGTERM)

    def frozen(record: Path, files: Mapping[str, bytes]) -> dict[str, str]:
        strike("the record is made")
        return freeze(record, files)

    def read(config: Config, target: Target) -> tuple[()]:
        strike("its journal is begun")
        return ()

    def tell(notice: Notice) -> tuple[()]:
        told.append(notice.about)
        return ()

    monkeypatch.setattr("drx.runner.run.freeze", frozen)
    monkeypatch.setattr("drx.runner.run.introduce", lambda *_: strike("its start is told"))
    project.write(steps_yaml(_tally(file, "never")) + f"cleanup:\n  - {_tally(file, 'tidy')}\n")
    setting = replace(project.setting(), read=read, tell=tell)
    assert run_runbook(read_binder(project.root), project.config, "story", "lab", setting, {}) is ExitCode.FAILED
    assert file.read_text().split() == ["tidy"]
    finished = next(fact for fact in project.facts if isinstance(fact, RunFinished))
    assert (finished.outcome, sorted(told)) == (Outcome.ABORTED, [About.FAILURE, About.START])
    assert "aborted by a signal: SIGTERM" in (project.record / "report.md").read_text()


def test_a_hang_up_that_is_ignored_ends_no_run(project: Project) -> None:
    """As with nohup, which is there so that a run outlives its terminal."""
    file = project.root / "tally"
    project.write(steps_yaml("{id: slow, action: test.slow, with: {seconds: 1s}, expect: 1s}", _tally(file, "after")))
    with _start(project, heed=False) as run:
        _wait_for(project, "slow")
        run.send_signal(signal.SIGHUP)
        assert run.wait(20) == ExitCode.OK
    assert file.read_text().split() == ["after"]


@pytest.mark.slow
def test_a_cleanup_that_hangs_is_cut_short_after_the_grace(project: Project) -> None:
    file = project.root / "tally"
    undo = "rollback: {action: test.slow, with: {seconds: 60s}}"
    first = _tally(file, "a").removesuffix("}") + f", {undo}}}"
    hanging = SLOW.replace("slow,", "hangs,", 1)
    steps = steps_yaml(first, SLOW, head="grace: 1s")
    project.write(steps + f"cleanup:\n  - {hanging}\n  - {_tally(file, 'tidy')}\n")
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM))
    began = time.monotonic()
    timer.start()
    assert project.run() is ExitCode.FAILED
    assert time.monotonic() - began < 15
    assert file.read_text().split() == ["a", "tidy"]
    cancelled = [(fact.step, fact.part) for fact in project.facts if isinstance(fact, StepCancelled)]
    assert cancelled == [("slow", Part.WORK), ("a", Part.ROLLBACK), ("hangs", Part.WORK)]
    assert "aborted by a signal: SIGTERM" in (project.record / "report.md").read_text()


@pytest.mark.slow
def test_a_rollback_and_a_cleanup_that_are_deaf_are_left_behind_after_the_grace(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever an action makes of being told to stop: the run ends, and its report is written."""
    monkeypatch.setattr(launch, "GRACE", timedelta(milliseconds=200))
    file = project.root / "tally"
    deaf = "action: test.slow, with: {seconds: 120s, deaf: true}"
    first = _tally(file, "a").removesuffix("}") + f", on_failure: abort, rollback: {{{deaf}}}}}"
    fails = "{id: fails, action: test.seen, with: {file: none}, expect: 1s, on_failure: abort}"
    steps = steps_yaml(first, fails, head="timeout: 1s\ngrace: 300ms")
    project.write(steps + f"cleanup:\n  - {{id: hangs, {deaf}, expect: 1s}}\n  - {_tally(file, 'tidy')}\n")
    assert project.run() is ExitCode.FAILED
    assert file.read_text().split() == ["a", "tidy"]
    left = [(fact.step, fact.part) for fact in project.facts if isinstance(fact, StepCancelled) and fact.abandoned]
    assert left == [("a", Part.ROLLBACK), ("hangs", Part.WORK)]
    assert (project.record / "report.md").exists()


def test_a_second_ctrl_c_at_a_prompt_says_so_in_the_journal(project: Project) -> None:
    terminal = story(project.write(steps_yaml("{id: call, confirm: Call somebody, expect: 5m}")))
    terminal.see("Done - the run goes on")
    terminal.child.kill(signal.SIGINT)
    time.sleep(0.3)
    terminal.child.kill(signal.SIGINT)
    assert terminal.end() == ExitCode.INTERRUPTED
    assert project.facts[-1] == PauseRequested("stopped at once, by Ctrl-C twice")


def test_a_second_ctrl_c_stops_at_once_and_leaves_nothing_running(project: Project) -> None:
    file = project.root / "tally"
    mark = f"drx-test-{os.getpid()}"
    slow = f"{{id: slow, action: shell.run, with: {{command: [bash, -c, 'exec -a {mark} sleep 60']}}, expect: 1s}}"
    project.write(steps_yaml(slow, _tally(file, "never")) + f"cleanup:\n  - {_tally(file, 'tidy')}\n")
    with _start(project) as run:
        _wait_for(project, "slow")
        run.send_signal(signal.SIGINT)
        time.sleep(0.02)
        run.send_signal(signal.SIGINT)
        code = run.wait(20)
    assert code in (ExitCode.INTERRUPTED, ExitCode.FAILED)
    assert _left(mark) == []
    assert project.resume() is ExitCode.FAILED
    started = [fact.attempt for fact in project.facts if isinstance(fact, StepStarted) and fact.step == "tidy"]
    assert started in ([1], [1, 2])  # the second Ctrl-C may strike while it tidies: then it does so again
    assert 1 <= len(file.read_text().split()) <= len(started)


def test_a_killed_process_leaves_a_whole_journal_and_the_rest_is_done(project: Project) -> None:
    file = project.root / "tally"
    slow = "{id: slow, action: test.slow, with: {seconds: 1s}, expect: 1s}"
    project.write(steps_yaml(_tally(file, "a"), slow, _tally(file, "b")))
    with _start(project) as run:
        _wait_for(project, "slow")
        run.kill()
    assert project.resume() is ExitCode.OK
    assert file.read_text().split() == ["a", "b"]
    attempts = [fact.attempt for fact in project.facts if isinstance(fact, StepStarted) and fact.step == "slow"]
    assert attempts == [1, 2]


def test_a_killed_command_does_not_outlive_a_timeout(project: Project) -> None:
    mark = f"drx-test-{os.getpid()}"
    command = f"[bash, -c, 'sleep 61 & exec -a {mark} sleep 62']"
    project.write(steps_yaml(f"{{id: a, action: shell.run, with: {{command: {command}}}, expect: 1s, timeout: 300ms}}"))
    assert project.run() is ExitCode.FAILED
    assert _left(mark) == []


def _left(mark: str) -> list[Path]:
    """Processes that carry the mark in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path] if path.read_bytes().startswith(mark.encode()) else []
        except OSError:
            continue
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two people")
def test_a_second_pair_of_eyes_approves_through_the_inbox(project: Project) -> None:
    step = "{id: ok, approve: 'Switch over?', approvers: {min: 1, not_operator: true}, expect: 1m}"
    terminal = story(project.write(steps_yaml(step)))
    terminal.see("who may approve: anybody but ada, who runs it")
    terminal.see("Reject (why)")
    approval = Answered("ok", 1, QuestionKind.STEP, Choice.APPROVE)
    os.chown(place(project.record, approval), 1, -1)
    assert terminal.end() == ExitCode.OK
    answered = next(event for event in project.events if isinstance(event.fact, Answered))
    assert answered.by.user == "daemon"
    ended = next(fact for fact in project.facts if isinstance(fact, StepSucceeded))
    assert ended.outputs["approved_by"] == ["daemon"]
