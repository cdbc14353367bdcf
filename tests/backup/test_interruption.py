"""A base that is killed, cut off or robbed of its store is none, goes on later, and leaves nothing behind."""

import math
import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from drx.backup import unfinished
from drx.backup.dump import base_backup
from drx.backup.format.catalog import MANIFEST, PROGRESS, list_bases
from drx.backup.format.manifest import Manifest, from_json
from drx.backup.oplog import capture
from drx.backup.oplog.fold import BaseCollection, fold
from drx.backup.oplog.moments import until_after
from drx.backup.oplog.slices import read_chain, take_slice
from drx.backup.restore import restore
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, S3Address, Store
from drx.backup.stores.s3 import S3Store
from drx.backup.unfinished import Progress
from drx.backup.verify import verify_base, verify_restored
from drx.errors import Cancelled, StepError, StoreError
from tests.backup import dump_child, model
from tests.backup.killing import run_or_kill
from tests.backup.writer import writing
from tests.proxy import proxied

Client = MongoClient[dict[str, Any]]
Db = Database[dict[str, Any]]
QUIET: dict[str, Any] = {"progress": lambda done, total, unit: None, "cancelled": lambda: False}
PREFIX = "svc/base/b1/"


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait no second for the embedded server, and write down each collection."""
    monkeypatch.setattr(capture, "_SETTLED_SECONDS", 0.1)
    monkeypatch.setattr(unfinished, "_SAVE_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(unfinished, "_SAVING_SHARE", math.inf)


def s3_address(endpoint: str, bucket: str) -> S3Address:
    return S3Address(bucket, "p", endpoint=endpoint, access_key_id="test", secret_access_key="test")


def back_up(client: Client, database: str, store: Store, **settings: Any) -> Manifest:
    return base_backup(client, database, store, "svc", backup_id="b1", **QUIET | settings)


def fill(database: Db, names: str = "abcd", count: int = 50) -> None:
    for name in names:
        database[name].insert_many({"_id": number, "text": os.urandom(20).hex()} for number in range(count))
        database[name].create_index("text")


def stop_after(documents: int) -> dict[str, Any]:
    """Cancel once so many documents were read."""
    read = 0

    def progress(done: int, total: int | None, unit: str) -> None:
        nonlocal read
        read = done

    return {"progress": progress, "cancelled": lambda: read >= documents}


def left_over(store: Store) -> list[str]:
    return [entry.key.removeprefix(PREFIX) for entry in store.list(PREFIX)]


def restored_equals_source(database: Db, store: Store, manifest: Manifest, into: str) -> None:
    """Restore the newest moment, the slice after the base included, and compare it with what is there."""
    piece = take_slice(database.client, database.name, store, "svc", after=manifest.end)
    end = piece.end if piece else manifest.end
    base = [
        BaseCollection(found.name, found.uuid, found.options, found.indexes, found.type)
        for found in manifest.collections
    ]
    until = until_after(end)
    entries = read_chain(store, "svc", manifest, until)
    plan = fold(entries, database=database.name, base=base, until=until, consistent_from=manifest.end)
    restored = restore(database.client, store, manifest, into=into, plan=plan, **QUIET)
    assert not verify_restored(database.client, restored, **QUIET)
    expected = model.snapshot(database.client, database.name).described()
    assert model.snapshot(database.client, into).described() == expected


def nothing_is_left_behind(store: Store, manifest: Manifest) -> None:
    assert sorted(left_over(store)) == sorted([MANIFEST, *(file.path for file in manifest.files)])
    assert not verify_base(store, manifest, **QUIET)
    if isinstance(store, S3Store):
        assert not store.client.list_multipart_uploads(Bucket=store.bucket).get("Uploads")


def test_whole_collections_are_kept_and_the_rest_is_dumped(database: Db, store: Store, into: str) -> None:
    fill(database)
    with pytest.raises(Cancelled):
        back_up(database.client, database.name, store, **stop_after(150))
    assert list_bases(store, "svc") == ()
    kept = from_json(Progress, store.get(PREFIX + PROGRESS), "p")
    assert [found.name for found in kept.collections] in (["a", "b"], ["a", "b", "c"])
    database.a.update_one({"_id": 3}, {"$set": {"text": "later"}})
    database.a.delete_one({"_id": 4})
    database.b.drop()
    database.b.insert_one({"_id": "again"})
    database.d.drop()
    fill(database, "de", 20)
    read = 0

    def progress(done: int, total: int | None, unit: str) -> None:
        nonlocal read
        read = done

    manifest = back_up(database.client, database.name, store, progress=progress)
    assert read == 200 - 50 * len(kept.collections) - 50 + 20 + 20
    assert (manifest.start, manifest.started_at) == (kept.start, kept.started_at)
    assert [found.name for found in manifest.collections] == ["a", "b", "c", "d", "e"]
    assert set(kept.files) < set(manifest.files)
    nothing_is_left_behind(store, manifest)
    restored_equals_source(database, store, manifest, into)


def _oplog_is_gone(store: Store, database: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    from drx.backup import dump

    monkeypatch.setattr(dump, "oldest_position", capture.newest_position)


def _progress_is_damaged(store: Store, database: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(PREFIX + PROGRESS, store.get(PREFIX + PROGRESS).replace(b'"count":', b'"count" :'))


def _progress_is_lost(store: Store, database: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    store.delete(PREFIX + PROGRESS)


def _a_collection_is_renamed(store: Store, database: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    database.a.rename("z")


@pytest.mark.slow
@pytest.mark.parametrize("happens", [_oplog_is_gone, _progress_is_damaged, _progress_is_lost, _a_collection_is_renamed])
def test_it_starts_over_where_what_is_left_is_of_no_use(
    database: Db, store: Store, into: str, happens: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database)
    with pytest.raises(Cancelled):
        back_up(database.client, database.name, store, **stop_after(150))
    left = from_json(Progress, store.get(PREFIX + PROGRESS), "p")
    happens(store, database, monkeypatch)
    manifest = back_up(database.client, database.name, store)
    assert manifest.started_at > left.started_at
    nothing_is_left_behind(store, manifest)
    restored_equals_source(database, store, manifest, into)


def test_a_lost_or_cut_object_is_dumped_again(database: Db, store: Store) -> None:
    fill(database)
    with pytest.raises(Cancelled):
        back_up(database.client, database.name, store, **stop_after(150))
    key = f"{PREFIX}dump/{database.name}/"
    store.delete(f"{key}a.bson.gz")
    store.put(f"{key}b.metadata.json.gz", b"cut")
    store.put(f"{key}stray.bson.gz", b"of no use")
    manifest = back_up(database.client, database.name, store)
    assert sum(found.digest.count for found in manifest.collections) == 200
    nothing_is_left_behind(store, manifest)


@pytest.mark.slow
def test_a_store_that_is_gone_for_a_while_has_the_rest_added(
    database: Db, store: Store, tmp_path: Path, into: str
) -> None:
    fill(database)
    away = tmp_path / "away"

    def pull_the_disk(done: int, total: int | None, unit: str) -> None:
        if done > 100 and not away.exists():
            shutil.move(tmp_path / "store", away)

    with pytest.raises(StoreError, match="store is not there"):
        back_up(database.client, database.name, store, progress=pull_the_disk)
    shutil.move(away, tmp_path / "store")
    assert list_bases(store, "svc") == ()
    assert PROGRESS in left_over(store)
    manifest = back_up(database.client, database.name, store)
    nothing_is_left_behind(store, manifest)
    assert not list(tmp_path.rglob(".drx-*"))
    restored_equals_source(database, store, manifest, into)


@pytest.mark.slow
@pytest.mark.parametrize("side", ["database", "store"])
def test_a_connection_that_is_cut_is_no_backup_and_goes_on(
    side: str, database: Db, mongo_server: str, s3_server: str, bucket: str, into: str
) -> None:
    fill(database)
    database.large.insert_many({"_id": number, "data": os.urandom(1 << 20)} for number in range(30))
    port = urlsplit(mongo_server if side == "database" else s3_server).port
    assert port
    with proxied(port) as proxy:
        uri = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true&serverSelectionTimeoutMS=500"
        endpoint = f"http://127.0.0.1:{proxy.port}"
        store = S3Store(s3_address(endpoint if side == "store" else s3_server, bucket))

        def cut(done: int, total: int | None, unit: str) -> None:
            if done > 215 and not proxy.is_cut:
                proxy.cut()

        with Client(uri if side == "database" else mongo_server, tz_aware=True) as client:
            with pytest.raises(StepError if side == "database" else StoreError):
                back_up(client, database.name, store, progress=cut)
            proxy.mend()
            assert list_bases(store, "svc") == ()
            manifest = back_up(client, database.name, store)
        nothing_is_left_behind(store, manifest)
        restored_equals_source(database, store, manifest, into)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_killed_at_any_moment_it_is_no_backup_and_goes_on(
    kind: str, database: Db, mongo_server: str, s3_server: str, bucket: str, tmp_path: Path, into: str
) -> None:
    fill(database, "abcdef", 300)
    for name in ("large", "larger"):
        database[name].insert_many({"_id": number, "data": os.urandom(1 << 20)} for number in range(20))
    place = [bucket, s3_server] if kind == "s3" else [str(tmp_path)]
    store = open_store(s3_address(s3_server, bucket) if kind == "s3" else DirectoryAddress(tmp_path))
    command = [sys.executable, dump_child.__file__, mongo_server, database.name, *place]
    choose, killed, kept, whole = random.Random(7), 0, 0, 0.0
    with writing(database, 7):
        while killed < 20:
            took = run_or_kill(command, choose, whole)
            killed += took is None
            whole = whole or took or 0.0
            if MANIFEST in left_over(store):
                (manifest,) = list_bases(store, "svc")
                assert not verify_base(store, manifest, **QUIET)
                for entry in store.list(PREFIX):
                    store.delete(entry.key)
            elif PROGRESS in left_over(store):
                kept += len(from_json(Progress, store.get(PREFIX + PROGRESS), "p").collections)
        assert kept
    manifest = back_up(database.client, database.name, store)
    nothing_is_left_behind(store, manifest)
    restored_equals_source(database, store, manifest, into)
