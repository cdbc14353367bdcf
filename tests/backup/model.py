"""Random histories on a real server, and what stood there after each operation: the oracle for every replay."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, cast

from bson import Decimal128, Int64, Timestamp
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from drx.backup.format.documents import split
from drx.backup.oplog.capture import newest_position
from drx.backup.oplog.plan import BaseCollection, CollectionPlan

Client = MongoClient[dict[str, Any]]
Documents = Mapping[str, frozenset[bytes]]

_NAMES = ("alpha", "beta", "gamma delta")
_IDS = (1, 2, "3", Int64(4), 5.5, {"six": 6})
_VALUES: tuple[Any, ...] = (
    0, -0.0, 1.5, Int64(7), Decimal128("1.50"), "text", "", None, True, [], [1, [2], {"k": 3}], {"k": 1, "l": {"m": 2}},
    {}, b"\0\1", Timestamp(0, 0),
)  # fmt: skip


@dataclass(frozen=True)
class Snapshot:
    """What stood on the server just before `until`."""

    until: Timestamp
    collections: tuple[BaseCollection, ...]
    documents: Documents

    def described(self) -> dict[str, object]:
        """What a restore must bring back: documents, options, index names and keys."""
        return _worth_comparing(
            {
                item.name: (self.documents[item.name], item.type, _options(item.options), _index_names(item.indexes))
                for item in self.collections
            }
        )


def described(plans: tuple[CollectionPlan, ...], base: Documents) -> dict[str, object]:
    """Run the base's documents through the plans and describe the outcome in the same way."""
    return _worth_comparing(
        {
            plan.name: (frozenset(_final(plan, base)), plan.type, _options(plan.options), _index_names(plan.indexes))
            for plan in plans
        }
    )


def _worth_comparing(found: dict[str, Any]) -> dict[str, object]:
    """Leave out plain empty collections: the embedded server makes one for an update that finds nothing, unlogged."""
    return {name: what for name, what in found.items() if what[0] or what[1] or what[2] or len(what[3]) > 1}


def _final(plan: CollectionPlan, base: Documents) -> Iterator[bytes]:
    for document in sorted(base.get(plan.origin or "", ())):
        changed = plan.changes.apply(document)
        if changed is not None:
            yield changed
    yield from plan.changes.born()


def _index_names(indexes: tuple[Mapping[str, Any], ...]) -> list[tuple[str, str, object]]:
    return sorted((spec["name"], str(dict(spec["key"])), spec.get("expireAfterSeconds")) for spec in indexes)


def _options(options: Mapping[str, object]) -> dict[str, object]:
    """An empty validator is none, whether a server still shows it or not."""
    return {key: value for key, value in options.items() if value != {}}


def snapshot(client: Client, database: str) -> Snapshot:
    """Read everything the database holds, documents as raw bytes."""
    collections, documents = [], {}
    for found in client[database].list_collections():
        name, kind = found["name"], found["type"]
        if name.startswith("system."):
            continue
        indexes = () if kind == "view" else tuple(dict(spec) for spec in client[database][name].list_indexes())
        uuid = found["info"].get("uuid")
        collections.append(
            BaseCollection(
                name, bytes(uuid) if uuid else None, found["options"], indexes, None if kind == "collection" else kind
            )
        )
        raw = b"" if kind == "view" else b"".join(cast("Iterator[bytes]", client[database][name].find_raw_batches()))
        documents[name] = frozenset(split(raw))
    return Snapshot(newest_position(client), tuple(collections), documents)


def run(client: Client, database: str, random: Random, steps: int) -> list[Snapshot]:
    """Do `steps` random operations one at a time; snapshots stand before the first and after each."""
    history = [snapshot(client, database)]
    while len(history) <= steps:
        operation = random.choice(_OPERATIONS)
        try:
            operation(client[database], random)
        except PyMongoError:
            continue  # refused by the server: nothing happened
        history.append(snapshot(client, database))
    return history


def _any(random: Random, database: Database[dict[str, Any]]) -> Any:
    return database[random.choice(_NAMES)]


def _insert(database: Database[dict[str, Any]], random: Random) -> None:
    document = {"_id": random.choice(_IDS)} | {key: random.choice(_VALUES) for key in random.sample("abcd", 2)}
    _any(random, database).insert_one(document)


