"""The committed plan is the one that drx would write."""

from pathlib import Path

import pytest

from drx.cli import app
from drx.errors import ExitCode

ROOT = Path(__file__).parents[2]


def test_the_committed_plan_is_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert app.run(["plan", "--check"]) == ExitCode.OK, "run `make docs`, and read the difference before you commit it"
