"""`drx drill --all`: every drill is run, whatever became of the one before, and the worst decides."""

import os
from pathlib import Path

import pytest

from drx.cli import app
from drx.errors import ExitCode

Capture = pytest.CaptureFixture[str]
RUNBOOK = """runbook: mend
title: Something is broken
objectives: {rto: RTO, rpo: 1h}
steps:
  - {id: mend, title: Mend it, action: shell.run, with: {command: [COMMAND]}, expect: 1s, recovered: true}
"""
DRILL = "drill: NAME\nrunbook: NAME\nenvironment: lab\nfault: {action: shell.run, with: {command: ['true']}}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a laboratory and no drills yet."""
    text = "service: x\nobjectives: {rto: 1h, rpo: 1h}\nenvironments: {lab: {}, live: {protected: true}}\n"
    (tmp_path / "drx.yaml").write_text(text)
    for folder in ("runbooks", "drills"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(project: Path, name: str, command: str, rto: str = "1h") -> None:
    """Write a drill whose runbook is one command."""
    runbook = RUNBOOK.replace("mend\ntitle", f"{name}\ntitle").replace("COMMAND", command).replace("RTO", rto)
    (project / "runbooks" / f"{name}.yaml").write_text(runbook)
    (project / "drills" / f"{name}.yaml").write_text(DRILL.replace("NAME", name))


def rows(shown: str) -> dict[str, list[str]]:
    """The table's lines, by drill."""
    lines = shown[shown.index("\ndrill ") :].splitlines()
    return {line.split()[0]: line.split() for line in lines if line}


def test_one_that_fails_stops_no_other(project: Path, capsys: Capture) -> None:
    write(project, "a-good", "'true'")
    write(project, "b-bad", "'false'")
    write(project, "c-good", "'true'")
    (project / "drills" / "d-broken.yaml").write_text("drill: d-broken\n")
    code = app.run(["drill", "--all", "--env", "lab"])
    table = rows(capsys.readouterr().out)
    assert code == ExitCode.INVALID
    assert table["b-bad"][1] == "FAILED"
    assert table["c-good"][1] != "NOT"
    assert table["d-broken"][1:3] == ["NOT", "RUN"]
    (project / "drills" / "d-broken.yaml").unlink()
    assert app.run(["drill", "--all", "--env", "lab"]) == ExitCode.FAILED
    assert len(list((project / "drills" / "records").iterdir())) == 6


def test_one_ended_by_somebody_is_the_last(project: Path, capsys: Capture) -> None:
    write(project, "a-ended", f"kill, -INT, '{os.getpid()}'")
    write(project, "b-good", "'true'")
    code = app.run(["drill", "--all", "--env", "lab"])
    assert code != ExitCode.OK
    assert "0 of 2 drills passed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["drill"], "name a DRILL, or say --all"),
        (["drill", "x", "--all"], "name a DRILL, or say --all"),
        (["drill", "--all", "--keep"], "--keep is for one drill"),
        (["drill", "--all", "--junit", "x.xml"], "--junit is for one drill"),
        (["drill", "--all"], "there are no drills"),
    ],
)
def test_what_cannot_be_meant_is_refused(project: Path, arguments: list[str], remedy: str, capsys: Capture) -> None:
    assert app.run(arguments) == ExitCode.USAGE
    assert remedy in capsys.readouterr().err


def test_a_protected_environment_sees_no_drill(project: Path, capsys: Capture) -> None:
    write(project, "a", "touch, started")
    assert app.run(["drill", "--all", "--env", "live"]) == ExitCode.REFUSED
    assert not (project / "started").exists()
    assert rows(capsys.readouterr().out)["a"][1:3] == ["NOT", "RUN"]
