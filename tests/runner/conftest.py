"""Fixtures of the runner's tests."""

from pathlib import Path

import pytest

from drx.actions import registry
from tests.runner.project import Project


@pytest.fixture(autouse=True)
def _test_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    """The family `test.*`."""
    monkeypatch.setitem(registry._FAMILIES, "test", ("tests.runner.actions",))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project."""
    return Project(tmp_path)
