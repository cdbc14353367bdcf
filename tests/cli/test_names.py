"""What a shell completes, asked as bash, zsh and fish ask it, and by real ones."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

from drx.cli import app, names
from drx.cli.groups import GROUPS

DRX = Path(sys.executable).with_name("drx")
FIRST, SECOND = "2026-11-20T0800Z-outage-aaaa", "2026-11-21T0800Z-outage-bbbb"
EVENTS = {
    FIRST: [("StepWaiting", "old")],
    SECOND: [
        ("StepWaiting", "said"),
        ("StepSucceeded", "said"),
        ("StepWaiting", "agree"),
        ("StepWaiting", "agree-too"),
    ],
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "drx.yaml").write_text(
        "service: x\nobjectives: {rto: 1h, rpo: 1h}\n"
        "environments: {lab: {}, live: {mongo: {uri: '${NO}', database: d}}}\n"
        "backups: {primary: {directory: one}, copies: [{directory: two}, {directory: three}]}\n"
    )
    for folder, name in (("runbooks", "outage"), ("runbooks", "other"), ("drills", "outage"), ("drills", "practice")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.yaml").write_text("not even read")
    for odd in ("odd name", "it's", "Capital", 'quo"te$x', "ou:t"):
        (tmp_path / "runbooks" / f"{odd}.yaml").write_text("its name is no id")
    for run, events in EVENTS.items():
        record = tmp_path / "drills" / "records" / run
        record.mkdir(parents=True)
        lines = (f'{{"type":"{kind}","data":{{"step":"{step}"}}}}\n' for kind, step in events)
        (record / "journal.jsonl").write_text("".join(lines))
    (tmp_path / ".drx" / "sandbox" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_names_of_a_project() -> None:
    assert names.runbooks("ou") == ["outage"]
    assert names.runbooks("") == ["other", "outage"]
    assert names.drills("") == ["outage", "practice"]
    assert names.environments("l") == ["lab", "live"]
    assert names.runs("2026-11-2")[0] == SECOND
    assert names.waiting_in("") == ["agree-too", "agree"], "of the newest run, its newest question first"
    assert names.waiting_in("aaaa") == ["old"]
    assert names.waiting_in("nowhere") == []


def test_outside_a_project_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    silent = (names.runbooks, names.drills, names.environments, names.runs, names.checkable, names.stores)
    assert [found for complete in silent for found in complete("")] == []
    assert names.waiting_in("") == []


def completed(typed: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What bash would offer for the last word."""
    monkeypatch.setenv("_DRX_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", typed)
    monkeypatch.setenv("COMP_CWORD", str(typed.count(" ")))
    with pytest.raises(SystemExit):
        app.run(["any"])
    return capsys.readouterr().out.split()


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("drx ba", ["backups"]),
        ("drx backups l", ["list"]),
        ("drx schedule k", ["kubernetes"]),
        ("drx sandbox ", ["up", "status", "down"]),
        ("drx mongo ", ["restore"]),
        ("drx notify ", ["test"]),
        ("drx run ou", ["outage"]),
        ("drx run --tab", ["--tabletop"]),
        ("drx run outage --env l", ["lab", "live"]),
        ("drx run outage --sandbox ", ["default", "mine"]),
        ("drx drill pr", ["practice"]),
        ("drx backups list --env la", ["lab"]),
        ("drx backups list --store ", ["primary", "copy-1", "copy-2"]),
        ("drx backups events --kind d", ["drop", "dropDatabase"]),
        ("drx mongo restore dump --env la", ["lab"]),
        ("drx trust li", ["live"]),
        ("drx check p", ["practice"]),
        ("drx actions mongo.rest", ["mongo.restore", "mongo.restore_dump"]),
        ("drx schema d", ["drill"]),
        ("drx report --trend ot", ["other"]),
        ("drx report --format j", ["json", "junit"]),
        ("drx plan --format h", ["html"]),
        *((f"drx {command} 2026-11-21", [SECOND]) for command in ("show", "resume", "approve", "review", "report")),
        *((f"drx {command} 2026-11-21", [SECOND]) for command in ("audit", "export", "sign")),
        (f"drx approve {FIRST} ", ["old"]),
        ("drx approve bbbb ag", ["agree-too", "agree"]),
    ],
)
def test_every_word_that_drx_knows_is_offered(
    typed: str, offered: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert completed(typed, monkeypatch, capsys) == offered


def test_every_command_is_offered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert sorted(completed("drx ", monkeypatch, capsys)) == sorted(name for group in GROUPS.values() for name in group)


def script_for(shell: str) -> str:
    """What `drx --install-completion`, called from a shell, has it read: drx looks which shell that is."""
    asked = [shell, "-c", f"{DRX} --show-completion; true"]
    return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=30).stdout


def surroundings(project: Path) -> dict[str, str]:
    """Variables of a shell that finds drx, and nothing of whoever runs the tests."""
    path = f"{DRX.parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "TERM": "dumb", "HOME": str(project), "ZDOTDIR": str(project)}


SHELLS = {
    "bash": (["--norc", "--noprofile", "-i"], "bind 'set enable-bracketed-paste off'"),
    "zsh": (["-f", "-i"], "autoload -Uz compinit; compinit -u -D"),
}


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_the_tab_key_completes(shell: str, project: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} here")
    (project / "completion").write_text(script_for(shell))
    begin, prepare = SHELLS[shell]
    child = pexpect.spawn(shell, begin, cwd=str(project), env=surroundings(project), timeout=20, encoding="utf-8")
    child.sendline(f"{prepare}; . {project}/completion; echo load''ed")
    child.expect_exact("loaded")
    for typed, rest in (("backups wi", "ndow"), ("run ou", "tage"), ("run --env la", "b"), ("approve aaaa o", "ld")):
        child.send(f"drx {typed}\t")
        child.expect_exact(f"{typed}{rest} ")
        child.sendcontrol("u")
    child.close(force=True)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed (Debian: fish)")
def test_fish_completes(project: Path) -> None:
    for typed, whole in (("drx backups wi", "window"), ("drx run ou", "outage"), ("drx approve aaaa ", "old")):
        asked = ["fish", "--no-config", "-c", f'{script_for("fish")}\ncomplete -C "{typed}"']
        done = subprocess.run(
            asked, env=surroundings(project), capture_output=True, text=True, check=True, timeout=30, cwd=project
        )
        assert [line.split("\t")[0] for line in done.stdout.splitlines()] == [whole]
