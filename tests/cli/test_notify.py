"""`drx notify test`, and a run at the command line that tells of its failure."""

import json
from pathlib import Path

import pytest

from drx.cli.app import run
from drx.cli.hearing import heard_of
from drx.cli.project import load_project
from drx.errors import LockedError
from tests.notify.listening import listening

CONFIG = """
service: shop
objectives: {rto: 2h, rpo: 1h}
environments: {lab: {}}
"""
RUNBOOK = """
runbook: story
kind: operation
title: A story
steps:
  - id: a
    title: Fail
    action: shell.run
    with: {command: [sh, -c, "exit 3"], env: {URL: "{{ target.health_url | default('none') }}"}}
    expect: 1s
    on_failure: abort
"""
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOOK", "http://127.0.0.1:9/s3cr3t-token")
    (tmp_path / "drx.yaml").write_text(CONFIG)
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "story.yaml").write_text(RUNBOOK)
    return tmp_path


def _drx(*arguments: str) -> int:
    return run(list(arguments))


def test_without_a_channel_it_says_how_to_write_one(folder: Path, capsys: Capture) -> None:
    assert _drx("notify", "test") == 2
    assert "drx.yaml names no channel" in capsys.readouterr().err


def test_it_says_of_each_channel_what_came_of_it(folder: Path, capsys: Capture) -> None:
    with listening() as listener, (folder / "drx.yaml").open("a") as file:
        print(f"notify: {{on_failure: ['{listener.url}'], channels: [{{url: '${{HOOK}}'}}]}}", file=file, flush=True)
        assert _drx("notify", "test") == 4
        assert "This is only a test" in listener.came[0][1]
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "sent     web hook 127.0.0.1",
        "failed   web hook 127.0.0.1: it cannot be reached: Connection refused",
        "         Check its address under `notify:` in drx.yaml, and whether this host may reach it",
    ]
    assert "s3cr3t" not in shown.out + shown.err


def test_a_run_that_fails_is_told_once_and_its_record_says_so(folder: Path, capsys: Capture) -> None:
    with listening() as listener, (folder / "drx.yaml").open("a") as file:
        print(f"notify: {{on_failure: ['{listener.url}', '${{HOOK}}']}}", file=file, flush=True)
        for _ in range(2):
            assert _drx("run", "story", "--env", "lab", "--unattended") == 4
        assert len(listener.came) == 1
    shown = capsys.readouterr().out
    assert "told web hook 127.0.0.1: failure" in shown
    assert "could not tell web hook 127.0.0.1: it cannot be reached" in shown
    assert "told nobody: the same was told" in shown
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "drx.yaml")
    assert b"s3cr3t" not in kept
    assert b"web hook 127.0.0.1 did not get the message about failure" in kept


@pytest.mark.parametrize(
    ("environments", "records", "code", "told"),
    [
        ("lab: {health_url: '${NOT_SET}'}", "", 3, "the variable NOT_SET is not set"),
        ("lab: {}", "a file where the folder should be", 2, "drills/records: a record cannot be made"),
    ],
)
def test_a_run_that_cannot_begin_is_told_too(
    environments: str, records: str, code: int, told: str, folder: Path, capsys: Capture
) -> None:
    if records:
        (folder / "drills").write_text(records)
    with listening() as listener:
        config = CONFIG.replace("lab: {}", environments)
        (folder / "drx.yaml").write_text(f"{config}notify: {{on_failure: ['{listener.url}']}}\n")
        assert _drx("run", "story", "--env", "lab", "--unattended") == code
        ((_, body),) = listener.came
    assert "shop: story in lab could not run" in body
    assert told in body
    assert "told web hook 127.0.0.1: failure" in capsys.readouterr().err


def test_a_job_that_meets_itself_calls_nobody(folder: Path) -> None:
    with listening() as listener:
        (folder / "drx.yaml").write_text(f"{CONFIG}notify: {{on_failure: ['{listener.url}']}}\n")
        with pytest.raises(LockedError), heard_of(load_project(), "story", "lab", unattended=True):
            raise LockedError("story in lab is being run")
        assert listener.came == []


@pytest.mark.parametrize("option", [["--json"], ["--log-format", "json"]])
def test_a_log_for_machines_is_one_event_a_line(option: list[str], folder: Path, capsys: Capture) -> None:
    assert _drx("run", "story", "--env", "lab", "--unattended", *option) == 4
    types = [json.loads(line)["type"] for line in capsys.readouterr().out.splitlines()]
    assert types[0] == "RunStarted"
    assert types[-1] == "RunFinished"


def test_a_scenario_that_may_not_begin_alone_calls_for_a_person(folder: Path, capsys: Capture) -> None:
    scenario = RUNBOOK.replace("kind: operation\n", "").replace("expect: 1s", "expect: 1s\n    recovered: true")
    (folder / "runbooks" / "story.yaml").write_text(scenario)
    with listening() as listener:
        config = CONFIG.replace("lab: {}", "lab: {protected: true}")
        (folder / "drx.yaml").write_text(f"{config}notify: {{on_failure: ['{listener.url}']}}\n")
        assert _drx("run", "story", "--env", "lab", "--unattended") == 8
        assert "shop: story in lab waits for a person" in listener.came[0][1]
