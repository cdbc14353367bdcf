"""What tests of backups share: a store in a directory, a name to restore into, and a server that settles at once."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from drx.backup.oplog import capture
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, S3Address, Store
from drx.backup.stores.s3 import S3Store


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded server needs no whole second to finish a write; test_oplog.py keeps to the real wait."""
    monkeypatch.setattr(capture, "_SETTLED_SECONDS", 0.1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty store in the directory `store`."""
    (tmp_path / "store").mkdir()
    return open_store(DirectoryAddress(tmp_path / "store"))


@pytest.fixture
def into(mongo_client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """A name to restore into, dropped after the test."""
    name = f"into_{uuid.uuid4().hex[:12]}"
    yield name
    mongo_client.drop_database(name)


@pytest.fixture
def s3_store(s3_server: str, bucket: str) -> S3Store:
    """A store in a bucket of the test's own."""
    return S3Store(S3Address(bucket, "p", endpoint=s3_server, access_key_id="test", secret_access_key="test"))
