"""Differentials: what they fold to is what the whole oplog folds to, for any history and from any base."""

import random
import time
import uuid
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Timestamp, decode, encode
from pymongo import MongoClient

from drx.backup.dump import base_backup
from drx.backup.format.catalog import list_differentials, list_slices, slice_keys
from drx.backup.format.documents import split
from drx.backup.format.manifest import Manifest, SliceManifest, to_json
from drx.backup.format.members import LARGEST_MEMBER, compress, read_member
from drx.backup.oplog.differential import take_differential
from drx.backup.oplog.entry import parse, position_in, timestamp_of
from drx.backup.oplog.fold import BaseCollection, fold
from drx.backup.oplog.moments import until_after
from drx.backup.oplog.slices import best_chain, read_chain, take_slice
from drx.backup.restore import restore
from drx.backup.stores.base import Store
from drx.errors import DamagedError, PermanentError
from tests.backup import model
from tests.backup.entries import ONE, TWO
from tests.backup.pieces import DATABASE, SERVICE, put_base

Client = MongoClient[dict[str, Any]]


QUIET: dict[str, Any] = {"progress": lambda done, total, unit: None, "cancelled": lambda: False}


pytestmark = pytest.mark.usefixtures("impatience")


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


@pytest.mark.slow
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
        assert {timestamp_of(position_in(raw)) for raw in entries} == {taken.end}
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


def test_documents_of_a_megabyte_lie_in_members_that_can_be_read(store: Store) -> None:
    base = put_base(store, "b1", 99, {})
    for number in range(3):
        written = ({"_id": 40 * number + more, "x": b"x" * (1 << 20)} for more in range(40))
        entries = ({"op": "i", "ns": f"{DATABASE}.c", "o": each, "ts": Timestamp(99 + number, 2)} for each in written)
        _put_entries(store, 99 + number, 100 + number, *entries)
    taken = take_differential(store, SERVICE, base, backup_id="d1", check=lambda: None)
    (file,) = taken.files
    assert max(member.digest.size_bytes for member in file.members) < LARGEST_MEMBER / 2
    assert sum(member.digest.count for member in file.members) == taken.oplog_entries >= 120


def _put_entries(store: Store, start: int, end: int, *entries: dict[str, Any]) -> None:
    data = compress(b"".join(map(encode, entries)))
    begin, finish = Timestamp(start, 1), Timestamp(end, 1)
    key, manifest_key = slice_keys(SERVICE, begin, finish)
    store.put(key, data)
    manifest = SliceManifest(SERVICE, DATABASE, begin, finish, len(entries), len(data), sha256(data).hexdigest())
    store.put(manifest_key, to_json(manifest))
