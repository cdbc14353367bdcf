"""Fixtures for tests of actions."""

from pathlib import Path

import pytest

from tests.actions.context import FakeContext


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    """A context whose artifacts lie in a directory of its own."""
    return FakeContext(tmp_path / "artifacts")
