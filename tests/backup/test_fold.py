"""Any history, restored to any moment of it, from a base taken at any moment before, also while writes went on."""

import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from bson import Binary, Timestamp, decode, encode
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from drx.backup.documents import id_element, split
from drx.backup.entry import parse
from drx.backup.fold import BaseCollection, CollectionPlan, fold
from drx.errors import StepError
from tests.backup import model

Client = MongoClient[dict[str, Any]]
FIXTURES = Path(os.environ.get("DRX_FIXTURES", Path(__file__).parents[3] / "shared" / "fixtures")) / "mongo-tools"
ONE, TWO = b"1" * 16, b"2" * 16
LATER = Timestamp(4_000_000_000, 0)
real_servers = pytest.mark.skipif(not FIXTURES.is_dir(), reason="no recorded oplogs here; name them with DRX_FIXTURES")


def entries_since(client: Client, database: str, start: Timestamp) -> list[bytes]:
    """Read the oplog the plain way."""
    found = client.local["oplog.rs"].find_raw_batches(
        {"ts": {"$gte": start}, "ns": {"$regex": f"^{database}\\."}}, sort=[("$natural", 1)]
    )
    return split(b"".join(cast("Iterator[bytes]", found)))


def history_of(client: Client, seed: int, steps: int) -> tuple[str, list[model.Snapshot], list[bytes]]:
    name = f"history_{uuid.uuid4().hex[:10]}"
    try:
        history = model.run(client, name, Random(seed), steps)
        return name, history, entries_since(client, name, history[0].until)
    finally:
        client.drop_database(name)


_on_a_server = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


@_on_a_server
@given(seed=st.integers(0, 1 << 32), steps=st.integers(4, 20), data=st.data())
def test_any_history_restores_to_any_moment(mongo_client: Client, seed: int, steps: int, data: st.DataObject) -> None:
    memory = data.draw(st.sampled_from([0, 2000, 1 << 30]), label="memory")
    name, history, entries = history_of(mongo_client, seed, steps)
    at = data.draw(st.integers(0, steps), label="base")
    base = history[at]
    since = [raw for raw in entries if _ts(raw) >= base.until]
    for moment in history[at:]:
        plans = fold(
            since, database=name, base=base.collections, until=moment.until, consistent_from=base.until,
            memory_bytes=memory,
        )  # fmt: skip
        assert model.described(plans, base.documents) == moment.described()


@pytest.mark.slow
@_on_a_server
@given(seed=st.integers(0, 1 << 32), data=st.data())
def test_a_base_read_document_by_document_while_writes_go_on(
    mongo_client: Client, seed: int, data: st.DataObject
) -> None:
    name, history, entries = history_of(mongo_client, seed, 16)
    start = data.draw(st.integers(0, 8), label="start")
    end = data.draw(st.integers(start, 12), label="end")
    since = [raw for raw in entries if _ts(raw) >= history[start].until]
    during = [raw for raw in since if _ts(raw) < history[end].until]
    assume(not any(b"renameCollection" in raw for raw in during))  # a dump starts over then
    random = Random(seed)
    documents = {
        item.name: frozenset(_scan(item.name, history[start : end + 1], random)) for item in history[start].collections
    }
    for moment in history[end:]:
        plans = fold(
            since, database=name, base=history[start].collections, until=moment.until,
            consistent_from=history[end].until,
        )  # fmt: skip
        assert model.described(plans, documents) == moment.described()


def _scan(name: str, moments: list[model.Snapshot], random: Random) -> Iterator[bytes]:
    """Read each document at a moment of its own, as a slow scan does."""
    states = [{id_element(raw): raw for raw in moment.documents.get(name, ())} for moment in moments]
    for identity in sorted({identity for state in states for identity in state}):
        raw = random.choice(states).get(identity)
        if raw:
            yield raw


