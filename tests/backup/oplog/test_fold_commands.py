"""What each command of the oplog makes of a database, as real servers write them: a table of entries and outcomes."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary, Int64, Timestamp

from drx.backup.oplog.fold import BaseCollection, CollectionPlan
from drx.backup.oplog.net import net_entries
from drx.errors import StepError
from tests.backup.entries import FIRST, ONE, SESSION, TWO, Log, after, final, insert

THREE = b"3" * 16
ID = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
BASE = BaseCollection("c", ONE, {}, (ID, {"v": 2, "key": {"a": 1, "b": 1}, "name": "ab"}))
HELD = ({"_id": 1, "n": 0}, {"_id": 2, "n": 0})
SERIES = {"timeField": "at", "metaField": "sensor", "granularity": "seconds", "bucketMaxSpanSeconds": 3600}


@dataclass(frozen=True)
class Op:
    """One entry."""

    o: dict[str, Any]
    ui: bytes | None = ONE
    op: str = "c"
    on: str = "db.$cmd"
    more: dict[str, Any] | None = None


def put(collection: str, identity: int, ui: bytes | None = ONE) -> Op:
    return Op({"_id": identity}, ui, "i", f"db.{collection}")


def change(o: dict[str, Any], identity: int = 1) -> Op:
    return Op(o, ONE, "u", "db.c", {"o2": {"_id": identity}})


def outcome(plans: dict[str, CollectionPlan]) -> dict[str, Any]:
    """Describe each collection: its documents, options if it has any, and indexes beside `_id_`."""
    found: dict[str, Any] = {}
    for name, plan in plans.items():
        documents = final(plan, *(HELD if plan.origin == "c" else ()))
        indexes = {str(spec["name"]): dict(spec["key"]) for spec in plan.indexes if spec["name"] != "_id_"}  # type: ignore[call-overload]
        found[name] = {
            key: value
            for key, value in (
                ("ids", [document["_id"] for document in documents]), ("options", dict(plan.options)),
                ("indexes", indexes), ("type", plan.type),
            )
            if value
        }  # fmt: skip
    return found


AB, C = {"ab": {"a": 1, "b": 1}}, {"ids": [1, 2], "indexes": {"ab": {"a": 1, "b": 1}}}
COMMANDS: list[tuple[str, list[Op], dict[str, Any]]] = [
    ("create", [Op({"create": "d", "idIndex": ID}, TWO)], {"c": C, "d": {}}),
    ("create again", [Op({"create": "c", "idIndex": ID}, ONE)], {"c": C}),
    (
        "create with options",
        [Op({"create": "d", "validator": {"a": 1}, "collation": {"locale": "en"}, "temp": True, "idIndex": ID}, TWO)],
        {"c": C, "d": {"options": {"validator": {"a": 1}, "collation": {"locale": "en"}}}},
    ),
    (
        "create capped",
        [Op({"create": "d", "capped": True, "size": 4096, "max": 3, "idIndex": ID}, TWO), put("d", 7, TWO)],
        {"c": C, "d": {"ids": [7], "options": {"capped": True, "size": 4096, "max": 3}}},
    ),
    (
        "create clustered",
        [
            Op({"create": "d", "clusteredIndex": {"v": 2, "key": {"_id": 1}, "name": "own", "unique": True}}, TWO),
            Op({"createIndexes": "d", "v": 2, "key": {"x": 1}, "name": "x"}, TWO),
            Op({"dropIndexes": "d", "index": "*"}, TWO),
        ],
        {
            "c": C,
            "d": {
                "options": {"clusteredIndex": {"v": 2, "key": {"_id": 1}, "name": "own", "unique": True}},
                "indexes": {"own": {"_id": 1}},
            },
        },
    ),
    ("drop", [Op({"drop": "c"}, more={"o2": {"numRecords": 2}})], {}),
    (
        "drop and create again under the name",
        [Op({"drop": "c"}), Op({"create": "c", "idIndex": ID}, TWO), put("c", 9, TWO)],
        {"c": {"ids": [9]}},
    ),
    ("dropDatabase", [Op({"drop": "c"}), Op({"dropDatabase": 1}, None)], {}),
    ("dropDatabase by itself", [Op({"dropDatabase": 1}, None), put("c", 5, TWO)], {"c": {"ids": [5]}}),
    ("renameCollection", [Op({"renameCollection": "db.c", "to": "db.x.y"})], {"x.y": C}),
    (
        "renameCollection, dropTarget",
        [
            Op({"create": "d", "idIndex": ID}, TWO),
            put("d", 3, TWO),
            Op({"renameCollection": "db.d", "to": "db.c", "dropTarget": Binary(ONE, 4)}, TWO),
        ],
        {"c": {"ids": [3]}},
    ),
    (
        "two collections change names",
        [
            Op({"create": "d", "idIndex": ID}, TWO),
            put("d", 3, TWO),
            Op({"renameCollection": "db.d", "to": "db.t"}, TWO),
            Op({"renameCollection": "db.c", "to": "db.d"}),
            Op({"renameCollection": "db.t", "to": "db.c"}, TWO),
            Op({"_id": 1}, ONE, "d", "db.d"),
        ],
        {"c": {"ids": [3]}, "d": {"ids": [2], "indexes": AB}},
    ),
    ("renameCollection to another database", [Op({"renameCollection": "db.c", "to": "other.c"})], {}),
    (
        "renameCollection from another database, as servers carry it out: copied, then renamed",
        [
            Op({"create": "tmpXyZ12.renameCollection", "idIndex": ID}, TWO),
            Op({"createIndexes": "tmpXyZ12.renameCollection", "v": 2, "key": {"x": 1}, "name": "x"}, TWO),
            put("tmpXyZ12.renameCollection", 4, TWO),
            Op({"renameCollection": "db.tmpXyZ12.renameCollection", "to": "db.c", "dropTarget": Binary(ONE, 4)}, TWO),
            Op({"drop": "c"}, THREE, on="other.$cmd"),
        ],
        {"c": {"ids": [4], "indexes": {"x": {"x": 1}}}},
    ),
    (
        "convertToCapped, as servers carry it out: copied, then renamed",
        [
            Op({"create": "tmpXy.convertToCapped.c", "capped": True, "size": 4096, "temp": True, "idIndex": ID}, TWO),
            put("tmpXy.convertToCapped.c", 2, TWO),
            Op({"renameCollection": "db.tmpXy.convertToCapped.c", "to": "db.c", "dropTarget": Binary(ONE, 4)}, TWO),
        ],
        {"c": {"ids": [2], "options": {"capped": True, "size": 4096}}},
    ),
    (
        "convertToCapped by itself",
        [Op({"convertToCapped": "c", "size": 4096})],
        {"c": {"ids": [1, 2], "options": {"capped": True, "size": 4096}}},
    ),
    ("emptycapped", [Op({"emptycapped": "c"}), put("c", 8)], {"c": {"ids": [8], "indexes": AB}}),
    (
        "createIndexes, one a command",
        [Op({"createIndexes": "c", "v": 2, "key": {"x": 1}, "name": "x", "unique": True})],
        {"c": {"ids": [1, 2], "indexes": AB | {"x": {"x": 1}}}},
    ),
    (
        "an index build that is committed, and one that is aborted",
        [
            Op({"startIndexBuild": "c", "indexBuildUUID": Binary(TWO, 4), "indexes": []}),
            Op({"startIndexBuild": "c", "indexBuildUUID": Binary(THREE, 4), "indexes": []}),
            Op({"commitIndexBuild": "c", "indexes": [{"v": 2, "key": {"x": 1}, "name": "x", "ns": "db.c"}]}),
            Op({"abortIndexBuild": "c", "indexes": [{"v": 2, "key": {"y": 1}, "name": "y"}], "cause": {"ok": False}}),
        ],
        {"c": {"ids": [1, 2], "indexes": AB | {"x": {"x": 1}}}},
    ),
    (
        "an index that servers list to a dump while it is built, and that is given up",
        [Op({"abortIndexBuild": "c", "indexes": [{"v": 2, "key": {"a": 1, "b": 1}, "name": "ab"}], "cause": {}})],
        {"c": {"ids": [1, 2]}},
    ),
    (
        "an index that is still being built",
        [Op({"startIndexBuild": "c", "indexes": [{"v": 2, "key": {"a": 1, "b": 1}, "name": "ab"}]})],
        {"c": {"ids": [1, 2]}},
    ),
    (
        "an index that was built while the base was taken, and is in it",
        [
            Op({"startIndexBuild": "c", "indexes": [{"v": 2, "key": {"a": 1, "b": 1}, "name": "ab"}]}),
            Op({"commitIndexBuild": "c", "indexes": [{"v": 2, "key": {"a": 1, "b": 1}, "name": "ab"}]}),
        ],
        {"c": C},
    ),
    *(
        (f"{command} by name", [Op({command: "c", "index": "ab"}, more={"o2": {}})], {"c": {"ids": [1, 2]}})
        for command in ("dropIndexes", "dropIndex", "deleteIndexes", "deleteIndex")
    ),
    ("dropIndexes by names", [Op({"dropIndexes": "c", "index": ["x", "ab"]})], {"c": {"ids": [1, 2]}}),
    ("dropIndexes by other names", [Op({"dropIndexes": "c", "index": ["a", "_id_"]})], {"c": C}),
    ("dropIndexes by key", [Op({"dropIndexes": "c", "index": {"a": 1, "b": 1}})], {"c": {"ids": [1, 2]}}),
    ("dropIndexes by key in another order", [Op({"dropIndexes": "c", "index": {"b": 1, "a": 1}})], {"c": C}),
    ("dropIndexes of the one on _id", [Op({"dropIndexes": "c", "index": {"_id": 1}})], {"c": C}),
    (
        "indexes within a transaction that creates their collection",
        [
            Op(
                {
                    "applyOps": [
                        {"op": "c", "ns": "db.$cmd", "ui": Binary(TWO, 4), "o": {"create": "d", "idIndex": ID}},
                        {"op": "c", "ns": "db.$cmd", "ui": Binary(TWO, 4),
                         "o": {"createIndexes": "d", "v": 2, "key": {"x": 1}, "name": "x"}},
                        {"op": "i", "ns": "db.d", "ui": Binary(TWO, 4), "o": {"_id": 4}},
                    ]
                },
                None, on="admin.$cmd", more=SESSION | FIRST,
            )
        ],
        {"c": C, "d": {"ids": [4], "indexes": {"x": {"x": 1}}}},
    ),
    (
        "what a server keeps for itself",
        [
            Op({"create": "system.profile", "capped": True, "size": 4096, "idIndex": ID}, TWO),
            Op({"createIndexes": "system.profile", "v": 2, "key": {"x": 1}, "name": "x"}, TWO),
            Op({"collMod": "system.profile", "validator": {"x": 1}}, TWO),
            put("system.profile", 1, TWO),
            Op({"drop": "system.profile"}, TWO),
        ],
        {"c": C},
    ),
    (
        "functions, which a dump holds",
        [Op({"create": "system.js", "idIndex": ID}, TWO)],
        {"c": C, "system.js": {}},
    ),
    (
        "views, dropped all at once, and one that came later",
        [
            Op({"_id": "db.v", "viewOn": "c", "pipeline": []}, THREE, "i", "db.system.views"),
            Op({"_id": "db.w", "viewOn": "v", "pipeline": []}, THREE, "i", "db.system.views"),
            Op({"drop": "system.views"}, THREE),
            Op({"_id": "db.w", "viewOn": "c", "pipeline": []}, TWO, "i", "db.system.views"),
        ],
        {"c": C, "w": {"type": "view", "options": {"viewOn": "c", "pipeline": []}}},
    ),
    ("dropIndexes, all", [Op({"dropIndexes": "c", "index": "*"})], {"c": {"ids": [1, 2]}}),
    (
        "collMod of a validator",
        [Op({"collMod": "c", "validator": {"n": 1}, "validationLevel": "moderate", "validationAction": "warn"})],
        {"c": C | {"options": {"validator": {"n": 1}, "validationLevel": "moderate", "validationAction": "warn"}}},
    ),
    (
        "collMod that takes a validator away",
        [Op({"collMod": "c", "validator": {"n": 1}}), Op({"collMod": "c", "validator": {}})],
        {"c": C},
    ),
    (
        "collMod of images before and after",
        [Op({"collMod": "c", "changeStreamPreAndPostImages": {"enabled": True}})],
        {"c": C | {"options": {"changeStreamPreAndPostImages": {"enabled": True}}}},
    ),
    ("nothing happened", [Op({"msg": "periodic noop"}, None, "n", "")], {"c": C}),
    ("dbCheck", [Op({"dbCheck": "db.c", "type": "batch"})], {"c": C}),
    ("an entry of a database whose name begins the same", [Op({"drop": "c"}, ONE, on="dbx.$cmd")], {"c": C}),
    (
        "applyOps within applyOps",
        [
            Op(
                {
                    "applyOps": [
                        {"op": "c", "ns": "db.$cmd", "ui": Binary(TWO, 4), "o": {"create": "d", "idIndex": ID}},
                        {"op": "c", "ns": "admin.$cmd", "o": {"applyOps": [insert(5, "db.d")]}},
                    ]
                },
                None,
                on="admin.$cmd",
            )
        ],
        {"c": C, "d": {"ids": [5]}},
    ),
    (
        "a transaction of one entry",
        [Op({"applyOps": [insert(5) | {"ui": Binary(ONE, 4)}]}, None, on="admin.$cmd", more=SESSION | FIRST)],
        {"c": C | {"ids": [1, 2, 5]}},
    ),
    (
        "a transaction prepared and committed",
        [
            Op({"applyOps": [insert(5)], "prepare": True}, None, on="admin.$cmd", more=SESSION | FIRST),
            put("c", 6),
            Op({"commitTransaction": 1}, None, on="admin.$cmd", more=SESSION | after(Timestamp(100, 1))),
        ],
        {"c": C | {"ids": [1, 2, 6, 5]}},
    ),
    (
        "a transaction prepared and aborted",
        [
            Op({"applyOps": [insert(5)], "prepare": True}, None, on="admin.$cmd", more=SESSION | FIRST),
            Op({"abortTransaction": 1}, None, on="admin.$cmd", more=SESSION | after(Timestamp(100, 1))),
        ],
        {"c": C},
    ),
    (
        "a transaction that was not committed by then",
        [Op({"applyOps": [insert(5)], "prepare": True}, None, on="admin.$cmd", more=SESSION | FIRST)],
        {"c": C},
    ),
    (
        "a large transaction, spread over entries and prepared",
        [
            Op({"applyOps": [insert(5)], "partialTxn": True}, None, on="admin.$cmd", more=SESSION | FIRST),
            Op({"applyOps": [insert(6)], "prepare": True}, None, on="admin.$cmd",
               more=SESSION | after(Timestamp(100, 1))),
            Op({"commitTransaction": 1}, None, on="admin.$cmd", more=SESSION | after(Timestamp(100, 2))),
        ],
        {"c": C | {"ids": [1, 2, 5, 6]}},
    ),
    (
        "a vectored insert",
        [
            Op({"applyOps": [insert(5), insert(6)]}, None, on="admin.$cmd",
               more=SESSION | after(Timestamp(9, 9)) | {"multiOpType": 1}),
        ],
        {"c": C | {"ids": [1, 2, 5, 6]}},
    ),
    (
        "a time series, its own index, one of a user and its documents",
        [
            Op({"create": "system.buckets.s", "clusteredIndex": True, "timeseries": SERIES}, TWO),
            Op({"createIndexes": "system.buckets.s", "v": 2, "name": "sensor_1_at_1",
                "key": {"meta": 1, "control.min.at": 1, "control.max.at": 1}}, TWO),
            Op({"createIndexes": "system.buckets.s", "v": 2, "name": "x",
                "key": {"control.max.x": -1, "control.min.x": -1},
                "originalSpec": {"v": 2, "name": "x", "key": {"x": -1}}}, TWO),
            Op({"createIndexes": "system.buckets.s", "v": 2, "name": "g",
                "key": {"meta.a": -1, "data.g": "2dsphere_bucket"}}, TWO),
            Op({"_id": "db.s", "viewOn": "system.buckets.s", "pipeline": []}, THREE, "i", "db.system.views"),
            put("system.buckets.s", 1, TWO),
            Op({"collMod": "system.buckets.s", "timeseries": {"granularity": "minutes"}}, TWO),
            Op({"collMod": "system.buckets.s", "expireAfterSeconds": Int64(60)}, TWO),
            Op({"collMod": "system.buckets.s", "index": {"hidden": True, "keyPattern": {
                "meta": 1, "control.min.at": 1, "control.max.at": 1}}}, TWO),
            Op({"createIndexes": "system.buckets.s", "v": 2, "name": "gone", "key": {"meta": 1}}, TWO),
            Op({"dropIndexes": "system.buckets.s", "index": {"meta": 1}}, TWO),
        ],
        {
            "c": C,
            "s": {
                "ids": [1], "type": "timeseries",
                "options": {"timeseries": SERIES | {"granularity": "minutes"}, "expireAfterSeconds": 60},
                "indexes": {
                    "sensor_1_at_1": {"sensor": 1, "at": 1}, "x": {"x": -1}, "g": {"sensor.a": -1, "g": "2dsphere"},
                },
            },
        },
    ),
    (
        "a time series dropped",
        [
            Op({"create": "system.buckets.s", "clusteredIndex": True, "timeseries": SERIES}, TWO),
            Op({"_id": "db.s"}, THREE, "d", "db.system.views"),
            Op({"drop": "system.buckets.s"}, TWO),
        ],
        {"c": C},
    ),
    (
        "a view, as the embedded server writes it",
        [
            Op({"create": "v", "viewOn": "c", "viewPipeline": [], "idIndex": ID}, TWO),
            Op({"collMod": "v", "viewOn": "d", "pipeline": []}, TWO),
        ],
        {"c": C, "v": {"type": "view", "options": {"viewOn": "d", "pipeline": []}}},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("ops", "expected"), [row[1:] for row in COMMANDS], ids=[row[0] for row in COMMANDS])
def test_commands(ops: list[Op], expected: dict[str, Any]) -> None:
    assert outcome(folded(ops)) == expected


@pytest.mark.parametrize("ops", [row[1] for row in COMMANDS], ids=[row[0] for row in COMMANDS])
def test_commands_say_the_same_as_a_differential(ops: list[Op]) -> None:
    plans = folded(ops)
    short = Log()
    short.entries = list(
        net_entries(
            "db", [BASE], list(plans.values()), consistent_from=Timestamp(100, 0), end=Timestamp(100, 99),
            wall=datetime(2026, 1, 1, tzinfo=UTC),
        )
    )  # fmt: skip
    found, expected = outcome(short.fold(BASE)), outcome(plans)
    assert found == expected


def folded(ops: list[Op]) -> dict[str, CollectionPlan]:
    log = Log()
    for each in ops:
        log.add(each.op, each.on, each.o, ui=each.ui, **(each.more or {}))
    return log.fold(BASE)


@pytest.mark.parametrize(
    ("update", "after"),
    [
        ({"$v": 2, "diff": {"u": {"n": 5}}}, {"_id": 1, "n": 5}),
        ({"$v": 2, "diff": {"d": {"n": False}, "i": {"m": {"k": 1}}}}, {"_id": 1, "m": {"k": 1}}),
        ({"$v": 2, "diff": {"updatedFields": {"n": 5, "m.k": 1}, "removedFields": []}}, {"_id": 1, "n": 5}),
        ({"$v": 2, "diff": {"updatedFields": {"m": 1}, "removedFields": ["n"]}}, {"_id": 1, "m": 1}),
        ({"$v": 1, "$set": {"m.k": 1}, "$unset": {"n": True}}, {"_id": 1, "m": {"k": 1}}),
        ({"$set": {"n": 7}}, {"_id": 1, "n": 7}),
        ({"_id": 1, "whole": True}, {"_id": 1, "whole": True}),
    ],
)
def test_updates_in_every_dialect(update: dict[str, Any], after: dict[str, Any]) -> None:
    assert final(folded([change(update)])["c"], *HELD) == [after, HELD[1]]


@pytest.mark.parametrize(
    ("change", "spec"),
    [
        ({"name": "ab", "expireAfterSeconds": Int64(60)}, {"expireAfterSeconds": 60}),
        ({"keyPattern": {"a": 1, "b": 1}, "hidden": True}, {"hidden": True}),
        ({"name": "ab", "hidden": False}, {}),
        ({"name": "ab", "prepareUnique": True}, {"prepareUnique": True}),
        ({"name": "ab", "unique": True}, {"unique": True}),
    ],
)
def test_changes_of_an_index(change: dict[str, Any], spec: dict[str, Any]) -> None:
    found = folded([Op({"collMod": "c", "index": change}, more={"o2": {"collectionOptions_old": {}}})])["c"]
    assert found.indexes[1] == BASE.indexes[1] | spec  # type: ignore[operator]


@pytest.mark.parametrize(
    ("op", "said"),
    [
        (Op({"renameCollection": "other.c", "to": "db.d"}, TWO, on="other.$cmd"), "a collection from other"),
        (Op({"importCollection": "c"}), "the command importCollection"),
        (
            Op({"collMod": "c", "index": {"keyPattern": {"b": 1, "a": 1}, "hidden": True}}),
            "an index that c does not have",
        ),
        (Op({"collMod": "c", "shape": 1}), "shape in a collMod of c"),
        (Op({"createIndexes": "c", "key": {"a": 1}}), "the command createIndexes without name"),
        (Op({"renameCollection": "db.c"}), "the command renameCollection without to"),
        (Op({"dropIndexes": "c"}), "the command dropIndexes without index"),
    ],
)
def test_what_cannot_be_replayed_is_named_with_the_way_out(op: Op, said: str) -> None:
    with pytest.raises(StepError, match=said) as caught:
        folded([op])
    assert "from a base taken after it" in str(caught.value.remedy)
