"""Fixtures for tests of actions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from drx.actions.providers import api
from drx.backup.oplog import capture
from tests.actions.context import FakeContext
from tests.actions.service import Service, serving


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    """A context whose artifacts lie in a directory of its own."""
    return FakeContext(tmp_path / "artifacts")


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded server needs no whole second to finish a write; test_oplog.py keeps to the real wait."""
    monkeypatch.setattr(capture, "_SETTLED_SECONDS", 0.1)


@pytest.fixture
def service() -> Iterator[Service]:
    """A JSON service on loopback that answers as the test says."""
    with serving() as running:
        yield running


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again at once."""
    monkeypatch.setattr(api, "_FIRST_PAUSE", 0.001)