class Log:
    """Entries as real servers write them, one increment apart."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []

    def add(self, op: str, namespace: str, o: dict[str, Any], **fields: Any) -> Timestamp:
        ts = Timestamp(100, len(self.entries) + 1)
        uuid_bytes = fields.pop("ui", None)
        if uuid_bytes:
            fields["ui"] = Binary(uuid_bytes, 4)
        self.entries.append(encode({"op": op, "ns": namespace, "o": o, "ts": ts, "t": 1, "v": 2, **fields}))
        return ts

    def fold(self, *base: BaseCollection, until: Timestamp = LATER, end: int = 0) -> dict[str, CollectionPlan]:
        plans = fold(
            self.entries, database="db", base=base, until=until, consistent_from=Timestamp(100, end)
        )  # fmt: skip
        return {plan.name: plan for plan in plans}


def final(plan: CollectionPlan, *base: dict[str, Any]) -> list[dict[str, Any]]:
    changed = [plan.changes.apply(encode(document)) for document in base]
    return [decode(raw) for raw in (*(raw for raw in changed if raw is not None), *plan.changes.born())]


def insert(number: int, namespace: str = "db.c") -> dict[str, Any]:
    return {"op": "i", "ns": namespace, "o": {"_id": number}}


def ids(plans: dict[str, CollectionPlan], name: str = "c") -> list[int]:
    return [document["_id"] for document in final(plans[name])] if name in plans else []


SESSION = {"lsid": {"id": Binary(ONE, 4)}, "txnNumber": 7}
FIRST = {"prevOpTime": {"ts": Timestamp(0, 0), "t": -1}}


def after(ts: Timestamp) -> dict[str, Any]:
    return {"prevOpTime": {"ts": ts, "t": 1}}


def test_a_transaction_in_one_entry_happens_at_once() -> None:
    log = Log()
    ts = log.add("c", "admin.$cmd", {"applyOps": [insert(1), insert(9, "other.c"), insert(2)]}, **SESSION, **FIRST)
    assert ids(log.fold()) == [1, 2]
    assert log.fold(until=ts) == {}


def test_a_transaction_in_several_entries_waits_for_the_last() -> None:
    log = Log()
    first = log.add("c", "admin.$cmd", {"applyOps": [insert(1)], "partialTxn": True}, **SESSION, **FIRST)
    log.add("i", "db.c", {"_id": 5})
    second = log.add("c", "admin.$cmd", {"applyOps": [insert(2)], "partialTxn": True}, **SESSION, **after(first))
    last = log.add("c", "admin.$cmd", {"applyOps": [insert(3)], "count": 3}, **SESSION, **after(second))
    assert ids(log.fold(until=last)) == [5]
    assert ids(log.fold()) == [5, 1, 2, 3]


@pytest.mark.parametrize(("command", "expected"), [("commitTransaction", [1, 2]), ("abortTransaction", []), (None, [])])
def test_a_prepared_transaction_waits_for_its_commit(command: str | None, expected: list[int]) -> None:
    log = Log()
    first = log.add("c", "admin.$cmd", {"applyOps": [insert(1)], "partialTxn": True}, **SESSION, **FIRST)
    second = log.add("c", "admin.$cmd", {"applyOps": [insert(2)], "prepare": True}, **SESSION, **after(first))
    if command:
        log.add("c", "admin.$cmd", {command: 1, "commitTimestamp": second}, **SESSION, **after(second))
    assert ids(log.fold()) == expected


def test_a_transaction_without_its_beginning_is_refused() -> None:
    log = Log()
    log.add("c", "admin.$cmd", {"applyOps": [insert(3)]}, **SESSION, **after(Timestamp(99, 1)))
    with pytest.raises(StepError, match=r"beginning of the transaction that ends at 100\.1"):
        log.fold()


def test_vectored_inserts_are_no_transaction() -> None:
    log = Log()
    log.add("c", "admin.$cmd", {"applyOps": [insert(1)]}, **SESSION, **after(Timestamp(9, 9)), multiOpType=1)
    log.add("c", "admin.$cmd", {"applyOps": [insert(2)]}, **SESSION, **after(Timestamp(9, 9)), multiOpType=1)
    assert ids(log.fold()) == [1, 2]


def test_nested_apply_ops_are_opened() -> None:
    log = Log()
    inner = {"op": "c", "ns": "admin.$cmd", "o": {"applyOps": [insert(2), {"op": "n", "ns": "", "o": {}}]}}
    create = {"op": "c", "ns": "db.$cmd", "o": {"create": "d"}}
    log.add("c", "admin.$cmd", {"applyOps": [insert(1), inner, create]})
    plans = log.fold()
    assert ids(plans) == [1, 2]
    assert ids(plans, "d") == []
    assert "d" in plans


BASE = BaseCollection("c", ONE, {}, ({"v": 2, "key": {"_id": 1}, "name": "_id_"},))


def test_updates_deletes_and_inserts_meet_the_base() -> None:
    log = Log()
    log.add("u", "db.c", {"$v": 2, "diff": {"u": {"n": 1}}}, o2={"_id": 1}, ui=ONE)
    log.add("u", "db.c", {"$v": 2, "diff": {"i": {"m": 2}}}, o2={"_id": 1}, ui=ONE)
    log.add("d", "db.c", {"_id": 2}, ui=ONE)
    log.add("i", "db.c", {"_id": 2, "again": True}, ui=ONE)
    log.add("u", "db.c", {"_id": 3, "whole": 1}, o2={"_id": 3}, ui=ONE)
    log.add("d", "db.c", {"_id": 4}, ui=ONE)
    plan = log.fold(BASE)["c"]
    untouched = encode({"_id": 9})
    assert plan.changes.apply(untouched) is untouched
    assert final(plan, {"_id": 1, "n": 0}, {"_id": 2, "old": 1}, {"_id": 3}, {"_id": 4}) == [
        {"_id": 1, "n": 1, "m": 2}, {"_id": 3, "whole": 1}, {"_id": 2, "again": True},
    ]  # fmt: skip


def test_ids_of_different_types_are_different_documents() -> None:
    log = Log()
    log.add("d", "db.c", {"_id": 1.0}, ui=ONE)
    assert final(log.fold(BASE)["c"], {"_id": 1}) == [{"_id": 1}]


def test_an_update_of_a_missing_document_is_damage_after_the_base_and_legal_within_it() -> None:
    log = Log()
    log.add("u", "db.c", {"$v": 2, "diff": {"u": {"n": 1}}}, o2={"_id": "x"}, ui=ONE)
    assert final(log.fold(BASE, end=1)["c"]) == []
    with pytest.raises(StepError, match=r'db\.c \{"_id": "x"\} at 100\.1'):
        final(log.fold(BASE)["c"])


def test_an_update_after_a_delete_is_damage() -> None:
    log = Log()
    log.add("d", "db.c", {"_id": 1}, ui=ONE)
    log.add("u", "db.c", {"$v": 2, "diff": {"u": {"n": 1}}}, o2={"_id": 1}, ui=ONE)
    with pytest.raises(StepError, match=r"at 100\.2"):
        log.fold(BASE)


def test_collections_are_followed_by_identity() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"renameCollection": "db.c", "to": "db.e"}, ui=ONE)
    log.add("c", "db.$cmd", {"create": "c", "idIndex": {"v": 2, "key": {"_id": 1}, "name": "_id_"}}, ui=TWO)
    log.add("i", "db.c", {"_id": 5}, ui=TWO)
    log.add("d", "db.e", {"_id": 1}, ui=ONE)
    plans = log.fold(BASE)
    assert (plans["e"].origin, plans["c"].origin) == ("c", None)
    assert final(plans["e"], {"_id": 1}, {"_id": 2}) == [{"_id": 2}]
    assert ids(plans) == [5]


def test_a_rename_over_a_collection_takes_its_place() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"renameCollection": "db.d", "to": "db.c", "dropTarget": Binary(ONE, 4)}, ui=TWO)
    plans = log.fold(BASE, BaseCollection("d", TWO, {"validator": {}}, ()))
    assert [(plan.name, plan.origin) for plan in plans.values()] == [("c", "d")]


def test_a_collection_that_left_for_another_database_is_gone_and_one_that_came_is_refused() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"renameCollection": "db.c", "to": "other.c"}, ui=ONE)
    assert log.fold(BASE) == {}
    log.add("c", "other.$cmd", {"renameCollection": "other.c", "to": "db.c"}, ui=ONE)
    with pytest.raises(StepError, match="a collection from other"):
        log.fold(BASE)


def test_a_rename_while_the_base_was_read_is_refused() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"renameCollection": "db.c", "to": "db.e"}, ui=ONE)
    with pytest.raises(StepError, match=r"db\.c was renamed at 100\.1, while the base was being taken"):
        log.fold(BASE, end=1)


def test_what_was_dropped_renamed_or_created_before_the_base_was_listed_changes_nothing() -> None:
    log = Log()
    log.add("i", "db.c", {"_id": 7}, ui=TWO)  # another c, dropped before the base listed this one
    log.add("c", "db.$cmd", {"drop": "c"}, ui=TWO)
    log.add("c", "db.$cmd", {"create": "c", "capped": True, "size": 4096}, ui=ONE)
    log.add("c", "db.$cmd", {"renameCollection": "db.x", "to": "db.c"}, ui=ONE)
    plans = log.fold(BASE, end=4)
    assert (plans["c"].origin, dict(plans["c"].options)) == ("c", {})
    assert final(plans["c"], {"_id": 1}) == [{"_id": 1}]


def test_writes_before_a_rename_that_the_base_already_shows_belong_to_the_renamed() -> None:
    log = Log()
    log.add("u", "db.x", {"$v": 2, "diff": {"u": {"n": 1}}}, o2={"_id": 1}, ui=TWO)
    log.add("c", "db.$cmd", {"renameCollection": "db.x", "to": "db.c"}, ui=TWO)
    plans = log.fold(BASE, end=2)
    assert list(plans) == ["c"]
    assert final(plans["c"], {"_id": 1, "n": 0}) == [{"_id": 1, "n": 1}]


def test_drop_and_drop_database_leave_nothing_of_the_base() -> None:
    log = Log()
    dropped = log.add("c", "db.$cmd", {"drop": "c"}, ui=ONE, o2={"numRecords": 5})
    log.add("c", "db.$cmd", {"dropDatabase": 1})
    log.add("i", "db.c", {"_id": 1}, ui=TWO)
    assert final(log.fold(BASE, until=dropped)["c"], {"_id": 1}) == [{"_id": 1}]
    plan = log.fold(BASE)["c"]
    assert (plan.origin, ids({"c": plan})) == (None, [1])


def test_writes_to_a_collection_that_cannot_be_there_are_damage() -> None:
    log = Log()
    log.add("d", "db.gone", {"_id": 1}, ui=TWO)
    with pytest.raises(StepError, match=r"db\.gone"):
        log.fold()
    log = Log()
    log.add("i", "db.c", {"_id": 1}, ui=TWO)
    with pytest.raises(StepError, match=r"writes to another db\.c"):
        log.fold(BASE)


def test_indexes_are_those_of_the_target_time() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"createIndexes": "c", "v": 2, "key": {"a": 1}, "name": "a_1", "hidden": True}, ui=ONE)
    log.add("c", "db.$cmd", {"startIndexBuild": "c", "indexes": []}, ui=ONE)
    built = {"v": 2, "key": {"b": 1}, "name": "b_1", "expireAfterSeconds": 5, "ns": "db.c"}
    log.add("c", "db.$cmd", {"commitIndexBuild": "c", "indexes": [built]}, ui=ONE)
    log.add("c", "db.$cmd", {"collMod": "c", "index": {"keyPattern": {"b": 1}, "expireAfterSeconds": 9}}, ui=ONE)
    log.add("c", "db.$cmd", {"collMod": "c", "index": {"name": "a_1", "hidden": False, "unique": True}}, ui=ONE)
    dropped = log.add("c", "db.$cmd", {"dropIndexes": "c", "index": "a_1"}, ui=ONE, o2={})
    log.add("c", "db.$cmd", {"dropIndexes": "c", "index": "*"}, ui=ONE)
    assert log.fold(BASE, until=dropped)["c"].indexes == (
        {"v": 2, "key": {"_id": 1}, "name": "_id_"},
        {"v": 2, "key": {"a": 1}, "name": "a_1", "unique": True},
        {"v": 2, "key": {"b": 1}, "name": "b_1", "expireAfterSeconds": 9},
    )
    assert [spec["name"] for spec in log.fold(BASE)["c"].indexes] == ["_id_"]


def test_options_are_those_of_the_target_time() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"collMod": "c", "validator": {"a": 1}, "validationLevel": "off"}, ui=ONE)
    log.add("c", "db.$cmd", {"convertToCapped": "c", "size": 4096}, ui=ONE)
    log.add("c", "db.$cmd", {"collMod": "c", "cappedSize": 8192, "cappedMax": 5}, ui=ONE)
    log.add("c", "db.$cmd", {"collMod": "c", "validator": {}}, ui=ONE)
    assert dict(log.fold(BASE)["c"].options) == {"validationLevel": "off", "capped": True, "size": 8192, "max": 5}


def test_emptying_a_capped_collection_forgets_the_base() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"emptycapped": "c"}, ui=ONE)
    plan = log.fold(BaseCollection("c", ONE, {"capped": True, "size": 4096}, BASE.indexes))["c"]
    assert (plan.origin, plan.options["capped"], len(plan.indexes)) == (None, True, 1)


def test_views_are_documents_of_their_own_collection() -> None:
    log = Log()
    view = {"viewOn": "c", "pipeline": [{"$match": {"a": 1}}]}
    log.add("c", "db.$cmd", {"create": "system.views"}, ui=TWO)
    log.add("i", "db.system.views", {"_id": "db.v", **view}, ui=TWO)
    log.add("i", "db.system.views", {"_id": "db.w", **view}, ui=TWO)
    log.add("u", "db.system.views", {"$v": 2, "diff": {"u": {"viewOn": "d"}}}, o2={"_id": "db.known"}, ui=TWO)
    log.add("d", "db.system.views", {"_id": "db.w"}, ui=TWO)
    plans = log.fold(BaseCollection("known", None, dict(view), (), "view"))
    assert {name: (plan.type, dict(plan.options)) for name, plan in plans.items()} == {
        "v": ("view", view), "known": ("view", {**view, "viewOn": "d"}),
    }  # fmt: skip


def test_a_time_series_is_its_buckets() -> None:
    log = Log()
    options = {"timeField": "t", "bucketMaxSpanSeconds": 3600}
    log.add("c", "db.$cmd", {"create": "system.buckets.ts", "clusteredIndex": True, "timeseries": options}, ui=TWO)
    log.add("i", "db.system.views", {"_id": "db.ts", "viewOn": "system.buckets.ts", "pipeline": []}, ui=ONE)
    log.add("i", "db.system.buckets.ts", {"_id": 1, "data": {}}, ui=TWO)
    plan = log.fold()["ts"]
    assert (plan.type, dict(plan.options), plan.indexes) == ("timeseries", {"timeseries": options}, ())
    assert ids({"c": plan}) == [1]


def test_a_time_series_that_is_no_buckets_is_a_collection() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"create": "ts", "timeseries": {"timeField": "t"}}, ui=TWO)  # the embedded server's
    assert log.fold()["ts"].type is None


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ({"meta": 1, "control.min.t": 1, "control.max.t": 1}, {"m": 1, "t": 1}),
        ({"control.max.t": -1, "control.min.t": -1, "meta.place.x": "2dsphere"}, {"t": -1, "m.place.x": "2dsphere"}),
        ({"control.min.v": 1, "control.max.v": 1}, {"v": 1}),
        ({"data.v": 1}, None),
    ],
)
def test_an_index_on_buckets_is_one_on_measurements(key: dict[str, Any], expected: dict[str, Any] | None) -> None:
    log = Log()
    options = {"timeField": "t", "metaField": "m"}
    log.add("c", "db.$cmd", {"create": "system.buckets.ts", "clusteredIndex": True, "timeseries": options}, ui=TWO)
    log.add("c", "db.$cmd", {"createIndexes": "system.buckets.ts", "v": 2, "key": key, "name": "x"}, ui=TWO)
    if expected is None:
        with pytest.raises(StepError, match="an index on the buckets of the time series ts"):
            log.fold()
    else:
        (found,) = log.fold()["ts"].indexes
        assert list(found["key"].items()) == list(expected.items())  # type: ignore[attr-defined]


def test_a_clustered_collection_has_no_other_index_on_its_id() -> None:
    log = Log()
    index = {"v": 2, "key": {"_id": 1}, "name": "by id", "unique": True}
    log.add("c", "db.$cmd", {"create": "c", "clusteredIndex": index, "idIndex": BASE.indexes[0]}, ui=TWO)
    log.add("c", "db.$cmd", {"dropIndexes": "c", "index": "*"}, ui=TWO)
    assert log.fold()["c"].indexes == ({**index, "clustered": True},)


@pytest.mark.parametrize(
    ("op", "o", "named"),
    [
        ("c", {"truncateRange": "db.c"}, "truncateRange"),
        ("c", {"collMod": "c", "newfangled": 1}, "newfangled"),
        ("xx", {"_id": 1}, "xx"),
    ],
)
def test_an_unknown_operation_is_an_error_that_names_it(op: str, o: dict[str, Any], named: str) -> None:
    log = Log()
    ts = log.add(op, "db.$cmd" if op == "c" else "db.c", o, ui=ONE)
    with pytest.raises(StepError, match=named):
        log.fold(BASE)
    assert "c" in log.fold(BASE, until=ts)


@pytest.mark.parametrize("memory", [0, 1500, 1 << 30])
def test_born_documents_keep_their_order_wherever_they_are_kept(memory: int) -> None:
    log = Log()
    for number in range(20):
        log.add("i", "db.c", {"_id": number}, ui=ONE)
    for number in (3, 7):
        log.add("d", "db.c", {"_id": number}, ui=ONE)
    log.add("u", "db.c", {"$v": 2, "diff": {"i": {"n": 1}}}, o2={"_id": 5}, ui=ONE)
    log.add("i", "db.c", {"_id": 7}, ui=ONE)
    log.add("u", "db.c", {"$v": 2, "diff": {"i": {"n": 1}}}, o2={"_id": 99}, ui=ONE)
    log.add("u", "db.c", {"$v": 2, "diff": {"i": {"m": 1}}}, o2={"_id": 99}, ui=ONE)
    log.add("u", "db.c", {"$v": 2, "diff": {"i": {"m": 1}}}, o2={"_id": 98}, ui=ONE)
    (plan,) = fold(
        log.entries, database="db", base=[BASE], until=LATER, consistent_from=Timestamp(1, 1), memory_bytes=memory
    )
    assert plan.changes.apply(encode({"_id": 99})) == encode({"_id": 99, "n": 1, "m": 1})
    assert plan.changes.apply(encode({"_id": 3})) is None
    untouched = encode({"_id": 1000})
    assert plan.changes.apply(untouched) is untouched
    found: list[dict[str, Any]] = []
    with pytest.raises(StepError, match='"98"'):
        found.extend(decode(raw) for raw in plan.changes.born())
    assert [document["_id"] for document in found] == [n for n in range(20) if n not in (3, 7)] + [7]
    assert {"_id": 5, "n": 1} in found


def recorded(name: str) -> list[bytes]:
    return split((FIXTURES / name).read_bytes())


@pytest.mark.parametrize("memory", [0, 1 << 30])
def test_members_are_brought_up_to_date_side_by_side(memory: int) -> None:
    log = Log()
    for number in range(400):
        log.add("u", "db.c", {"$v": 2, "diff": {"i": {"n": number}}}, o2={"_id": number}, ui=ONE)
    (plan,) = fold(
        log.entries, database="db", base=[BASE], until=LATER, consistent_from=Timestamp(1, 1), memory_bytes=memory
    )
    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(plan.changes.apply, [encode({"_id": number}) for number in range(500)]))
    assert changed == [encode({"_id": n} | ({"n": n} if n < 400 else {})) for n in range(500)]
    assert list(plan.changes.born()) == []


@real_servers
def test_a_recorded_oplog_with_transactions_and_nested_operations_folds() -> None:
    plans = fold(
        recorded("oplogdump/oplog.bson"), database="db1", base=(), until=LATER, consistent_from=Timestamp(1, 1)
    )
    values = [decode(raw)["x"] for raw in plans[0].changes.born()]
    assert values == list(range(1456, 1456 + len(values)))
    assert len(values) > 3


@real_servers
def test_a_recorded_vectored_insert_folds() -> None:
    entries = recorded("oplogs/vectored_insert.bson")
    plans = fold(entries, database="mongodump_test_db", base=(), until=LATER, consistent_from=Timestamp(1, 1))
    assert [decode(raw)["_id"] for raw in plans[0].changes.born()][:2] == [100, 200]


@real_servers
@pytest.mark.parametrize(
    ("name", "database"), [("commit_indexes_build", "commit_index"), ("create_indexes", "create_indexes")]
)
def test_recorded_index_builds_come_back(name: str, database: str) -> None:
    entries = recorded(f"{name}/oplog.bson")
    (plan,) = fold(entries, database=database, base=(), until=LATER, consistent_from=Timestamp(1, 1))
    built = {
        str(spec["name"])
        for entry in (decode(raw) for raw in entries)
        if entry["ns"] == f"{database}.$cmd"
        for spec in entry["o"].get("indexes", [entry["o"]])
        if "commitIndexBuild" in entry["o"] or "createIndexes" in entry["o"]
    }
    assert built
    assert {str(spec["name"]) for spec in plan.indexes} == built | {"_id_"}


@real_servers
@pytest.mark.parametrize("path", sorted(FIXTURES.glob("oplogs/*.bson")), ids=lambda path: path.stem)
def test_every_recorded_entry_is_understood(path: Path) -> None:
    entries = split(path.read_bytes())
    first = parse(entries[0])
    base = BaseCollection("foo", first.uuid, {}, ({"key": {"f": 1}, "name": "f_1", "expireAfterSeconds": 1000},))
    found = fold(entries, database=first.database, base=[base], until=LATER, consistent_from=Timestamp(1, 1))
    names = [plan.name for plan in found]
    indexes = [spec for plan in found for spec in plan.indexes if spec["name"] == "f_1"]
    match path.stem:
        case "drop_collection" | "drop_db":
            assert names == []
        case "drop_index":
            assert indexes == []
        case "collMod":
            assert indexes[0]["expireAfterSeconds"] == 3600
        case _:
            assert "foo" in names or first.database == "admin"


@real_servers
def test_a_recorded_oplog_of_several_databases_gives_each_its_own() -> None:
    entries = recorded("oplog_partial_skips/oplog.bson")
    for database in {parse(raw).database for raw in entries} - {"", "admin", "config"}:
        plans = fold(entries, database=database, base=(), until=LATER, consistent_from=Timestamp(1, 1))
        inserted = {
            parse(raw).collection for raw in entries if parse(raw).op == "i" and parse(raw).database == database
        }
        assert inserted <= {plan.name for plan in plans}


def _ts(raw: bytes) -> Timestamp:
    ts: Timestamp = decode(raw)["ts"]
    return ts
