"""Differentials: what they fold to is what the whole oplog folds to, for any history and from any base."""

import random
import time
import uuid
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Timestamp, decode, encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from drx.backup.catalog import list_differentials, list_slices, slice_keys
from drx.backup.differential import summary, take_differential
from drx.backup.documents import split
from drx.backup.dump import base_backup
from drx.backup.entry import parse
from drx.backup.fold import BaseCollection, CollectionPlan, fold
from drx.backup.manifest import Manifest, SliceManifest, to_json
from drx.backup.members import compress, read_member
from drx.backup.moments import until_after
from drx.backup.net import net_entries
from drx.backup.restore import restore
from drx.backup.slices import best_chain, read_chain, take_slice
from drx.backup.stores.base import Store
from drx.errors import DamagedError, PermanentError
from tests.backup import model
from tests.backup.pieces import DATABASE, SERVICE, put_base
from tests.backup.test_fold import ONE, TWO, Log, history_of

Client = MongoClient[dict[str, Any]]
QUIET: dict[str, Any] = {"progress": lambda done, total, unit: None, "cancelled": lambda: False}


pytestmark = pytest.mark.usefixtures("impatience")


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


def model_time() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 11, 1, tzinfo=UTC)


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


def _entry(number: int, op: str, o: dict[str, Any], uuid_: bytes, **more: Any) -> bytes:
    return encode({"op": op, "ns": "db.c", "ui": Binary(uuid_, 4), "o": o, "ts": Timestamp(9, number), "v": 2, **more})


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


def _back_up(client: Client, name: str, store: Store) -> Manifest:
    return base_backup(client, name, store, "svc", backup_id="b1", **QUIET)


def _restored(client: Client, store: Store, manifest: Manifest, until: Timestamp, into: str) -> dict[str, object]:
    base = [
        BaseCollection(found.name, found.uuid, found.options, found.indexes, found.type)
        for found in manifest.collections
    ]
    entries = read_chain(store, "svc", manifest, until, differentials=list_differentials(store, "svc"))
    plans = fold(entries, database=manifest.database, base=base, until=until, consistent_from=manifest.end)
    restore(client, store, manifest, into=into, plan=plans, **QUIET)
    return model.snapshot(client, into).described()


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_differential_stands_for_the_slices_before_it(
    mongo_client: Client, store: Store, into: str, seed: int
) -> None:
    name, choose = f"history_{uuid.uuid4().hex[:10]}", random.Random(seed)
    try:
        model.run(mongo_client, name, choose, 12)
        manifest = _back_up(mongo_client, name, store)
        model.run(mongo_client, name, choose, 15)
        first = take_slice(mongo_client, name, store, "svc", after=manifest.end)
        assert first
        taken = take_differential(store, "svc", manifest, backup_id="d1", check=lambda: None)
        history = model.run(mongo_client, name, choose, 10)
        second = take_slice(mongo_client, name, store, "svc", after=first.end)
        assert second
        assert (taken.parent, taken.end) == ("b1", first.end)
        for key in slice_keys("svc", first.start, first.end):
            store.delete(key)

        later = [moment for moment in history if taken.end < moment.until <= second.end]
        for number, moment in enumerate([choose.choice(later), later[-1]]):
            target = f"{into}_{number}"
            try:
                assert _restored(mongo_client, store, manifest, moment.until, target) == moment.described()
            finally:
                mongo_client.drop_database(target)
        with pytest.raises(PermanentError, match="the archived oplog"):
            read_chain(store, "svc", manifest, taken.end, differentials=[taken])
    finally:
        mongo_client.drop_database(name)


def test_what_lies_in_the_store_is_an_ordinary_oplog(mongo_client: Client, store: Store) -> None:
    name = f"history_{uuid.uuid4().hex[:10]}"
    try:
        mongo_client[name].c.insert_many([{"_id": number} for number in range(5)])
        manifest = _back_up(mongo_client, name, store)
        mongo_client[name].c.update_many({}, {"$set": {"n": 1}})
        mongo_client[name].c.insert_one({"_id": "new"})
        mongo_client[name].c.create_index("n")
        assert take_slice(mongo_client, name, store, "svc", after=manifest.end)
        taken = take_differential(store, "svc", manifest, backup_id="d1", check=lambda: None)
        file = taken.file("oplog.bson")
        entries = [raw for member in file.members for raw in read_member(store, taken.prefix + file.path, member)]
        kinds = [(parse(raw).op, parse(raw).namespace) for raw in entries]
        assert kinds[0] == ("c", f"{name}.$cmd")
        assert set(kinds[1:]) == {("u", f"{name}.c"), ("i", f"{name}.c")}
        assert len(kinds) == 1 + 5 + 1
        assert {_ts(raw) for raw in entries} == {taken.end}
        assert split(b"".join(entries)) == entries
    finally:
        mongo_client.drop_database(name)


def test_a_quiet_time_makes_an_empty_differential(mongo_client: Client, store: Store) -> None:
    name, other = (f"history_{uuid.uuid4().hex[:10]}" for _ in range(2))
    mongo_client[name].c.insert_one({"_id": 1})
    manifest = _back_up(mongo_client, name, store)
    mongo_client[other].c.insert_one({"_id": 1})
    assert take_slice(mongo_client, name, store, "svc", after=manifest.end)
    mongo_client.drop_database(name)
    mongo_client.drop_database(other)

    taken = take_differential(store, "svc", manifest, backup_id="d1", check=lambda: None)

    entries = list(read_chain(store, "svc", manifest, until_after(taken.end), differentials=[taken]))
    assert len(entries) == taken.oplog_entries <= 1
    assert taken.end > manifest.end


