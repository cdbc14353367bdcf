"""A database of the test's own, with a store in a directory."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from drx.config import BackupTarget, DirectoryStore
from tests.actions.context import FakeContext
from tests.actions.mongo.databases import RETENTION, Documents, target_of


@pytest.fixture
def context(tmp_path: Path, mongo_server: str, database: Documents) -> FakeContext:
    """A context with the test's own database, and a store in a directory."""
    (tmp_path / "store").mkdir()
    backups = BackupTarget(DirectoryStore(tmp_path / "store"), (), RETENTION)
    return FakeContext(tmp_path / "artifacts", target_of(mongo_server, database.name, backups=backups))


@pytest.fixture
def into(database: Documents) -> Iterator[str]:
    """A name to restore into, dropped after the test."""
    name = f"{database.name}_recovered"
    yield name
    database.client.drop_database(name)
