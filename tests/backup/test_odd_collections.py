"""Every kind of collection, born, changed or lost after the base: its oplog alone brings it back, on real servers."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Code, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from pymongo import MongoClient
from pymongo.database import Database

from drx.backup.dump import base_backup
from drx.backup.format.manifest import Manifest, Restored
from drx.backup.oplog.fold import BaseCollection, fold
from drx.backup.oplog.moments import until_after
from drx.backup.oplog.slices import read_chain, take_slice
from drx.backup.restore import restore
from drx.backup.stores.base import Store
from drx.backup.verify import verify_restored
from drx.errors import StepError
from tests.backup.databases import LONG_NAME, QUIET, every_kind, raw

Client = MongoClient[dict[str, Any]]
Db = Database[dict[str, Any]]


pytestmark = pytest.mark.usefixtures("impatience")


def back_up(database: Db, store: Store, backup_id: str = "b1", **settings: Any) -> Manifest:
    return base_backup(database.client, database.name, store, "svc", backup_id=backup_id, **QUIET | settings)


def restore_newest(database: Db, store: Store, manifest: Manifest, into: str) -> Restored:
    """Archive what was written since the base, and restore all of it."""
    piece = take_slice(database.client, database.name, store, "svc", after=manifest.end)
    assert piece
    until = until_after(piece.end)
    base = [
        BaseCollection(found.name, found.uuid, found.options, found.indexes, found.type)
        for found in manifest.collections
    ]
    plan = fold(
        read_chain(store, "svc", manifest, until),
        database=database.name, base=base, until=until, consistent_from=manifest.end,
    )  # fmt: skip
    return restore(database.client, store, manifest, into=into, plan=plan, **QUIET)


def assert_same(database: Db, restored: Restored, into: str) -> None:
    assert not verify_restored(database.client, restored, **QUIET)
    target = database.client[into]
    assert set(target.list_collection_names()) == set(database.list_collection_names())
    for name in database.list_collection_names():
        assert sorted(raw(target, name)) == sorted(raw(database, name)), name
        assert target[name].options() == database[name].options(), name
        assert target[name].index_information() == database[name].index_information(), name


def test_every_kind_comes_out_of_the_oplog(database: Db, store: Store, into: str, fixtures: Path) -> None:
    manifest = back_up(database, store)
    every_kind(database, fixtures)
    database.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True, "name": "own"})
    database.clustered.insert_many({"_id": number} for number in range(5))
    database.clustered.create_index("n", partialFilterExpression={"n": {"$gt": 1}}, unique=True, hidden=True)
    database.large.insert_one({"_id": 1, "text": "x" * ((16 << 20) - 64)})
    assert_same(database, restore_newest(database, store, manifest, into), into)


def test_ids_of_every_kind_are_followed_through_the_oplog(database: Db, store: Store, into: str) -> None:
    ids: list[Any] = [
        -0.0, 5e-324, float("nan"), float("inf"), Int64(-(1 << 63)), Decimal128("0.10"), Decimal128("-Infinity"),
        Decimal128("1E+22"), None, True, False, "", "a\0b", ObjectId(), Regex("^a", "i"), Code("x"),
        Code("y", {"y": 1}), MinKey(), MaxKey(), Timestamp(0, 0), Timestamp(1, 1), b"", Binary(b"x", 128),
        Binary(b"x" * 16, 4), Binary(b"y" * 16, 5), {}, {"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": {"b": [1, -0.0]}},
        {"a.b": 1}, datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC),
    ]  # fmt: skip
    database.c.insert_many({"_id": each, "n": 0} for each in ids[::2])
    manifest = back_up(database, store)
    database.c.insert_many({"_id": each, "n": 1} for each in ids[1::2])
    for number, each in enumerate(ids):
        found = {"_id": {"$eq": each}}
        match number % 4:
            case 0:
                changed = database.c.update_one(found, {"$set": {"n": Decimal128("-0")}}).modified_count
            case 1:
                changed = database.c.replace_one(found, {"_id": each, "m": float("nan")}).modified_count
            case 2:
                changed = database.c.delete_one(found).deleted_count
                database.c.insert_one({"_id": each, "again": True})
            case _:
                changed = database.c.delete_one(found).deleted_count
        assert changed == 1, each
    assert_same(database, restore_newest(database, store, manifest, into), into)
    assert database.client[into].c.count_documents({}) == len(ids) - len(ids[3::4])


def test_collections_of_odd_names_come_back(database: Db, store: Store, into: str) -> None:
    names = [
        "x" * 180, "ü" * 90, "a.b.c", "-", "~", "%24", "a+b", "a b", "ta\tb", "\u202e", "é", "e\u0301", "con",
        "c.metadata.json", "c.bson", "c.bson.gz", "oplog", "prelude.json", "system", "systemic.c", "drx_aside_c",
    ]  # fmt: skip
    for name in names:
        database[name].insert_one({"_id": 1})
    manifest = back_up(database, store)
    for name in names:
        database[name].insert_one({"_id": name})
        database[f"{name}'s"].insert_one({"_id": 3})
    assert_same(database, restore_newest(database, store, manifest, into), into)


@pytest.mark.slow
def test_every_kind_of_change_comes_out_of_the_oplog(database: Db, store: Store, into: str, fixtures: Path) -> None:
    every_kind(database, fixtures)
    database.create_collection("clustered", clusteredIndex={"key": {"_id": 1}, "unique": True, "name": "own"})
    database.clustered.insert_many({"_id": number} for number in range(5))
    database.once.insert_one({"_id": 1})
    manifest = back_up(database, store)

    database.log.insert_many({"_id": number} for number in range(1, 151))  # more than it holds
    database.clustered.delete_one({"_id": 3})
    database.clustered.create_index("n", name="n")
    database.clustered.drop_indexes()
    database.command({"collMod": "checked", "validator": {"n": {"$gte": 1}}, "validationLevel": "moderate"})
    database.command({"collMod": "images", "index": {"name": "ttl", "expireAfterSeconds": 7200}})
    database.images.drop_index([("text", -1), ("_id", 1)])
    database.words.create_index("v", unique=True, sparse=True)
    database.types.delete_many({})
    database["a b/é%.+c"].rename("simple")
    database.once.drop()
    database.create_collection("once", capped=True, size=4096)
    database[LONG_NAME].insert_one({"_id": 2})
    database.recent.drop()
    database.command({"create": "recent", "viewOn": "words", "pipeline": []})
    database.readings.insert_one({"at": datetime(2026, 2, 1, tzinfo=UTC), "sensor": 1, "n": 1})
    assert_same(database, restore_newest(database, store, manifest, into), into)
    assert [found["_id"] for found in database.client[into].log.find()] == [
        found["_id"] for found in database.log.find()
    ]


@pytest.mark.slow
def test_a_database_that_was_dropped_is_empty_afterwards(database: Db, store: Store, into: str) -> None:
    database.c.insert_one({"_id": 1})
    manifest = back_up(database, store)
    database.client.drop_database(database.name)
    restored = restore_newest(database, store, manifest, into)
    assert restored.collections == ()
    assert_same(database, restored, into)


@pytest.mark.slow
def test_what_came_from_another_database_by_name_only_needs_a_new_base(
    database: Db, store: Store, into: str, mongo_client: Client
) -> None:
    """The embedded server notes such a rename in one entry; others copy the documents first, so that they are there."""
    database.c.insert_one({"_id": 1})
    manifest = back_up(database, store)
    other = mongo_client[f"{database.name}_other"]
    other.c.insert_one({"_id": 2})
    mongo_client.admin.command({"renameCollection": f"{other.name}.c", "to": f"{database.name}.came"})
    mongo_client.drop_database(other.name)
    with pytest.raises(StepError, match=f"a collection from {other.name}, renamed to") as caught:
        restore_newest(database, store, manifest, into)
    assert "from a base taken after it" in str(caught.value.remedy)
    assert into not in mongo_client.list_database_names()
    assert_same(database, restore(mongo_client, store, back_up(database, store, "b2"), into=into, **QUIET), into)
