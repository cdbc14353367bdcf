"""A base backup and its restore on real servers: every byte comes back, and damage restores nothing."""

import gzip
import os
import re
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
import pytest
from bson import SON, Decimal128, Int64, ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database

from drx.backup import members, scan
from drx.backup.catalog import list_bases
from drx.backup.documents import split
from drx.backup.dump import base_backup
from drx.backup.manifest import Manifest, Restored
from drx.backup.plan import Changes, CollectionPlan
from drx.backup.restore import indexes_to_build, restore
from drx.backup.stores.base import S3Address, Store
from drx.backup.stores.s3 import S3Store
from drx.backup.verify import verify_base, verify_restored
from drx.errors import Cancelled, DamagedError, DrxError, StepError, StoreError

Client = MongoClient[dict[str, Any]]
Db = Database[dict[str, Any]]
LONG_NAME = "ü" * 60
QUIET: dict[str, Any] = {"progress": lambda done, total, unit: None, "cancelled": lambda: False}


@pytest.fixture
def s3_store(s3_server: str, bucket: str) -> S3Store:
    return S3Store(S3Address(bucket, "p", endpoint=s3_server, access_key_id="test", secret_access_key="test"))


def back_up(database: Db, store: Store, backup_id: str = "b1", **settings: Any) -> Manifest:
    return base_backup(database.client, database.name, store, "svc", backup_id=backup_id, **QUIET | settings)


def put_back(database: Db, store: Store, manifest: Manifest, into: str, **settings: Any) -> Restored:
    return restore(database.client, store, manifest, into=into, **QUIET | settings)


def differences(database: Db, restored: Restored) -> tuple[str, ...]:
    return verify_restored(database.client, restored, **QUIET)


def raw(database: Database[Any], name: str) -> list[bytes]:
    return [document for batch in database[name].find_raw_batches() for document in split(batch)]


def insert_raw(database: Db, name: str, documents: Sequence[bytes]) -> None:
    database.command({"insert": name, "documents": [RawBSONDocument(document) for document in documents]})


def fill(database: Db, count: int = 300, name: str = "images") -> None:
    database[name].insert_many({"_id": number, "text": os.urandom(50).hex()} for number in range(count))


def every_kind(database: Db, fixtures: Path) -> None:
    insert_raw(database, "types", split((fixtures / "all_types.bson").read_bytes()))
    ids: list[object] = [
        1,
        2.5,
        Int64(2**40),
        "x",
        ObjectId(),
        True,
        Decimal128("1.10"),
        b"\0",
        SON([("b", 1), ("a", 2)]),
    ]
    database["a b/é%.+c"].insert_many({"_id": identity} for identity in ids)
    database[LONG_NAME].insert_one({"_id": 1})
    database.create_collection("empty")
    database.create_collection("log", capped=True, size=1 << 20, max=200)
    database.log.insert_many({"_id": -number} for number in range(100))
    database.create_collection("words", collation={"locale": "en", "strength": 2})
    database.words.insert_many([{"_id": "ä", "w": "Ä"}, {"_id": "b", "w": "B"}])
    database.words.create_index("x", name="plain", collation={"locale": "simple"})
    database.words.create_index("w", name="inherited")
    database.create_collection("readings", timeseries={"timeField": "at", "metaField": "sensor"})
    database.readings.insert_many(
        {"at": datetime(2026, 1, 1, 0, n, tzinfo=UTC), "sensor": n % 2, "n": n} for n in range(9)
    )
    database.create_collection("checked", validator={"n": {"$gte": 0}}, validationAction="warn")
    fill(database)
    database.images.create_index([("text", -1), ("_id", 1)], unique=True)
    database.images.create_index("at", expireAfterSeconds=3600, name="ttl")
    database.command({"create": "recent", "viewOn": "images", "pipeline": [{"$match": {"_id": {"$gt": 5}}}]})


def test_everything_comes_back_byte_for_byte(database: Db, s3_store: S3Store, into: str, fixtures: Path) -> None:
    every_kind(database, fixtures)
    manifest = back_up(database, s3_store)
    assert not verify_base(s3_store, manifest, **QUIET)
    restored = put_back(database, s3_store, manifest, into)
    assert not differences(database, restored)
    target = database.client[into]
    assert set(target.list_collection_names()) == set(database.list_collection_names())
    for name in database.list_collection_names():
        assert sorted(raw(target, name)) == sorted(raw(database, name))
        assert target[name].options() == database[name].options()
        if name != "recent":
            assert target[name].index_information() == database[name].index_information()
    assert [document["_id"] for document in target.log.find()] == [-number for number in range(100)]
    assert target.recent.count_documents({}) == 294


