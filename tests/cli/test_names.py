"""What a shell completes, asked as bash, zsh and fish ask it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from drx.cli import names

DRX = str(Path(sys.executable).with_name("drx"))


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "drx.yaml").write_text(
        "service: x\nobjectives: {rto: 1h, rpo: 1h}\n"
        "environments: {lab: {}, live: {mongo: {uri: '${NO}', database: d}}}\n"
    )
    for folder, name in (("runbooks", "outage"), ("runbooks", "other"), ("drills", "outage")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.yaml").write_text("not even read")
    for run, step in (("2026-11-20T0800Z-outage-aaaa", "old"), ("2026-11-21T0800Z-outage-bbbb", "agree")):
        record = tmp_path / "drills" / "records" / run
        record.mkdir(parents=True)
        (record / "journal.jsonl").write_text(f'{{"type":"StepWaiting","data":{{"step":"{step}"}}}}\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_names_of_a_project() -> None:
    assert names.runbooks("ou") == ["outage"]
    assert names.drills("") == ["outage"]
    assert names.environments("l") == ["lab", "live"]
    assert names.runs("2026-11-2")[0] == "2026-11-21T0800Z-outage-bbbb"
    assert names.steps("") == ["agree"]


def test_outside_a_project_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert [*names.runbooks(""), *names.environments(""), *names.runs(""), *names.steps("")] == []


@pytest.mark.parametrize(
    "asked",
    [
        {"_DRX_COMPLETE": "complete_bash", "COMP_WORDS": "drx run ou", "COMP_CWORD": "2"},
        {"_DRX_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "drx run ou"},
        {
            "_DRX_COMPLETE": "complete_fish",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            "_TYPER_COMPLETE_ARGS": "drx run ou",
        },
    ],
)
def test_shells_get_them(asked: dict[str, str]) -> None:
    done = subprocess.run([DRX], env={**os.environ, **asked}, capture_output=True, text=True, check=False, timeout=30)
    assert "outage" in done.stdout
    assert "other" not in done.stdout