def _replace(database: Database[dict[str, Any]], random: Random) -> None:
    document = {key: random.choice(_VALUES) for key in random.sample("abcd", 3)}
    _any(random, database).replace_one({"_id": random.choice(_IDS)}, document, upsert=random.random() < 0.3)


def _update(database: Database[dict[str, Any]], random: Random) -> None:
    key, value = random.choice("abcd"), random.choice(_VALUES)
    changes: list[Any] = [
        {"$set": {key: value}},
        {"$set": {f"{key}.k": value}},
        {"$set": {f"{key}.1": value}},
        {"$set": {f"{key}.4": value}},
        {"$set": {f"{key}.l.m": value}},
        {"$set": {f"{key}.2.k": value}},
        {"$unset": {key: 1}},
        {"$unset": {f"{key}.k": 1}},
        {"$unset": {f"{key}.l.m": 1}},
        {"$unset": {f"{key}.1": 1}},
        {"$push": {key: value}},
        {"$push": {f"{key}.1": value}},
        {"$pop": {key: 1}},
        {"$inc": {key: 1}},
        {"$rename": {key: "a" if key == "d" else "d"}},
        [{"$set": {key: value}}],
        [{"$set": {key: [1]}}],
    ]
    target = {} if random.random() < 0.3 else {"_id": random.choice(_IDS)}
    _any(random, database).update_many(target, random.choice(changes))


def _delete(database: Database[dict[str, Any]], random: Random) -> None:
    _any(random, database).delete_one({"_id": random.choice(_IDS)})


def _delete_all(database: Database[dict[str, Any]], random: Random) -> None:
    _any(random, database).delete_many({})


def _transaction(database: Database[dict[str, Any]], random: Random) -> None:
    with database.client.start_session() as session, session.start_transaction():
        for _ in range(3):
            _any(random, database).update_one(
                {"_id": random.choice(_IDS)}, {"$set": {random.choice("abcd"): random.choice(_VALUES)}},
                upsert=random.random() < 0.5, session=session,
            )  # fmt: skip
        if random.random() < 0.3:
            session.abort_transaction()


def _create(database: Database[dict[str, Any]], random: Random) -> None:
    options: dict[str, Any] = random.choice(
        [{}, {"capped": True, "size": 65536}, {"validator": {"z": {"$exists": False}}}]
    )
    database.create_collection(random.choice(_NAMES), **options)


def _drop(database: Database[dict[str, Any]], random: Random) -> None:
    _any(random, database).drop()


def _drop_database(database: Database[dict[str, Any]], random: Random) -> None:
    if random.random() < 0.3:
        database.client.drop_database(database.name)


def _rename(database: Database[dict[str, Any]], random: Random) -> None:
    source, target = random.sample(_NAMES, 2)
    if database[source].options():
        return  # the embedded server forgets them on a rename, others do not
    database[source].rename(target, dropTarget=random.random() < 0.6)


def _create_index(database: Database[dict[str, Any]], random: Random) -> None:
    if random.random() < 0.5:
        _any(random, database).create_index(random.choice("abcd"))
    else:
        _any(random, database).create_index(random.choice("ab"), name="ttl", expireAfterSeconds=100_000)


def _drop_index(database: Database[dict[str, Any]], random: Random) -> None:
    _any(random, database).drop_index(random.choice(["a_1", "b_1", "ttl"]))


def _modify(database: Database[dict[str, Any]], random: Random) -> None:
    change: dict[str, Any] = random.choice(
        [
            {"index": {"name": "ttl", "expireAfterSeconds": 200_000}},
            {"validator": {"y": {"$exists": False}}},
            {"validator": {}},
        ]
    )
    database.command({"collMod": random.choice(_NAMES), **change})


_OPERATIONS: list[Callable[[Database[dict[str, Any]], Random], None]] = [
    *[_insert] * 8, *[_update] * 12, *[_replace] * 3, *[_delete] * 3, _delete_all, *[_transaction] * 2,
    _create, _drop, _drop_database, *[_rename] * 2, _create_index, _drop_index, _modify,
]  # fmt: skip
