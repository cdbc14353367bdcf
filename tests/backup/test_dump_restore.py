"""A base backup and its restore on real servers: every byte comes back, and damage restores nothing."""

import gzip
from pathlib import Path

import bson
import pytest
from bson import ObjectId

from drx.backup.format import members
from drx.backup.format.documents import split
from drx.backup.oplog.plan import Changes, CollectionPlan
from drx.backup.restore import indexes_to_build
from drx.backup.server import scan
from drx.backup.stores.base import Store
from drx.backup.stores.s3 import S3Store
from drx.backup.verify import verify_base
from drx.errors import StepError
from tests.backup.databases import QUIET, Db, back_up, differences, every_kind, fill, put_back, raw


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
