"""`drx run`, `drx drill`, `drx resume`: what is refused before anything starts, and in which order."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drx.cli import app
from drx.cli.people import _waiting
from drx.cli.sandbox import hold
from drx.engine.events import (
    AbortRequested,
    Answered,
    Author,
    Event,
    Fact,
    RunStarted,
    StepSucceeded,
    StepWaiting,
)
from drx.engine.terms import Choice, Mode, Part, QuestionKind
from drx.errors import ExitCode, LockedError
from drx.journal import JOURNAL, Journal

Capture = pytest.CaptureFixture[str]
ANNA = Author("anna", "ops1", 1)
FIRST = "{id: first, action: shell.run, with: {command: [touch, started]}, expect: 1s}"
WRONG = "{id: wrong, action: shell.run, with: {shell: text}, expect: 1s}"
INNER = "{id: inner, runbook: inner}"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a laboratory and a sandbox, and no runbooks yet."""
    environments = "{lab: {}, sandbox: {sandbox: true}}"
    (tmp_path / "drx.yaml").write_text(f"service: x\nobjectives: {{rto: 1h, rpo: 1h}}\nenvironments: {environments}\n")
    for folder in ("runbooks", "drills"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(project: Path, name: str, *steps: str) -> None:
    """Write an operation."""
    body = "".join(f"  - {step}\n" for step in steps)
    path = project / "runbooks" / f"{name}.yaml"
    path.write_text(f"runbook: {name}\nkind: operation\ntitle: T\nsteps:\n{body}")


def records(project: Path) -> list[Path]:
    """The records that there are."""
    return list((project / "drills").glob("records/*"))


@pytest.mark.parametrize("unattended", [["--unattended"], []])
def test_a_runbook_that_the_check_rejects_starts_nothing(project: Path, unattended: list[str], capsys: Capture) -> None:
    write(project, "outer", FIRST, INNER, WRONG)
    write(project, "inner", FIRST, WRONG.replace("wrong", "worse"))
    assert app.run(["run", "outer", "--env", "lab", *unattended]) == ExitCode.INVALID
    shown = capsys.readouterr().err
    assert "runbooks/outer.yaml:7" in shown
    assert "runbooks/inner.yaml:6" in shown
    assert not (project / "started").exists()
    assert records(project) == []


def test_a_nested_runbook_that_cannot_be_read_shows_its_own_problems(project: Path, capsys: Capture) -> None:
    write(project, "outer", FIRST, INNER)
    write(project, "inner", "{id: a, acton: x}", "{id: b, action: shell.nun, expect: 1s}")
    assert app.run(["run", "outer", "--env", "lab", "--unattended"]) == ExitCode.INVALID
    shown = capsys.readouterr().err
    assert "runbooks/inner.yaml:5" in shown
    assert "runbooks/inner.yaml:6" in shown, "what is ill-formed does not hide the rest"
    assert not (project / "started").exists()


def test_warnings_stop_nobody(project: Path, capsys: Capture) -> None:
    write(project, "warned", FIRST)
    assert app.run(["check", "warned"]) == ExitCode.OK
    assert "1 warning" in capsys.readouterr().out
    assert app.run(["run", "warned", "--env", "lab", "--unattended"]) == ExitCode.OK
    assert (project / "started").exists()


def test_a_drill_that_the_check_rejects_starts_nothing(project: Path, capsys: Capture) -> None:
    write(project, "outer", FIRST, WRONG)
    (project / "drills" / "outer.yaml").write_text(
        "drill: outer\nrunbook: outer\nenvironment: sandbox\nfault: {action: shell.nun, with: {command: [x]}}\n"
        "detect: {within: 1m}\n"
    )
    assert app.run(["drill", "outer"]) == ExitCode.INVALID
    shown = capsys.readouterr().err
    assert "drills/outer.yaml:4" in shown
    assert "runbooks/outer.yaml:6" in shown
    assert records(project) == []
    assert not (project / ".drx").exists(), "not even the sandbox was started"


def test_a_missing_runbook_comes_before_a_missing_person(project: Path, capsys: Capture) -> None:
    write(project, "outer", FIRST)
    assert app.run(["run", "otter", "--env", "lab"]) == ExitCode.INVALID
    assert "Did you mean 'outer'?" in capsys.readouterr().err


def test_a_locked_record_comes_before_a_missing_person(project: Path, capsys: Capture) -> None:
    record = project / "drills" / "records" / "2026-11-21T0800Z-outer-7f3a"
    record.mkdir(parents=True)
    started = RunStarted("r", Mode.OPERATION, "outer", "lab", False, "0", {}, None)
    with Journal.create(record / JOURNAL, ANNA) as journal:
        journal.append(started, ANNA)
        journal.sync()
        assert app.run(["resume", "7f3a"]) == ExitCode.LOCKED
        assert "in use by anna" in capsys.readouterr().err
    assert app.run(["resume", "7f3a"]) == ExitCode.HUMAN_NEEDED


def test_a_run_that_ended_needs_nobody_to_be_resumed(project: Path, capsys: Capture) -> None:
    write(project, "outer", FIRST)
    assert app.run(["run", "outer", "--env", "lab", "--unattended"]) == ExitCode.OK
    (record,) = records(project)
    (project / "started").unlink()
    capsys.readouterr()
    assert app.run(["resume", record.name]) == ExitCode.OK
    assert "SUCCEEDED" in capsys.readouterr().out
    assert not (project / "started").exists(), "no step is taken again"


def test_a_sandbox_in_use_is_not_ended(project: Path, capsys: Capture) -> None:
    sandbox = project / ".drx" / "sandbox" / "default"
    for alone in (True, False):
        with hold(sandbox, alone=alone):
            assert app.run(["sandbox", "down"]) == ExitCode.LOCKED
            assert "a run uses the sandbox 'default'" in capsys.readouterr().err
    assert app.run(["sandbox", "down"]) == ExitCode.OK


def test_a_run_holds_its_sandbox_and_lets_others_in(project: Path, capsys: Capture) -> None:
    sandbox = project / ".drx" / "sandbox" / "default"
    write(project, "outer", FIRST)
    with hold(sandbox, alone=True):
        assert app.run(["run", "outer", "--env", "sandbox", "--unattended"]) == ExitCode.LOCKED
    with hold(sandbox, alone=False), hold(sandbox, alone=False), pytest.raises(LockedError), hold(sandbox, alone=True):
        pass


def test_two_schedulers_at_once_give_one_run(project: Path) -> None:
    """Three processes, as cron starts them: one runs, the others say who does and end; it is held until they have."""
    (project / "hold").write_text("echo ran >> tally\nuntil [ -e go ]; do sleep 0.05; done\n")
    write(project, "held", "{id: a, action: shell.run, with: {command: [sh, hold]}, expect: 1s}")
    begin = "from drx.cli.app import main; main()"
    command = [sys.executable, "-c", begin, "run", "held", "--env", "lab", "--unattended"]
    environ = {"PATH": os.environ["PATH"], "HOME": str(project), "SHELL": "/bin/sh"}
    runs = [
        subprocess.Popen(
            command, cwd=project, env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    try:
        until = time.monotonic() + 90
        while sum(each.poll() is not None for each in runs) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        (project / "go").touch()
        said = [each.communicate(timeout=90)[0] for each in runs]
    finally:
        for each in runs:
            each.kill()
    codes = [each.returncode for each in runs]
    assert sorted(codes) == [ExitCode.OK, ExitCode.LOCKED, ExitCode.LOCKED], said
    winner = runs[codes.index(ExitCode.OK)]
    refused = [text for code, text in zip(codes, said, strict=True) if code == ExitCode.LOCKED]
    assert all("held in lab is being run by" in text and f"process {winner.pid}," in text for text in refused), refused
    assert (project / "tally").read_text() == "ran\n"
    assert len(records(project)) == 1


APPROVED = Answered("a", 1, QuestionKind.STEP, Choice.APPROVE)
REJECTED = Answered("a", 1, QuestionKind.STEP, Choice.REJECT)


@pytest.mark.parametrize(
    ("facts", "waiting"),
    [
        ([StepWaiting("a", 1)], {"a": 1}),
        ([StepWaiting("a", 1), APPROVED], {"a": 1}),
        ([StepWaiting("a", 1), APPROVED, StepSucceeded("a", 1, 0, Part.WORK, {})], {}),
        ([StepWaiting("a", 1), REJECTED], {}),
        ([StepWaiting("a", 1), REJECTED, StepWaiting("a", 2), StepWaiting("b", 1)], {"a": 2, "b": 1}),
        ([StepWaiting("a", 1), AbortRequested("", "person")], {}),
    ],
)
def test_what_still_waits_stands_in_the_journal(facts: list[Fact], waiting: dict[str, int]) -> None:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    assert _waiting([Event(seq, now, 0.0, ANNA, fact) for seq, fact in enumerate(facts)]) == waiting


@pytest.mark.parametrize(
    ("code", "ended"),
    [(ExitCode.OK, True), (ExitCode.FAILED, True), (ExitCode.PAUSED, False), (ExitCode.INTERRUPTED, False)],
)
def test_the_sandbox_of_a_drill_that_was_left_stays_for_its_resume(
    project: Path, monkeypatch: pytest.MonkeyPatch, code: ExitCode, ended: bool
) -> None:
    """The servers are played; whether they are ended is the question."""
    calls: list[str] = []
    monkeypatch.setattr("drx.sandbox.servers.status", lambda _: ())
    monkeypatch.setattr("drx.sandbox.servers.up", lambda _: calls.append("up"))
    monkeypatch.setattr("drx.sandbox.servers.down", lambda _, **__: calls.append("down"))
    monkeypatch.setattr("drx.runner.run.run_drill", lambda *_: code)
    write(project, "tidy", FIRST)
    (project / "drills" / "d.yaml").write_text(
        "drill: d\nrunbook: tidy\nenvironment: sandbox\nfault: {action: mongo.drop_collection, with: {collection: x}}\n"
    )
    assert app.run(["drill", "d", "--env", "sandbox"]) == code
    assert calls == (["up", "down"] if ended else ["up"])
