"""The job that docs/ci.md shows works, command by command, in a repository of one's own."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from drx.cli import app

DRX = Path(sys.executable).with_name("drx")
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text()


def _commands() -> list[list[str]]:
    """What the job runs after drx is installed."""
    workflow = yaml.safe_load(PAGE.split("```yaml\n")[1].split("```")[0])
    lines = [step["run"] for step in workflow["jobs"]["recovery"]["steps"] if "run" in step]
    assert lines.pop(0) == "pipx install 'drx[sandbox]'"
    return [shlex.split(line) for line in lines]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_job_passes(tmp_path: Path) -> None:
    subprocess.run([DRX, "init", "--sandbox-only"], cwd=tmp_path, capture_output=True, check=True)
    summary = tmp_path / "summary.md"
    environ = {**os.environ, "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    commands = _commands()
    assert [command[:2] for command in commands] == [["drx", "check"], ["drx", "drill"]]
    for _, *arguments in commands:
        done = subprocess.run([DRX, *arguments], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert summary.read_text().startswith("# PASSED")
    assert "<testsuites>" in (tmp_path / "drill.xml").read_text()


@pytest.mark.parametrize("command", [["plan", "--check"], ["schedule", "github", "--check"]])
def test_the_other_lines_pass_in_this_repository(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert f"`drx {shlex.join(command)}`" in PAGE
    monkeypatch.chdir(ROOT)
    assert app.run(command) == 0
