"""A database of every kind of collection, backed up and put back, for tests."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bson import SON, Decimal128, Int64, ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.database import Database

from drx.backup.dump import base_backup
from drx.backup.format.documents import split
from drx.backup.format.manifest import Manifest, Restored
from drx.backup.restore import restore
from drx.backup.stores.base import Store
from drx.backup.verify import verify_restored

Client = MongoClient[dict[str, Any]]


Db = Database[dict[str, Any]]


LONG_NAME = "ü" * 60


QUIET: dict[str, Any] = {"progress": lambda done, total, unit: None, "cancelled": lambda: False}


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
