"""The net entries of a differential lead where the whole oplog leads, and are as few as can be."""

from typing import Any

import pytest
from bson import Binary, Timestamp, decode, encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from drx.backup.oplog.differential import summary
from drx.backup.oplog.entry import parse
from drx.backup.oplog.fold import BaseCollection, CollectionPlan, fold
from drx.backup.oplog.net import net_entries
from tests.backup import model
from tests.backup.entries import ONE, TWO, Log
from tests.backup.oplog.test_fold_histories import history_of

Client = MongoClient[dict[str, Any]]


QUIET: dict[str, Any] = {"progress": lambda done, total, unit: None, "cancelled": lambda: False}


def _ts(raw: bytes) -> Timestamp:
    ts = decode(raw)["ts"]
    assert isinstance(ts, Timestamp)
    return ts


def _folded(
    name: str, base: model.Snapshot, entries: list[bytes], until: Timestamp, memory: int = 1 << 30
) -> tuple[CollectionPlan, ...]:
    return fold(
        entries, database=name, base=base.collections, until=until, consistent_from=base.until, memory_bytes=memory
    )


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 32), steps=st.integers(6, 24), data=st.data())
def test_net_entries_lead_where_the_whole_oplog_leads(
    mongo_client: Client, seed: int, steps: int, data: st.DataObject
) -> None:
    name, history, entries = history_of(mongo_client, seed, steps)
    at = data.draw(st.integers(0, steps - 2), label="base")
    cut = data.draw(st.integers(at + 1, steps), label="differential")
    memory = data.draw(st.sampled_from([0, 1 << 30]), label="memory")
    base, moment = history[at], history[cut]
    since = [raw for raw in entries if base.until <= _ts(raw)]
    before = [raw for raw in since if _ts(raw) < moment.until]
    after = [raw for raw in since if _ts(raw) >= moment.until]
    if not before:
        return
    end = _ts(before[-1])

    plans = _folded(name, base, before, moment.until, memory)
    net = list(
        net_entries(
            name, base.collections, plans, consistent_from=base.until, end=end, wall=model_time()
        )
    )  # fmt: skip

    assert model.described(_folded(name, base, net, moment.until), base.documents) == moment.described()
    for later in history[cut:]:
        again = _folded(name, base, [*net, *after], later.until, memory)
        assert model.described(again, base.documents) == later.described()


def test_entries_are_as_few_as_can_be() -> None:
    """A million updates of one document are its last ones; what was born and died is nothing but a delete."""
    uuid_ = bytes(range(16))
    base = [BaseCollection("c", uuid_, {}, ({"key": {"_id": 1}, "name": "_id_"},))]
    entries = []
    for number in range(1, 50):
        entries.append(_entry(number, "u", {"$v": 2, "diff": {"u": {"n": number}}}, uuid_, o2={"_id": 1}))
    entries.append(_entry(50, "i", {"_id": 2}, uuid_))
    entries.append(_entry(51, "d", {"_id": 2}, uuid_))
    entries.append(_entry(52, "u", {"_id": 1, "whole": True}, uuid_, o2={"_id": 1}))
    plans = fold(entries, database="db", base=base, until=Timestamp(9, 60), consistent_from=Timestamp(9, 0))

    net = [parse(raw) for raw in net_entries(
        "db", base, plans, consistent_from=Timestamp(9, 0), end=Timestamp(9, 52), wall=model_time()
    )]  # fmt: skip

    found = sorted((entry.op, decode(entry.o)["_id"], len(decode(entry.o))) for entry in net)
    assert found == [("d", 2, 1), ("u", 1, 2)]


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 1 << 32), data=st.data())
def test_a_differential_of_a_differential_leads_there_too(mongo_client: Client, seed: int, data: st.DataObject) -> None:
    steps = 18
    name, history, entries = history_of(mongo_client, seed, steps)
    at = data.draw(st.integers(0, 6), label="base")
    cuts = data.draw(st.lists(st.integers(at + 1, steps), min_size=2, max_size=3).map(sorted), label="differentials")
    base = history[at]
    read, net = base.until, list[bytes]()
    for cut in cuts:
        until = history[cut].until
        between = [raw for raw in entries if read <= _ts(raw) < until]
        if not between:
            continue
        plans = _folded(name, base, [*net, *between], until)
        net = list(
            net_entries(
                name, base.collections, plans, consistent_from=base.until, end=_ts(between[-1]), wall=model_time()
            )
        )
        read = until
        assert [summary(plan) for plan in _folded(name, base, net, until)] == [summary(plan) for plan in plans]
    for later in history[cuts[-1] :]:
        after = [raw for raw in entries if read <= _ts(raw)]
        again = _folded(name, base, [*net, *after], later.until)
        assert model.described(again, base.documents) == later.described()