def test_nothing_archived_is_no_differential(mongo_client: Client, store: Store) -> None:
    name = f"history_{uuid.uuid4().hex[:10]}"
    mongo_client[name].c.insert_one({"_id": 1})
    manifest = _back_up(mongo_client, name, store)
    mongo_client.drop_database(name)

    with pytest.raises(PermanentError, match="Take a slice first"):
        take_differential(store, "svc", manifest, backup_id="d1", check=lambda: None)


def test_an_interrupted_differential_does_not_count(mongo_client: Client, store: Store) -> None:
    name = f"history_{uuid.uuid4().hex[:10]}"
    mongo_client[name].c.insert_one({"_id": 1})
    manifest = _back_up(mongo_client, name, store)
    mongo_client[name].c.insert_many([{"_id": f"n{number}"} for number in range(100)])
    assert take_slice(mongo_client, name, store, "svc", after=manifest.end)
    mongo_client.drop_database(name)
    calls = iter(range(100))

    def interrupt() -> None:
        if next(calls) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_differential(store, "svc", manifest, backup_id="d1", check=interrupt)

    assert list_differentials(store, "svc") == ()
    taken = take_differential(store, "svc", manifest, backup_id="d1", check=lambda: None)
    assert list_differentials(store, "svc") == (taken,)


def test_the_shortest_whole_way_is_chosen(mongo_client: Client, store: Store) -> None:
    name = f"history_{uuid.uuid4().hex[:10]}"
    database = mongo_client[name]
    database.c.insert_one({"_id": 0})
    manifest = _back_up(mongo_client, name, store)
    taken = []
    after = manifest.end
    for number in range(1, 4):
        database.c.insert_one({"_id": number})
        time.sleep(0.05)
        piece = take_slice(mongo_client, name, store, "svc", after=after)
        assert piece
        after = piece.end
        taken.append(take_differential(store, "svc", manifest, backup_id=f"d{number}", check=lambda: None))
    mongo_client.drop_database(name)
    slices = list_slices(store, "svc")

    assert best_chain(manifest, slices, taken, until_after(after)).differential == taken[2]
    assert best_chain(manifest, slices, taken, taken[2].end).differential == taken[1]
    assert best_chain(manifest, slices, taken, until_after(manifest.end)).differential is None
    assert best_chain(manifest, slices[2:], taken, until_after(after)).differential == taken[2]
    assert best_chain(manifest, (), taken, None).end == after
    assert best_chain(manifest, (), taken[:1], until_after(after)).end == taken[0].end


def test_a_damaged_differential_is_named(mongo_client: Client, store: Store, tmp_path: Path) -> None:
    name = f"history_{uuid.uuid4().hex[:10]}"
    mongo_client[name].c.insert_one({"_id": 1})
    manifest = _back_up(mongo_client, name, store)
    mongo_client[name].c.insert_one({"_id": 2})
    assert take_slice(mongo_client, name, store, "svc", after=manifest.end)
    mongo_client.drop_database(name)
    taken = take_differential(store, "svc", manifest, backup_id="d1", check=lambda: None)
    path = tmp_path / "store" / taken.prefix / "oplog.bson"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))

    with pytest.raises(DamagedError, match=r"diff/d1/oplog\.bson"):
        list(read_chain(store, "svc", manifest, until_after(taken.end), differentials=[taken]))


def test_a_transaction_that_is_not_over_goes_on_after_differentials(store: Store) -> None:
    """Its beginning is kept as it came, from one differential to the next; fields of documents decide nothing."""
    base = put_base(store, "b1", 99, {})

    def part(at: int, who: bytes, before: Timestamp, number: int, **more: object) -> dict[str, Any]:
        inserted = {"op": "i", "ns": f"{DATABASE}.c", "o": {"_id": number, "partialTxn": True}}
        return {
            "op": "c", "ns": "admin.$cmd", "o": {"applyOps": [inserted], **more}, "ts": Timestamp(at, 1),
            "lsid": {"id": Binary(who, 4)}, "txnNumber": 7, "prevOpTime": {"ts": before, "t": 1},
        }  # fmt: skip

    begun, none = part(101, ONE, Timestamp(0, 0), 1, partialTxn=True), Timestamp(0, 0)
    _put_entries(store, 99, 103, begun, part(102, TWO, none, 2))
    first = take_differential(store, SERVICE, base, backup_id="d1", check=lambda: None)
    _put_entries(store, 103, 104)
    second = take_differential(store, SERVICE, base, backup_id="d2", check=lambda: None)
    _put_entries(store, 104, 105, part(105, ONE, Timestamp(101, 1), 3))
    until = Timestamp(106, 0)

    assert first.oplog_entries == second.oplog_entries == 3, "the beginning, a collection, a document"
    entries = read_chain(store, SERVICE, base, until_after(Timestamp(105, 1)), differentials=[second])
    (plan,) = fold(entries, database=DATABASE, base=[], until=until, consistent_from=base.end)
    assert [decode(raw)["_id"] for raw in plan.changes.born()] == [2, 1, 3]


def _put_entries(store: Store, start: int, end: int, *entries: dict[str, Any]) -> None:
    data = compress(b"".join(map(encode, entries)))
    begin, finish = Timestamp(start, 1), Timestamp(end, 1)
    key, manifest_key = slice_keys(SERVICE, begin, finish)
    store.put(key, data)
    manifest = SliceManifest(SERVICE, DATABASE, begin, finish, len(entries), len(data), sha256(data).hexdigest())
    store.put(manifest_key, to_json(manifest))


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
