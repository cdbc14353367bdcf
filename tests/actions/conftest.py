"""Fixtures for tests of actions."""

from pathlib import Path

import pytest

from drx.backup import capture
from tests.actions.context import FakeContext


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    """A context whose artifacts lie in a directory of its own."""
    return FakeContext(tmp_path / "artifacts")


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded server needs no whole second to finish a write; test_oplog.py keeps to the real wait."""
    monkeypatch.setattr(capture, "_SETTLED_SECONDS", 0.1)
