"""Streams that are closed, full, of another encoding, or gone: the command says so, or does its work all the same."""

import signal
import subprocess
from pathlib import Path

import pytest

from drx.errors import ExitCode
from tests.terminal import DRX, drx

CONFIG = "service: x\nobjectives: {rto: 1h, rpo: 1h}\nenvironments: {lab: {}}\n"
RUNBOOK = """\
runbook: greet
kind: scenario
title: Say hello
symptoms: [{text: Nobody says hello}]
steps:
  - {id: hello, title: "Say hello → to all", confirm: "Hello · said?", expect: 1s}
  - {id: wait, title: Wait, action: shell.run, with: {command: [sleep, "60"]}, expect: 60s, recovered: true}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project that needs no server."""
    (tmp_path / "drx.yaml").write_text(CONFIG)
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "greet.yaml").write_text(RUNBOOK)
    return tmp_path


@pytest.mark.parametrize(
    ("redirected", "code", "said"),
    [
        ("run greet --env lab <&-", ExitCode.HUMAN_NEEDED, "a person has to answer, and there is no terminal"),
        ("plan --check >&-", ExitCode.STALE, ""),
        ("plan <&- >&- 2>&-", ExitCode.OK, ""),
        ("plan >/dev/full", ExitCode.USAGE, "no room is left on the disk of what drx writes to"),
        ("plan | head -1 | cut -c1", ExitCode.OK, "#"),
    ],
)
def test_a_stream_that_is_gone_is_no_bug(project: Path, redirected: str, code: int, said: str) -> None:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{DRX} {redirected}"],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done
    assert "bug" not in done.stderr


def test_a_terminal_that_knows_only_ascii_gets_stand_ins(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    terminal = drx(project, "run", "greet", "--env", "lab")
    terminal.see("Say hello > to all", "Hello - said?", "> Done - the run goes on", "elapsed 00:00:")
    terminal.type("\r")
    terminal.see("-" * 20, "greet in lab", "> wait")
    assert "?" not in terminal.text.split("-" * 20)[1]
    assert terminal.text.isascii()
    terminal.child.kill(signal.SIGTERM)
    assert terminal.end() == ExitCode.PAUSED


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_whoever_follows_leaves_the_terminal_as_it_was_found(project: Path, number: signal.Signals) -> None:
    terminal = drx(project, "run", "greet", "--env", "lab")
    terminal.see("Done - the run goes on")
    follower = drx(project, "show", "--follow")
    follower.see("elapsed 00:00:")
    assert follower.screen.cursor.hidden
    follower.child.kill(number)
    assert follower.end() == 128 + number
    chooser = drx(project, "run")
    chooser.see("Nobody says hello")
    chooser.child.kill(number)
    assert chooser.end() == 128 + number
    terminal.child.kill(signal.SIGTERM)
    assert terminal.end() == ExitCode.PAUSED
