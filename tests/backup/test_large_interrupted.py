"""A large collection whose dump is interrupted is read on from where the store has it, by ranges of `_id`."""

import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from bson import Int64, ObjectId, encode
from pymongo import MongoClient

from drx.backup import dump, unfinished
from drx.backup.format import members
from drx.backup.format.catalog import MANIFEST, PROGRESS, list_bases
from drx.backup.format.documents import id_document, id_element
from drx.backup.format.manifest import Manifest, from_json
from drx.backup.format.members import read_member
from drx.backup.holdings.retention import Rules
from drx.backup.oplog import capture
from drx.backup.prune import prune
from drx.backup.server import scan
from drx.backup.server.scan import Range
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Store
from drx.backup.stores.s3 import S3Store
from drx.backup.under_way import Ranges
from drx.backup.unfinished import Progress
from drx.config.target import Retention
from drx.errors import Cancelled, DamagedError
from tests.backup import dump_child
from tests.backup.databases import Db
from tests.backup.test_interruption import (
    PREFIX,
    QUIET,
    back_up,
    left_over,
    nothing_is_left_behind,
    restored_equals_source,
    s3_address,
)
from tests.proxy import proxied

SIZE = 64 << 10
MIXED: list[Callable[[int], object]] = [
    lambda n: n,
    lambda n: n + 0.5,
    lambda n: Int64(n + 10**12),
    lambda n: f"id {n}",
    lambda _: ObjectId(),
]


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Split what has a few MB, and write down each step."""
    monkeypatch.setattr(capture, "_SETTLED_SECONDS", 0.1)
    monkeypatch.setattr(unfinished, "_SAVE_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(unfinished, "_SAVING_SHARE", math.inf)
    monkeypatch.setattr(scan, "_SPLIT_FROM_BYTES", 1 << 20)
    monkeypatch.setattr(scan, "_BATCH_BYTES", 4 * SIZE)
    monkeypatch.setattr(members, "MEMBER_BYTES", 4 * SIZE)


def fill(database: Db, count: int, name: str = "large") -> None:
    for first in range(0, count, 100):
        database[name].insert_many(
            {"_id": MIXED[number % len(MIXED)](number), "data": os.urandom(SIZE)}
            for number in range(first, min(count, first + 100))
        )


def progress_of(store: Store) -> Progress | None:
    return from_json(Progress, store.get(PREFIX + PROGRESS), "p") if PROGRESS in left_over(store) else None


def kept_in(store: Store) -> int:
    left = progress_of(store)
    return left.under_way.count if left and left.under_way else 0


@contextmanager
def counted(server: str) -> Iterator[tuple[Any, MongoClient[dict[str, Any]], str]]:
    """Reach the server through a proxy that counts what it says."""
    port = urlsplit(server).port
    assert port
    with proxied(port) as proxy:
        uri = f"mongodb://127.0.0.1:{proxy.port}/?directConnection=true"
        with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
            yield proxy, client, uri


@pytest.mark.parametrize("kind", ["directory", pytest.param("s3", marks=pytest.mark.slow)])
def test_killed_in_the_middle_it_reads_only_what_is_left(
    kind: str, database: Db, mongo_server: str, request: pytest.FixtureRequest, tmp_path: Path, into: str
) -> None:
    count = 400 if kind == "s3" else 200
    fill(database, count)
    if kind == "s3":
        endpoint, bucket = request.getfixturevalue("s3_server"), request.getfixturevalue("bucket")
        store, place = open_store(s3_address(endpoint, bucket)), [bucket, endpoint]
    else:
        store, place = open_store(DirectoryAddress(tmp_path)), [str(tmp_path)]
    with counted(mongo_server) as (proxy, _, uri):
        proxy.pause_seconds = 0.003
        command = [sys.executable, dump_child.__file__, uri, database.name, *place]
        with subprocess.Popen(command, cwd=Path(__file__).parents[2]) as child:
            while kept_in(store) < 60:
                assert child.poll() is None
                time.sleep(0.01)
            child.kill()
        assert child.returncode == -9
    left = progress_of(store)
    assert left
    assert left.under_way
    assert list_bases(store, "svc") == ()
    write_meanwhile(database)
    with counted(mongo_server) as (proxy, client, _):
        manifest = back_up(client, database.name, store)
        # Besides what is left, some documents are read to measure them, and one to go on after in each range.
        assert proxy.passed_bytes < (count - left.under_way.count + 35) * SIZE
    assert manifest.start == left.start
    (file,) = [file for file in manifest.files if file.path == left.under_way.path]
    assert file.members[: len(left.under_way.members)] == left.under_way.members
    nothing_is_left_behind(store, manifest)
    assert not list(tmp_path.rglob(".drx-*"))
    holds_each_once(store, manifest)
    restored_equals_source(database, store, manifest, into)


def holds_each_once(store: Store, manifest: Manifest) -> None:
    """See that no document was read twice into the base."""
    for found in manifest.collections:
        assert found.data
        file = manifest.file(found.data)
        ids = [
            id_element(document)
            for member in file.members
            for document in read_member(store, manifest.prefix + file.path, member)
        ]
        assert len(set(ids)) == len(ids)


def write_meanwhile(database: Db) -> None:
    """Change some documents of every range, those that are kept and those that are still to be read."""
    ids = [found["_id"] for found in database.large.find({}, {"_id": 1})]
    for number, identity in enumerate(ids[::7]):
        if number % 2:
            database.large.update_one({"_id": identity}, {"$set": {"later": number}})
        else:
            database.large.delete_one({"_id": identity})
    database.large.insert_many([{"_id": -1}, {"_id": 3.25}, {"_id": "id 3x"}, {"_id": ObjectId()}])


def interrupted(database: Db, store: Store, count: int = 80) -> Progress:
    """Leave a dump of `large` that was stopped in the middle."""
    fill(database, count)
    with pytest.raises(Cancelled):
        back_up(database.client, database.name, store, **QUIET | {"cancelled": lambda: kept_in(store) > 0})
    left = progress_of(store)
    assert left
    assert left.under_way
    assert 0 < left.under_way.count < count
    return left


def test_what_an_orderly_stop_leaves_is_gone_on_with_and_said(database: Db, store: Store, into: str) -> None:
    left = interrupted(database, store)
    assert left.under_way
    database.aaa.insert_one({"_id": 1})  # comes before it by name
    fill(database, 8, "bbb")
    said: list[str] = []
    manifest = back_up(database.client, database.name, store, say=said.append)
    assert said == [
        f"went on with an earlier attempt, which left 0 whole collections and {left.under_way.count} documents of "
        "the next one"
    ]
    assert [found.digest.count for found in manifest.collections] == [1, 8, 80]
    holds_each_once(store, manifest)
    nothing_is_left_behind(store, manifest)
    restored_equals_source(database, store, manifest, into)


def test_a_collection_made_anew_starts_over(database: Db, store: Store, tmp_path: Path, into: str) -> None:
    left = interrupted(database, store)
    database.large.drop()
    fill(database, 12)
    manifest = back_up(database.client, database.name, store)
    assert manifest.start == left.start
    assert manifest.collections[0].digest.count == 12
    nothing_is_left_behind(store, manifest)
    assert not list(tmp_path.rglob(".drx-*"))
    restored_equals_source(database, store, manifest, into)


def test_a_collection_that_is_gone_leaves_nothing(database: Db, store: Store, tmp_path: Path) -> None:
    interrupted(database, store)
    database.large.drop()
    nothing_is_left_behind(store, back_up(database.client, database.name, store))
    assert not list(tmp_path.rglob(".drx-*"))


def test_without_its_oplog_it_starts_over_and_says_so(
    database: Db, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = interrupted(database, store)
    monkeypatch.setattr(dump, "oldest_position", capture.newest_position)
    database.other.insert_one({})
    said: list[str] = []
    manifest = back_up(database.client, database.name, store, say=said.append)
    assert said == ["started over: the oplog no longer reaches back to where an earlier attempt began"]
    assert manifest.started_at > left.started_at
    nothing_is_left_behind(store, manifest)
    assert not list(tmp_path.rglob(".drx-*"))


def test_what_the_store_altered_meanwhile_is_no_backup(database: Db, store: Store, tmp_path: Path) -> None:
    interrupted(database, store)
    (path,) = tmp_path.rglob(".drx-*")
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError, match=r"large\.bson\.gz, bytes 0 to \d+, is damaged"):
        back_up(database.client, database.name, store)
    assert list_bases(store, "svc") == ()
    nothing_is_left_behind(store, back_up(database.client, database.name, store))


@pytest.mark.slow
@pytest.mark.parametrize("gone", [False, True])
def test_an_upload_that_the_store_gave_up_starts_over(database: Db, s3_store: S3Store, gone: bool) -> None:
    left = interrupted(database, s3_store, 300)
    assert left.under_way
    assert len(list(s3_store.unfinished(PREFIX))) == 1
    if gone:
        s3_store.abandon(PREFIX)
    read = []
    manifest = back_up(database.client, database.name, s3_store, progress=lambda done, *_: read.append(done))
    assert read[-1] == (300 if gone else 300 - left.under_way.count)
    nothing_is_left_behind(s3_store, manifest)


@pytest.mark.slow
def test_prune_leaves_nothing_of_what_nobody_goes_on_with(database: Db, s3_store: S3Store) -> None:
    interrupted(database, s3_store, 300)
    finished = dump.base_backup(
        database.client, database.name, s3_store, "svc", backup_id="b2", progress=lambda *_: None,
        cancelled=lambda: False,
    )  # fmt: skip
    now = datetime.now(UTC) + timedelta(days=2)
    rules = Rules(Retention(timedelta(days=7), 0, 0, 0, 0, 1), now)
    prune(s3_store, "svc", rules, dry_run=False, check=lambda: None)
    assert left_over(s3_store) == []
    assert not list(s3_store.unfinished(""))
    assert list_bases(s3_store, "svc") == (finished,)
    assert MANIFEST not in left_over(s3_store)


def document(identity: object) -> bytes:
    return encode({"_id": identity, "more": 1})


def test_what_is_left_of_ranges_follows_the_file() -> None:
    two = id_document(document(2))
    ranges = Ranges([Range(None, two), Range(two, None)])
    ranges.placed(1, document(5), 10)
    ranges.placed(0, document(1), 20)
    ranges.ended(0, 20)
    ranges.ended(1, 30)
    assert ranges.left_at(9) == (Range(None, two), Range(two, None))
    assert ranges.left_at(10) == (Range(None, two), Range(id_document(document(5)), None, after=True))
    assert ranges.left_at(29) == (Range(id_document(document(5)), None, after=True),)
    assert ranges.left_at(30) == ()