def test_stock_tools_would_find_their_own_format(database: Db, store: Store, tmp_path: Path) -> None:
    fill(database)
    database.command({"create": "recent", "viewOn": "images", "pipeline": []})
    back_up(database, store)
    dump = tmp_path / "store/svc/base/b1/dump"
    assert {path.relative_to(dump).as_posix() for path in dump.rglob("*") if path.is_file()} == {
        "oplog.bson", *(f"{database.name}/{name}" for name in (
            "images.bson.gz", "images.metadata.json.gz", "recent.metadata.json.gz", "prelude.json.gz")),
    }  # fmt: skip
    assert split(gzip.decompress((dump / database.name / "images.bson.gz").read_bytes())) == raw(database, "images")
    assert gzip.decompress((dump / "oplog.bson").read_bytes()) is not None


def test_large_collections_are_read_by_ranges_and_lose_nothing(
    database: Db, store: Store, into: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_SPLIT_FROM_BYTES", 1)
    monkeypatch.setattr(members, "MEMBER_BYTES", 2000)
    ids: list[object] = [*range(150), *map(str, range(150)), *(ObjectId() for _ in range(150)), 0.5, True, b"1", None]
    database.images.insert_many({"_id": identity, "pad": "x" * 40} for identity in ids)
    manifest = back_up(database, store, workers=3)
    file = next(file for file in manifest.files if file.path.endswith("images.bson.gz"))
    assert len(file.members) > 6
    assert manifest.collections[0].digest.count == len(ids)
    restored = put_back(database, store, manifest, into, workers=3)
    assert not differences(database, restored)
    assert sorted(raw(database.client[into], "images")) == sorted(raw(database, "images"))


def test_large_documents_are_read_a_few_at_a_time(database: Db) -> None:
    database.images.insert_many({"_id": number, "data": bytes(500_000)} for number in range(30))
    (described,) = scan.describe(database.client, database.name)
    planned = scan.scan(database.client, database.name, described, 2)
    sizes = [sum(map(len, batch)) for batch in planned.batches(planned.ranges[0])]
    assert sum(sizes) > 15_000_000
    assert max(sizes) < 6 << 20


def test_an_empty_database_is_a_backup_too(database: Db, store: Store, into: str) -> None:
    manifest = back_up(database, store)
    assert manifest.collections == ()
    assert not differences(database, put_back(database, store, manifest, into))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def test_damage_is_named_and_nothing_of_it_restored(database: Db, store: Store, tmp_path: Path, into: str) -> None:
    fill(database)
    manifest = back_up(database, store)
    key = f"svc/base/b1/dump/{database.name}/images.bson.gz"
    path = tmp_path / "store" / key
    good = path.read_bytes()
    for damage in (flip, cut, empty, Path.unlink):
        damage(path)
        (line,) = verify_base(store, manifest, **QUIET)
        assert key in line
        with pytest.raises(StoreError, match=r"images\.bson\.gz") as caught:
            put_back(database, store, manifest, into)
        said = f"0 documents loaded so far stay in the database {into}" in str(caught.value)
        assert said == (damage is flip)  # the others are seen before anything is created
        assert database.client[into].images.count_documents({}) == 0
        database.client.drop_database(into)
        path.write_bytes(good)
    assert not differences(database, put_back(database, store, manifest, into))


def test_every_other_object_is_read_back_too(database: Db, store: Store, tmp_path: Path, into: str) -> None:
    fill(database)
    manifest = back_up(database, store)
    for file in manifest.files:
        path = tmp_path / "store" / manifest.prefix / file.path
        good = path.read_bytes()
        flip(path)
        assert [file.path in line for line in verify_base(store, manifest, **QUIET)] == [True]
        if not file.members:
            with pytest.raises(DamagedError, match=rf"{re.escape(file.path)} is damaged"):
                put_back(database, store, manifest, into)
            assert into not in database.client.list_database_names()
        path.write_bytes(good + b"x")
        assert [file.path in line for line in verify_base(store, manifest, **QUIET)] == [True]
        path.write_bytes(good)
    assert not verify_base(store, manifest, **QUIET)


def test_a_restored_database_that_differs_is_found_out(database: Db, store: Store, into: str, fixtures: Path) -> None:
    every_kind(database, fixtures)
    restored = put_back(database, store, back_up(database, store), into)
    target = database.client[into]
    seven = target.images.find_one({"_id": 7})
    assert seven

    def uncapped() -> None:
        target.drop_collection("log")
        insert_raw(target, "log", raw(database, "log"))

    damages: list[tuple[str, Callable[[], object]]] = [
        ("images holds 300 documents", lambda: target.images.replace_one({"_id": 7}, seven | {"text": "0" * 100})),
        ("images holds 299 documents", lambda: target.images.delete_one({"_id": 7})),
        ("more is there, but was not restored", lambda: target.create_collection("more")),
        ("images: index ttl is missing", lambda: target.images.drop_index("ttl")),
        ("images: index n_1 is there", lambda: target.images.create_index("n")),
        ("checked: option validator is", lambda: target.command("collMod", "checked", validator={})),
        ("recent is missing", lambda: target.drop_collection("recent")),
        ("log: option capped is None", uncapped),
        ("images is missing", lambda: target.drop_collection("images")),
    ]
    assert not differences(database, restored)
    for line, damage in damages:
        assert not any(found.startswith(line) for found in differences(database, restored))
        damage()
        assert any(found.startswith(line) for found in differences(database, restored)), line


def test_indexes_keep_the_collation_they_had() -> None:
    collation = {"locale": "en", "strength": 2}
    own, plain = {"v": 2, "key": {"_id": 1}, "name": "_id_"}, {"v": 2, "ns": "a.b", "key": {"w": 1}, "name": "w"}
    bare = {"key": {"w": 1}, "name": "w"}
    simple = bare | {"collation": {"locale": "simple"}}
    assert indexes_to_build([own, plain], {}) == [bare]
    assert indexes_to_build([own | {"collation": collation}, plain], {"collation": collation}) == [simple]
    assert indexes_to_build([own | {"name": "id", "clustered": True}, plain], {"collation": collation}) == [simple]
    inherited = plain | {"collation": collation}
    assert indexes_to_build([own | {"collation": collation}, inherited], {"collation": collation}) == [
        bare | {"collation": collation}
    ]
    assert indexes_to_build([own, plain], {"collation": collation}) == [bare]


def test_a_database_that_is_not_empty_is_refused(database: Db, store: Store, into: str) -> None:
    fill(database)
    manifest = back_up(database, store)
    database.client[into].theirs.insert_one({"_id": 1})
    for resumed in (False, True):
        with pytest.raises(StepError, match=r"is not empty: it holds theirs"):
            put_back(database, store, manifest, into, resumed=resumed)
    assert database.client[into].list_collection_names() == ["theirs"]


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


def test_a_database_that_never_holds_still_is_no_backup(database: Db, store: Store) -> None:
    fill(database, 3)
    names = iter(["one", "two", "three", "four"])
    last = "images"

    def rename(done: int, total: int | None, unit: str) -> None:
        nonlocal last
        name = next(names)
        database[last].rename(name)
        last = name

    with pytest.raises(StepError, match="renamed or converted during 3 attempts"):
        back_up(database, store, progress=rename)
    assert last == "three"
    assert list_bases(store, "svc") == ()


def test_documents_pass_through_the_fold(database: Db, store: Store, into: str) -> None:
    fill(database)
    manifest = back_up(database, store)
    changes = Changes("images", 0)
    changes.delete(bson.encode({"": 5})[4:5] + bson.encode({"": 5})[6:-1])
    changes.insert(bson.encode({"_id": 6, "text": "replaced"}))
    changes.insert(bson.encode({"_id": 900, "text": "born"}))
    index = {"v": 2, "key": {"text": 1}, "name": "text_1"}
    plan = [
        CollectionPlan("pictures", {}, ({"v": 2, "key": {"_id": 1}, "name": "_id_"}, index), None, "images", changes),
        CollectionPlan("new", {}, (), None, None, Changes("new", 0)),
    ]
    plan[1].changes.insert(bson.encode({"_id": 1}))
    restored = put_back(database, store, manifest, into, plan=plan)
    target = database.client[into]
    assert sorted(target.list_collection_names()) == ["new", "pictures"]
    assert target.pictures.count_documents({}) == 300
    assert target.pictures.find_one({"_id": 5}) is None
    assert [target.pictures.find_one({"_id": number})["text"] for number in (6, 900)] == ["replaced", "born"]  # type: ignore[index]
    assert not [line for line in differences(database, restored) if not line.startswith("new: index _id_")]
    assert [collection.digest.count for collection in restored.collections] == [1, 300]


def test_a_server_that_does_not_answer_is_named_without_its_password(store: Store) -> None:
    with MongoClient[dict[str, Any]]("mongodb://u:hush@127.0.0.1:1/", serverSelectionTimeoutMS=100) as client:
        for attempt in (
            lambda: base_backup(client, "d", store, "svc", backup_id="b", **QUIET),
            lambda: scan.describe(client, "d"),
        ):
            with pytest.raises(DrxError, match=r"127\.0\.0\.1:1") as caught:
                attempt()
            assert "hush" not in str(caught.value)
