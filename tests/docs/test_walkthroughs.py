"""Whoever follows a page, command by command, comes to its end."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETUP = 'make setup\nexport PATH="$PWD/.venv/bin:$PATH"\n'
"""What the tests have behind them already."""


def follow(page: str, directory: Path) -> str:
    """Run every shell block of a page, in order and in one shell, as a reader would."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / page).read_text(), re.DOTALL)
    assert blocks
    script = "set -euo pipefail\n" + "".join(blocks).replace(SETUP, "")
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=directory, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_first_runbook(tmp_path: Path) -> None:
    shown = follow("first-runbook.md", tmp_path)
    assert "no problems" in shown
    assert "RECOVERED" in shown
    assert (tmp_path / "shop" / "plan.md").is_file()


@pytest.mark.slow
def test_a_service_of_ones_own(tmp_path: Path) -> None:
    assert "files checked" in follow("getting-started.md", tmp_path)
    assert (tmp_path / "shop" / "drills" / "db-drop.yaml").is_file()


@pytest.mark.slow
def test_the_first_drill(tmp_path: Path) -> None:
    for name in ("drx.yaml", "runbooks", "drills"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("records"))
        else:
            shutil.copy(source, tmp_path / name)
    shown = follow("tutorial.md", tmp_path)
    assert "PASSED" in shown
    assert shown.count(": intact") == 2
    assert "drop  pixelcraft.images" in shown
