"""Nobody is there: a run ends within its time, does not meet itself, and does not wait for a clock that went back."""

import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from drx.cli.binder import read_binder
from drx.engine.events import AbortRequested, ClockDiverged, RunFinished, RunStarted, StepStarted
from drx.engine.terms import Outcome
from drx.errors import ExitCode, LockedError
from drx.journal import clock
from drx.runner.overlap import alone
from drx.runner.rereading import begun
from drx.runner.run import resume, run_runbook
from drx.runner.setting import Setting
from tests.runner.project import CONFIG, SLOW, Project, steps_yaml
from tests.runner.test_signals import _tally


def begin(project: Project, setting: Setting, environment: str = "lab") -> ExitCode:
    return run_runbook(read_binder(project.root), project.config, "story", environment, setting, {})


def with_jobs(project: Project) -> Setting:
    return replace(project.setting(), jobs=project.root / "jobs")


def test_a_run_that_takes_too_long_is_ended_and_cleaned_up(project: Project) -> None:
    file = project.root / "tally"
    undo = f"rollback: {{action: test.tally, with: {{file: '{file}', line: undo}}}}"
    first = _tally(file, "a").removesuffix("}") + f", {undo}}}"
    steps = steps_yaml(first, SLOW, _tally(file, "never"), head="timeout: 500ms")
    project.write(steps + f"cleanup:\n  - {_tally(file, 'tidy')}\n")
    assert project.run() is ExitCode.FAILED
    assert file.read_text().split() == ["a", "undo", "tidy"]
    abort = next(fact for fact in project.facts if isinstance(fact, AbortRequested))
    assert (abort.source, abort.reason) == ("policy", "the run was not done after 0.5s, its timeout")
    assert next(fact for fact in project.facts if isinstance(fact, RunFinished)).outcome is Outcome.FAILED
    assert "the run was not done after 0.5s, its timeout" in (project.record / "report.md").read_text()


@pytest.mark.parametrize(("head", "seconds"), [("timeout: 30m", 0.5), ("timeout: 500ms", 1800)])
def test_the_command_line_can_only_give_less_time(project: Project, head: str, seconds: float) -> None:
    project.write(steps_yaml(SLOW, head=head))
    setting = replace(project.setting(), timeout=timedelta(seconds=seconds))
    assert begin(project, setting) is ExitCode.FAILED
    abort = next(fact for fact in project.facts if isinstance(fact, AbortRequested))
    assert abort.reason == "the run was not done after 0.5s, its timeout"
    assert "the run was not done after 0.5s, its timeout" in (project.record / "report.md").read_text()
    started = project.facts[0]
    assert isinstance(started, RunStarted)
    assert started.timeout_seconds == seconds, "whoever resumes it has no more time either"
    assert begun(project.record, project.events).plan().timeout == timedelta(seconds=0.5)


def test_a_cleanup_does_not_outlast_the_timeout_by_more_than_the_grace(project: Project) -> None:
    file = project.root / "tally"
    hanging = SLOW.replace("slow,", "hangs,", 1)
    head = "timeout: 500ms\ngrace: 1s"
    project.write(steps_yaml(_tally(file, "a"), head=head) + f"cleanup:\n  - {hanging}\n  - {_tally(file, 'tidy')}\n")
    began = time.monotonic()
    assert project.run() is ExitCode.OK, "the work was done in time"
    assert time.monotonic() - began < 15
    assert file.read_text().split() == ["a", "tidy"]


@pytest.mark.slow
def test_a_job_is_not_run_twice_at_once(project: Project) -> None:
    """Two schedulers at once: one run, and the other says who has it, and leaves nothing."""
    file = project.root / "tally"
    slow = "{id: slow, action: test.slow, with: {seconds: 1500ms}, expect: 1s}"
    project.write(steps_yaml(slow, _tally(file, "x"), head="kind: operation"), config=f"{CONFIG}".replace(
        "  lab: {}", "  lab: {}\n  other: {}"))  # fmt: skip
    barrier = threading.Barrier(2)
    ends: list[ExitCode] = []
    refused: list[LockedError] = []

    def fire() -> None:
        barrier.wait()
        try:
            ends.append(begin(project, with_jobs(project)))
        except LockedError as error:
            refused.append(error)

    threads = [threading.Thread(target=fire) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ends == [ExitCode.OK]
    (refusal,) = refused
    assert refusal.exit_code is ExitCode.LOCKED
    assert refusal.message.startswith("story in lab is being run by ada on bastion, process ")
    assert "Nothing was begun" in refusal.remedy
    assert file.read_text().split() == ["x"]
    assert len(list(project.records.iterdir())) == 1
    assert begin(project, with_jobs(project)) is ExitCode.OK, "the lock goes with its run"
    assert begin(project, with_jobs(project), "other") is ExitCode.OK, "elsewhere it is another job"


def test_a_run_that_goes_on_holds_its_job_too(project: Project) -> None:
    project.write(steps_yaml("{id: a, action: test.bug, expect: 1s}", head="kind: operation"))
    begin(project, with_jobs(project))
    (project.root / "jobs").chmod(0o700)
    what = begun(project.record, project.events).what
    with (
        alone(project.root / "jobs", what, project.setting().operator),
        pytest.raises(LockedError, match="story in lab"),
    ):
        resume(project.record, with_jobs(project))


def test_a_clock_that_goes_back_an_hour_keeps_nobody_waiting(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Autumn, as a badly set clock has it: the wait between two attempts stays as long as it was."""
    file = project.root / "tally"
    retrying = (
        f"{{id: a, action: test.tally, with: {{file: '{file}', fail: 1}}, retry: {{attempts: 2, wait: 1500ms}}, "
        "expect: 1s, timeout: 20s}"
    )
    project.write(steps_yaml(retrying, head="timeout: 30m"))
    offset = [0.0]
    real = time.time
    monkeypatch.setattr(
        clock.Clock.__init__, "__defaults__", (0.0, lambda: real() + offset[0], clock._steady, clock._awake)
    )
    timer = threading.Timer(0.7, lambda: offset.__setitem__(0, -3600.0))
    timer.start()
    began = time.monotonic()
    assert project.run() is ExitCode.OK
    assert time.monotonic() - began < 30
    moved = next(fact for fact in project.facts if isinstance(fact, ClockDiverged))
    assert moved.seconds == pytest.approx(-3600, abs=5)
    assert [fact.attempt for fact in project.facts if isinstance(fact, StepStarted)] == [1, 2]


def test_records_are_for_their_owner_alone(project: Project) -> None:
    step = "{id: a, action: test.artifact, expect: 1s}"
    project.write(steps_yaml(step, _tally(project.root / "tally", "x")))
    assert project.run() is ExitCode.OK
    found = [project.record, *project.record.rglob("*")]
    assert len(found) > 5
    assert {path: _mode(path) for path in found if _mode(path) & 0o077} == {}
    for path in found:
        assert _mode(path) == (0o700 if path.is_dir() else _mode(path) & 0o600), path


def _mode(path: Path) -> int:
    return path.stat().st_mode & 0o777
