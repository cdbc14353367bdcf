"""`drx runs` and `drx show`: runs of this and of another process, finished or not."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from drx.cli import app
from drx.errors import ExitCode
from tests.terminal import CTRL_C, Size, drx

Capture = pytest.CaptureFixture[str]
DRX = str(Path(sys.executable).with_name("drx"))
CONFIG = "service: x\nobjectives: {rto: 1h, rpo: 1h}\nenvironments: {lab: {}}\n"
QUICK = """
runbook: quick
kind: operation
title: Q
steps: [{id: a, title: Say it, action: shell.run, with: {command: [echo, hello]}, expect: 1s}]
"""
WAITS = """
runbook: waits
kind: operation
title: W
steps:
  - id: wait
    title: Wait for the file
    action: shell.run
    with: {shell: true, command: "until [ -e go ]; do sleep 0.1; done"}
    expect: 1s
"""
ASKS = """
runbook: ask
kind: operation
title: A
steps:
  - {id: say, title: Say it, action: shell.run, with: {command: [echo, hello]}, expect: 1s}
  - {id: look, confirm: Up?, expect: 1m}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "drx.yaml").write_text(CONFIG)
    (tmp_path / "runbooks" / "quick.yaml").write_text(QUICK)
    (tmp_path / "runbooks" / "waits.yaml").write_text(WAITS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(capsys: Capture, *arguments: str) -> list[dict[str, str]]:
    assert app.run(["runs", "--json", *arguments]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, list)
    return found


def test_nothing_was_run_here_yet(capsys: Capture) -> None:
    assert app.run(["runs"]) == ExitCode.OK
    assert "nothing was run here yet" in capsys.readouterr().out
    assert app.run(["show"]) == ExitCode.USAGE


def test_a_finished_run(project: Path, capsys: Capture) -> None:
    assert app.run(["run", "quick", "--env", "lab", "--unattended"]) == ExitCode.OK
    ran = capsys.readouterr().out
    assert app.run(["show"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert [line for line in ran.splitlines() if "✓" in line] == [line for line in shown.splitlines() if "✓" in line]
    assert "SUCCEEDED" in shown
    (run,) = listed(capsys)
    assert (run["subject"], run["environment"], run["state"]) == ("quick", "lab", "SUCCEEDED")


def test_a_run_that_goes_on_elsewhere_is_followed_to_its_end(project: Path, capsys: Capture) -> None:
    command = [DRX, "run", "waits", "--env", "lab", "--unattended"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as other:
        _until(lambda: any(project.glob("drills/records/*/journal.jsonl")))
        _until(lambda: listed(capsys)[0]["state"] == "running")
        with subprocess.Popen([DRX, "show", "--follow"], stdout=subprocess.PIPE, text=True) as follower:
            assert follower.stdout
            while "waits" not in follower.stdout.readline():
                assert follower.poll() is None
            (project / "go").touch()
            shown, _ = follower.communicate(timeout=30)
        assert other.wait(timeout=30) == ExitCode.OK
    assert follower.returncode == ExitCode.OK
    assert "SUCCEEDED" in shown


def test_whoever_follows_at_a_terminal_sees_the_clocks(project: Path) -> None:
    command = [DRX, "run", "waits", "--env", "lab", "--unattended"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as other:
        _until(lambda: any(b"StepStarted" in path.read_bytes() for path in project.glob("drills/records/*/*.jsonl")))
        follower = drx(project, "show", "--follow")
        leaver = drx(project, "show", "--follow")
        for terminal in (follower, leaver):
            terminal.see_once("OPERATION waits in lab", "elapsed 00:0", "> wait ")
        leaver.type(CTRL_C)
        assert leaver.end() == ExitCode.INTERRUPTED
        (project / "go").touch()
        assert other.wait(timeout=30) == ExitCode.OK
    assert follower.end() == ExitCode.OK
    assert "SUCCEEDED" in follower.text
    assert "elapsed 00:0" not in follower.text


def test_a_killed_run_is_unfinished_and_a_damaged_one_hides_no_other(project: Path, capsys: Capture) -> None:
    command = [DRX, "run", "waits", "--env", "lab", "--unattended"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as other:
        _until(lambda: any(b"StepStarted" in path.read_bytes() for path in project.glob("drills/records/*/*.jsonl")))
        os.killpg(other.pid, signal.SIGKILL)
    (project / "go").touch()  # whatever it started ends
    assert listed(capsys)[0]["state"] == "unfinished"
    assert app.run(["show"]) == ExitCode.OK
    assert "nobody is at it. Go on with: drx resume" in capsys.readouterr().out
    assert app.run(["run", "quick", "--env", "lab", "--unattended"]) == ExitCode.OK
    killed = next(project.glob("drills/records/*-waits-*"))
    (killed / "journal.jsonl").write_bytes(b"{}\n")
    capsys.readouterr()
    assert sorted(run["state"] for run in listed(capsys)) == ["SUCCEEDED", "damaged"]
    assert len(listed(capsys, "--limit", "1")) == 1
    assert app.run(["show", killed.name]) == ExitCode.FAILED
    assert "the journal is damaged" in capsys.readouterr().err


def test_a_run_is_taken_over_from_a_process_that_is_still_at_it(project: Path, capsys: Capture) -> None:
    command = [DRX, "run", "waits", "--env", "lab", "--unattended"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        _until(lambda: any(b"StepStarted" in path.read_bytes() for path in project.glob("drills/records/*/*.jsonl")))
        assert app.run(["resume", "--unattended"]) == ExitCode.LOCKED
        refused = capsys.readouterr().err
        assert f"process {first.pid}" in refused
        assert "drx show" in refused
        assert "--take-over" in refused
        assert first.poll() is None
        app.run(["resume", "--take-over", "--unattended"])
        said, _ = first.communicate(timeout=30)
    assert first.returncode == ExitCode.PAUSED
    assert "takes over" in said
    assert f"process {first.pid}" in capsys.readouterr().err
    (record,) = project.glob("drills/records/*-waits-*")
    facts = [json.loads(line) for line in (record / "journal.jsonl").read_text().splitlines()]
    kinds = [fact["type"] for fact in facts]
    assert kinds.index("PauseRequested") < kinds.index("RunPaused") < kinds.index("RunResumed")
    assert not list((record / "inbox").glob("*.json"))


@pytest.mark.slow
def test_a_question_that_stands_at_another_terminal_is_taken_over(project: Path, size: Size) -> None:
    (project / "runbooks" / "ask.yaml").write_text(ASKS)
    first = drx(project, "run", "ask", "--env", "lab", size=size)
    first.see("Up?", "Done - the run goes on")
    (record,) = project.glob("drills/records/*-ask-*")
    second = drx(project, "resume", size=size)
    assert second.end() == ExitCode.LOCKED
    second.see(f"{record.name} is in use by ", f"drx show {record.name} --follow", "--take-over")
    first.see("Up?", "Done - the run goes on")
    second = drx(project, "resume", "--take-over", size=size)
    second.see("asking ", ", to hand over ")
    assert first.end() == ExitCode.PAUSED
    first.see(" takes over", f"Go on with: drx resume {record.name}")
    assert "Done - the run goes on" not in first.text
    second.see("✓ say", "left by ", " goes on; what is done above is not done again", "elapsed 00:")
    second.answer("Up?")
    assert second.end() == ExitCode.OK
    second.see("✓ look", "SUCCEEDED")


@pytest.mark.slow
def test_of_two_who_take_over_at_once_one_goes_on_and_the_other_is_told_who(project: Path) -> None:
    (project / "runbooks" / "ask.yaml").write_text(ASKS)
    first = drx(project, "run", "ask", "--env", "lab")
    first.see("Up?", "Done - the run goes on")
    (record,) = project.glob("drills/records/*-ask-*")
    others = [drx(project, "resume", record.name, "--take-over") for _ in range(2)]
    assert first.end() == ExitCode.PAUSED
    _until(lambda: any(not (other.read() or other.child.isalive()) for other in others))
    late, gone_on = sorted(others, key=lambda other: other.child.isalive())
    assert late.end() == ExitCode.LOCKED
    said = " ".join(late.text.split())
    assert f"process {gone_on.child.pid}" in said
    assert f"drx show {record.name} --follow. Or have it handed over: drx resume {record.name} --take-over" in said
    gone_on.answer("Up?")
    assert gone_on.end() == ExitCode.OK
    facts = [json.loads(line)["type"] for line in (record / "journal.jsonl").read_text().splitlines()]
    assert facts.count("RunResumed") == facts.count("RunFinished") == 1


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