def test_names_that_change_places_and_collections_that_return() -> None:
    one, two, three = (bytes([number]) * 16 for number in (1, 2, 3))
    index: Any = ({"key": {"_id": 1}, "name": "_id_"},)
    base = [BaseCollection(name, own, {}, index) for name, own in (("a", one), ("b", two), ("c", three))]

    def rename(number: int, source: str, target: str, own: bytes) -> bytes:
        o = {"renameCollection": f"db.{source}", "to": f"db.{target}"}
        return encode({"op": "c", "ns": "db.$cmd", "ui": Binary(own, 4), "o": o, "ts": Timestamp(9, number)})

    entries = [
        rename(1, "a", "x", one), rename(2, "b", "a", two), rename(3, "x", "b", one),
        encode({"op": "c", "ns": "db.$cmd", "ui": Binary(three, 4), "o": {"drop": "c"}, "ts": Timestamp(9, 4)}),
        encode({"op": "c", "ns": "db.$cmd", "ui": Binary(b"4" * 16, 4), "o": {"create": "c", "capped": True, "size": 9},
                "ts": Timestamp(9, 5)}),
    ]  # fmt: skip
    until, since = Timestamp(9, 9), Timestamp(9, 0)
    plans = fold(entries, database="db", base=base, until=until, consistent_from=since)
    net = list(net_entries("db", base, plans, consistent_from=since, end=Timestamp(9, 5), wall=model_time()))

    again = fold(net, database="db", base=base, until=until, consistent_from=since)

    assert [(plan.name, plan.origin, dict(plan.options)) for plan in again] == [
        ("a", "b", {}), ("b", "a", {}), ("c", None, {"capped": True, "size": 9}),
    ]  # fmt: skip


def test_odd_collections_lead_where_they_led() -> None:
    """As real servers write them: time series, clustered, capped, views, and an old collection that became capped."""
    log = Log()
    old = BaseCollection("old", ONE, {}, ({"key": {"_id": 1}, "name": "_id_"}, {"key": {"a": 1}, "name": "a_1"}))
    series = {"timeField": "t", "metaField": "m"}
    log.add("c", "db.$cmd", {"create": "system.buckets.ts", "clusteredIndex": True, "timeseries": series}, ui=TWO)
    log.add("i", "db.system.buckets.ts", {"_id": 1, "data": {}}, ui=TWO)
    key = {"meta": 1, "control.min.t": 1, "control.max.t": 1}
    log.add("c", "db.$cmd", {"createIndexes": "system.buckets.ts", "v": 2, "key": key, "name": "x"}, ui=TWO)
    index = {"v": 2, "key": {"_id": 1}, "name": "by id", "unique": True}
    log.add("c", "db.$cmd", {"create": "clustered", "clusteredIndex": index}, ui=b"3" * 16)
    log.add("c", "db.$cmd", {"create": "log", "capped": True, "size": 4096, "max": 9}, ui=b"4" * 16)
    log.add("i", "db.log", {"_id": 2}, ui=b"4" * 16)
    log.add("i", "db.log", {"_id": 1}, ui=b"4" * 16)
    log.add("i", "db.system.views", {"_id": "db.seen", "viewOn": "old", "pipeline": [{"$match": {}}]}, ui=b"5" * 16)
    log.add("c", "db.$cmd", {"convertToCapped": "old", "size": 4096}, ui=ONE)
    log.add("c", "db.$cmd", {"collMod": "old", "cappedMax": 7}, ui=ONE)
    log.add("c", "db.$cmd", {"createIndexes": "old", "v": 2, "key": {"b": 1}, "name": "b_1", "hidden": True}, ui=ONE)
    end, until = Timestamp(100, len(log.entries)), Timestamp(100, 99)
    since = Timestamp(100, 0)
    plans = fold(log.entries, database="db", base=[old], until=until, consistent_from=since)
    net = list(net_entries("db", [old], plans, consistent_from=since, end=end, wall=model_time()))

    again = fold(net, database="db", base=[old], until=until, consistent_from=since)

    assert [summary(plan) for plan in again] == [summary(plan) for plan in plans]
    assert [plan.name for plan in again] == ["clustered", "log", "old", "seen", "ts"]
    born = [decode(raw)["_id"] for raw in again[1].changes.born()]
    assert born == [2, 1], "a capped collection keeps its order"
    inserted = [raw for raw in net if parse(raw).op == "i"]
    moved = [*(raw for raw in net if parse(raw).op != "i"), *reversed(inserted)]
    other = fold(moved, database="db", base=[old], until=until, consistent_from=since)
    assert [one.name for one, two in zip(again, other, strict=True) if summary(one) != summary(two)] == ["log"]


def _entry(number: int, op: str, o: dict[str, Any], uuid_: bytes, **more: Any) -> bytes:
    return encode({"op": op, "ns": "db.c", "ui": Binary(uuid_, 4), "o": o, "ts": Timestamp(9, number), "v": 2, **more})


def model_time() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 11, 1, tzinfo=UTC)


def test_the_oplog_of_a_dump_that_was_read_slowly_may_miss_documents(mongo_client: Client) -> None:
    """An update of a document that was deleted before the dump came to it is legal, in a differential too."""
    uuid_ = bytes(range(16))
    base = [BaseCollection("c", uuid_, {}, ({"key": {"_id": 1}, "name": "_id_"},))]
    entries = [
        _entry(1, "u", {"$v": 2, "diff": {"u": {"n": 1}}}, uuid_, o2={"_id": 1}),
        _entry(9, "u", {"$v": 2, "diff": {"u": {"n": 2}}}, uuid_, o2={"_id": 2}),
    ]
    end, until = Timestamp(9, 5), Timestamp(9, 20)
    plans = fold(entries, database="db", base=base, until=until, consistent_from=end)
    net = list(net_entries("db", base, plans, consistent_from=end, end=Timestamp(9, 9), wall=model_time()))

    (plan,) = fold(net, database="db", base=base, until=until, consistent_from=end)

    assert plan.changes.apply(encode({"_id": 2})) == encode({"_id": 2, "n": 2})
    assert list(plan.changes.born()) == []
