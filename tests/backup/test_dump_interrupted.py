"""Dumps and restores that are cut short, lose their store, or see the database change under them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.errors import NotPrimaryError, OperationFailure

from drx.backup.dump import base_backup
from drx.backup.format import members
from drx.backup.format.catalog import list_bases
from drx.backup.server import scan
from drx.backup.server.cursor import read_raw
from drx.backup.stores.base import Store
from drx.backup.stores.s3 import S3Store
from drx.backup.verify import verify_base
from drx.errors import Cancelled, DrxError, StepError, StoreError
from tests.backup.databases import QUIET, Db, back_up, differences, fill, put_back


def test_an_interrupted_restore_goes_on(database: Db, store: Store, into: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MEMBER_BYTES", 2000)
    monkeypatch.setattr(scan, "_BATCH_BYTES", 2000)
    fill(database)
    database.create_collection("log", capped=True, size=1 << 20)
    database.log.insert_many({"_id": -number} for number in range(100))
    database.images.create_index("text", unique=True)
    manifest = back_up(database, store)
    loaded = 0

    def progress(done: int, total: int | None, unit: str) -> None:
        nonlocal loaded
        loaded = done

    with pytest.raises(Cancelled, match=f"stay in the database {into}"):
        put_back(database, store, manifest, into, progress=progress, cancelled=lambda: loaded > 150)
    target = database.client[into]
    assert 0 < target.images.count_documents({}) < 300
    with pytest.raises(StepError, match="is not empty"):
        put_back(database, store, manifest, into)
    restored = put_back(database, store, manifest, into, resumed=True)
    assert not differences(database, restored)
    assert [document["_id"] for document in target.log.find()] == [-number for number in range(100)]
    target.images.update_one({"_id": 3}, {"$set": {"text": "not what it was"}})
    with pytest.raises(StepError, match=r'another document in the place of \{"\$numberInt": "3"\}'):
        put_back(database, store, manifest, into, resumed=True)


def test_an_interrupted_dump_is_no_backup_and_leaves_no_upload(database: Db, s3_store: S3Store) -> None:
    database.images.insert_many({"_id": number, "data": os.urandom(1 << 20)} for number in range(14))
    read = 0

    def progress(done: int, total: int | None, unit: str) -> None:
        nonlocal read
        read = done

    with pytest.raises(Cancelled):
        back_up(database, s3_store, progress=progress, cancelled=lambda: read > 10)
    assert list_bases(s3_store, "svc") == ()
    assert not s3_store.client.list_multipart_uploads(Bucket=s3_store.bucket).get("Uploads")
    manifest = back_up(database, s3_store)
    assert list_bases(s3_store, "svc") == (manifest,)
    with pytest.raises(StepError, match=r"a backup at s3://.*already"):
        back_up(database, s3_store)
    assert not verify_base(s3_store, manifest, **QUIET)


def test_a_store_that_disappears_half_way_is_named(database: Db, store: Store, tmp_path: Path, into: str) -> None:
    fill(database)
    fill(database, name="users")
    manifest = back_up(database, store)

    def pull_the_disk(done: int, total: int | None, unit: str) -> None:
        if (tmp_path / "store").exists():
            shutil.move(tmp_path / "store", tmp_path / "gone")

    with pytest.raises(StoreError, match=r"store is not there.*Mount its disk.*|.*stay in the database"):
        put_back(database, store, manifest, into, progress=pull_the_disk, workers=1)
    (tmp_path / "store").mkdir()
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(StoreError, match="store is not there"):
        back_up(database, store, "b2", progress=pull_the_disk)


@pytest.mark.slow
def test_a_rename_under_the_dump_makes_it_start_over(database: Db, store: Store, into: str) -> None:
    fill(database)
    fill(database, name="users")
    renamed = False

    def rename(done: int, total: int | None, unit: str) -> None:
        nonlocal renamed
        if not renamed:
            renamed = True
            database.users.rename("people")

    manifest = back_up(database, store, progress=rename)
    assert [collection.name for collection in manifest.collections] == ["images", "people"]
    assert not [entry.key for entry in store.list("") if "users" in entry.key]
    assert not differences(database, put_back(database, store, manifest, into))
    assert database.client[into].people.count_documents({}) == 300


@pytest.mark.slow
def _changes_its_primary(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Between two replies, once: the cursor stays behind with the member that has it."""
    monkeypatch.setattr(scan, "_BATCH_BYTES", 2000)
    over: list[bool] = []

    def until_then(*arguments: Any) -> Iterator[list[bytes]]:
        for number, documents in enumerate(read_raw(*arguments)):
            if number == 2 and not over:
                over.append(True)
                raise error
            yield documents

    monkeypatch.setattr(scan, "read_raw", until_then)


def test_a_primary_that_does_not_know_the_cursor_makes_a_dump_start_over(
    database: Db, store: Store, into: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database)
    said: list[str] = []
    _changes_its_primary(monkeypatch, OperationFailure("cursor id 7 not found", 43))
    manifest = back_up(database, store, say=said.append)
    assert [each for each in said if each.startswith("started over") and "cursor id 7 not found" in each]
    assert manifest.collections[0].digest.count == 300
    assert not differences(database, put_back(database, store, manifest, into))


def test_a_primary_that_steps_down_ends_a_dump_that_goes_on_later(
    database: Db, store: Store, into: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, name="a")
    fill(database, name="b")
    _changes_its_primary(monkeypatch, NotPrimaryError("not primary", {"code": 10107, "errmsg": "not primary"}))
    with pytest.raises(StepError, match=f"reading {database.name}.a"):
        back_up(database, store)
    assert list_bases(store, "svc") == ()
    database.a.delete_many({"_id": {"$lt": 100}})
    manifest = back_up(database, store)
    assert [found.digest.count for found in manifest.collections] == [200, 300]
    assert not differences(database, put_back(database, store, manifest, into))


@pytest.mark.parametrize("when", ["listed", "read"])
def test_a_database_that_never_holds_still_is_no_backup(
    database: Db, store: Store, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, 3)
    names = ["images", "one", "two", "three", "four"]
    really = scan._described

    def rename(*_: object) -> None:
        database[names.pop(0)].rename(names[0])

    def while_listed(source: Any, item: Any) -> scan.Described:
        rename()
        return really(source, item)

    if when == "listed":
        monkeypatch.setattr(scan, "_described", while_listed)
    with pytest.raises(StepError, match=r"renamed or converted during each of 3 attempts .* The last: ") as caught:
        back_up(database, store, progress=rename if when == "read" else lambda *_: None)
    assert "when nobody changes collections" in caught.value.remedy
    assert names == ["three", "four"]
    assert list_bases(store, "svc") == ()


def test_a_server_that_does_not_answer_is_named_without_its_password(store: Store) -> None:
    with MongoClient[dict[str, Any]]("mongodb://u:hush@127.0.0.1:1/", serverSelectionTimeoutMS=100) as client:
        for attempt in (
            lambda: base_backup(client, "d", store, "svc", backup_id="b", **QUIET),
            lambda: scan.describe(client, "d"),
        ):
            with pytest.raises(DrxError, match=r"127\.0\.0\.1:1") as caught:
                attempt()
            assert "hush" not in str(caught.value)
