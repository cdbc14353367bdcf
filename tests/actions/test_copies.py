"""`backup.copy`, and the locks of every action that writes to a store, as a run calls them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from drx.actions import locking
from drx.backup.locks import Holder, holding
from drx.backup.oplog import capture
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Store
from drx.config import Target
from drx.config.servers import MongoTarget
from drx.config.target import BackupTarget, DirectoryStore, Retention
from drx.errors import StepError
from drx.secrets import Secret
from tests.actions.context import FakeContext, run
from tests.backup.pieces import DATABASE, SERVICE, put_base, put_slice

OTHER = Holder("kay", "db2", 22, "run-2")
RETENTION = Retention(timedelta(days=7), 1, 1, 1, 1, 1)


@pytest.fixture
def stores(tmp_path: Path) -> dict[str, Store]:
    """A primary store and two copies."""
    for name in ("primary", "one", "two"):
        (tmp_path / name).mkdir()
    return {name: open_store(DirectoryAddress(tmp_path / name)) for name in ("primary", "one", "two")}


def target(tmp_path: Path, *copies: str, uri: str = "mongodb://127.0.0.1:1/", database: str = DATABASE) -> Target:
    kept = BackupTarget(
        DirectoryStore(tmp_path / "primary"), tuple(DirectoryStore(tmp_path / name) for name in copies), RETENTION
    )
    return Target("sandbox", SERVICE, sandbox=True, mongo=MongoTarget(Secret(uri), database), backups=kept)


@pytest.fixture
def context(context: FakeContext, tmp_path: Path, stores: dict[str, Store]) -> FakeContext:
    put_base(stores["primary"], "b1", 100, {"dump/db/images.bson.gz": b"images"})
    put_slice(stores["primary"], 100, 200)
    context.target = target(tmp_path, "one", "two")
    return context


def test_copies_are_brought_up_to_date(context: FakeContext) -> None:
    result = run("backup.copy", context)
    assert result.outputs == {"copies": 2, "files": 4, "size_bytes": 22}
    assert result.lines[0].endswith("one: 2 files, 11 bytes copied and read back")
    assert run("backup.copy", context).outputs == {"copies": 2, "files": 0, "size_bytes": 0}


def test_without_copies_there_is_nothing_to_do(context: FakeContext, tmp_path: Path) -> None:
    context.target = target(tmp_path)
    assert run("backup.copy", context).lines == ("drx.yaml states no copies",)


def test_a_copy_that_fails_is_named_and_the_other_is_served(context: FakeContext, tmp_path: Path) -> None:
    (tmp_path / "one").rmdir()
    with pytest.raises(StepError) as caught:
        run("backup.copy", context)
    assert "1 of 2 copies are not up to date" in caught.value.message
    assert f"{tmp_path}/one lacks an unknown number of backups" in caught.value.message
    assert open_store(DirectoryAddress(tmp_path / "two")).get("svc/base/b1/manifest.json")


def test_a_damaged_backup_is_named_with_what_lacks_it(context: FakeContext, stores: dict[str, Store]) -> None:
    stores["primary"].put("svc/base/b1/dump/db/images.bson.gz", b"Images")
    with pytest.raises(
        StepError, match=r"2 of 2 copies .*one lacks 1 of its backups \(svc/base/b1: .*images"
    ) as caught:
        run("backup.copy", context)
    assert len(caught.value.lines) == 2


def test_an_altered_copy_fails_once_and_is_whole_then(context: FakeContext, stores: dict[str, Store]) -> None:
    run("backup.copy", context)
    stores["two"].put("svc/base/b1/dump/db/images.bson.gz", b"Images")
    with pytest.raises(StepError, match=r"two had lost or altered svc/base/b1/dump/db/images\.bson\.gz; .*again"):
        run("backup.copy", context, reread=True)
    assert run("backup.copy", context, reread=True).outputs["files"] == 0


@pytest.mark.parametrize("action", ["backup.base", "backup.copy"])
def test_one_lock_keeps_bases_and_copies_apart(action: str, context: FakeContext, stores: dict[str, Store]) -> None:
    with holding(stores["primary"], SERVICE, "base", OTHER):
        with pytest.raises(StepError, match=r"bases of svc in .* are locked by kay@db2 .*since .*until") as caught:
            run(action, context)
        assert "Wait until it is done" in caught.value.remedy


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capture, "_SETTLED_SECONDS", 0.1)
    monkeypatch.setattr(locking, "_PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(locking, "_LOOK_SECONDS", 0.1)


@pytest.mark.slow
@pytest.mark.usefixtures("impatience")
def test_a_slice_waits_for_no_base_and_an_emergency_for_nobody(
    context: FakeContext,
    stores: dict[str, Store],
    mongo_server: str,
    database: Database[dict[str, Any]],
    tmp_path: Path,
) -> None:
    primary = stores["primary"]
    context.target = target(tmp_path, uri=mongo_server, database=database.name)
    database.images.insert_one({"_id": 1})
    run("backup.base", context)
    database.images.insert_one({"_id": 2})
    with holding(primary, SERVICE, "base", OTHER):
        assert run("backup.slice", context).outputs["entries"]
    database.images.insert_one({"_id": 3})
    with holding(primary, SERVICE, "slice", OTHER):
        with pytest.raises(StepError, match=r"slices of svc in .* are locked by kay@db2"):
            run("backup.slice", context)
        result = run("backup.emergency_slice", context)
    assert result.outputs["entries"]
    assert "taken without the lock: the slices of svc" in result.lines[-1]
    database.images.insert_one({"_id": 4})
    assert len(run("backup.emergency_slice", context).lines) == 1
