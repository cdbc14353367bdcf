"""Slices of oplog in a store: contiguous, checked, and enough to restore any moment they cover."""

import random
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Timestamp, encode
from hypothesis import given
from hypothesis import strategies as st
from pymongo import MongoClient
from pymongo.database import Database

from drx.backup.dump import base_backup
from drx.backup.format.catalog import list_slices, slice_keys
from drx.backup.format.manifest import Manifest, SliceManifest, from_json, to_json
from drx.backup.format.members import compress
from drx.backup.oplog import slices
from drx.backup.oplog.capture import newest_position
from drx.backup.oplog.entry import parse
from drx.backup.oplog.fold import BaseCollection, fold
from drx.backup.oplog.moments import until_after
from drx.backup.oplog.slices import find_chain, next_start, read_chain, take_slice
from drx.backup.restore import restore
from drx.backup.stores.base import Store
from drx.errors import StepError, StoreError
from tests import servers
from tests.backup import model

Client = MongoClient[dict[str, Any]]
Db = Database[dict[str, Any]]
QUIET: dict[str, Any] = {"progress": lambda done, total, unit: None, "cancelled": lambda: False}


pytestmark = pytest.mark.usefixtures("impatience")


def back_up(database: Db, store: Store) -> Manifest:
    return base_backup(database.client, database.name, store, "svc", backup_id="b1", **QUIET)


def cut(database: Db, store: Store, after: Timestamp) -> SliceManifest:
    manifest = take_slice(database.client, database.name, store, "svc", after=after)
    assert manifest
    return manifest


def restore_to(database: Db, store: Store, manifest: Manifest, until: Timestamp, into: str) -> None:
    base = [
        BaseCollection(found.name, found.uuid, found.options, found.indexes, found.type)
        for found in manifest.collections
    ]
    plan = fold(
        read_chain(store, "svc", manifest, until),
        database=database.name, base=base, until=until, consistent_from=manifest.end,
    )  # fmt: skip
    restore(database.client, store, manifest, into=into, plan=plan, **QUIET)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_random_history_comes_back_from_the_store(database: Db, store: Store, into: str, seed: int) -> None:
    client, choose = database.client, random.Random(seed)
    model.run(client, database.name, choose, 15)
    manifest = back_up(database, store)
    history = [*model.run(client, database.name, choose, 15)]
    first = cut(database, store, manifest.end)
    history += model.run(client, database.name, choose, 15)
    second = cut(database, store, first.end)
    assert manifest.end < first.end < second.end
    moment = choose.choice(history)
    restore_to(database, store, manifest, moment.until, into)
    restored = model.snapshot(client, into)
    assert restored.described() == moment.described()


def test_writes_while_the_base_is_taken_come_back(database: Db, store: Store, into: str) -> None:
    client = database.client
    database.c.insert_many([{"_id": number, "n": 0, "text": "x" * 200} for number in range(3000)])
    stop = threading.Event()

    def write() -> None:
        choose = random.Random(5)
        while not stop.is_set():
            database.c.update_one({"_id": choose.randrange(3000)}, {"$inc": {"n": 1}})
            database.c.delete_one({"_id": choose.randrange(3000)})
            database.c.insert_one({"n": choose.randrange(9)})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        manifest = back_up(database, store)
    finally:
        stop.set()
        writer.join()
    assert manifest.oplog_entries > 3
    piece = cut(database, store, manifest.end)
    expected = model.snapshot(client, database.name)
    database.c.drop()
    restore_to(database, store, manifest, until_after(piece.end), into)
    assert model.snapshot(client, into).described() == expected.described()


@pytest.mark.slow
def test_entries_are_given_once_each_although_slices_overlap(database: Db, store: Store) -> None:
    database.c.insert_one({"_id": "first"})
    manifest = back_up(database, store)
    session = database.client.start_session()
    with session, session.start_transaction():
        for number in range(5):
            database.c.insert_one({"_id": number}, session=session)
    first = cut(database, store, manifest.start)
    database.c.insert_one({"_id": "last"})
    second = cut(database, store, manifest.end)
    assert second.start < first.end < second.end
    entries = [parse(raw) for raw in read_chain(store, "svc", manifest, until_after(second.end))]
    inserted = [entry.o for entry in entries if entry.op == "i"]
    assert inserted == [encode({"_id": name}) for name in ["first", 0, 1, 2, 3, 4, "last"]]
    assert len({entry.position for entry in entries[1:6]}) == 1  # a transaction shares one timestamp
    up_to_first = list(read_chain(store, "svc", manifest, first.end))
    assert len(up_to_first) == len(entries) - 1


def test_nothing_new_is_no_slice_and_a_quiet_time_is_covered_all_the_same(database: Db, store: Store) -> None:
    database.c.insert_one({})
    manifest = back_up(database, store)
    assert take_slice(database.client, database.name, store, "svc", after=Timestamp(int(time.time()) + 60, 1)) is None
    assert list_slices(store, "svc") == ()
    piece = cut(database, store, manifest.end)
    assert piece.entries == 0
    assert find_chain(manifest, [piece]).end == piece.end
    assert list_slices(store, "svc") == (piece,)


@pytest.mark.parametrize("harm", ["flip", "cut", "swap", "missing"])
def test_a_damaged_slice_is_named_before_anything_is_restored(
    database: Db, store: Store, tmp_path: Path, harm: str
) -> None:
    manifest = back_up(database, store)
    database.c.insert_many([{"_id": number, "text": uuid.uuid4().hex} for number in range(500)])
    piece = cut(database, store, manifest.end)
    key, _ = slice_keys("svc", piece.start, piece.end)
    path = tmp_path / "store" / key
    content = bytearray(path.read_bytes())
    match harm:
        case "flip":
            content[len(content) // 2] ^= 1
        case "cut":
            del content[-9:]
        case "swap":
            content = bytearray(compress(b""))
    path.write_bytes(content)
    if harm == "missing":
        path.unlink()
    with pytest.raises(StoreError, match=key):
        list(read_chain(store, "svc", manifest, piece.end))


@pytest.mark.slow
def test_a_deleted_slice_is_a_gap_that_is_named(database: Db, store: Store) -> None:
    manifest = back_up(database, store)
    ends = [manifest.end]
    for _ in range(3):
        database.c.insert_one({})
        ends.append(cut(database, store, ends[-1]).end)
    for key in slice_keys("svc", ends[1], ends[2]):
        store.delete(key)
    assert list(read_chain(store, "svc", manifest, ends[1]))
    with pytest.raises(StepError, match="no slice holds the oplog between") as caught:
        read_chain(store, "svc", manifest, until_after(ends[3]))
    assert "ends at" in str(caught.value)
    with pytest.raises(StepError, match="ends at"):
        read_chain(store, "svc", manifest, Timestamp(ends[3].time + 100, 0))
    with pytest.raises(StepError, match="Choose an earlier base"):
        read_chain(store, "svc", manifest, manifest.end)


@pytest.mark.slow
def test_an_oplog_that_rolled_over_leaves_a_slice_that_says_so(tmp_path: Path, store: Store) -> None:
    with servers.mongo(tmp_path / "short", "--oplog-max-entries", "300") as uri, Client(uri) as client:
        after = newest_position(client)
        for _ in range(20):
            client.db.c.insert_many([{} for _ in range(100)])
        piece = cut(client["db"], store, after)
    assert piece.start > after
    assert piece.gap
    assert "rolled over" in piece.gap
    assert 0 < piece.entries < 2000


_moments = st.integers(1, 40)


@given(st.lists(st.tuples(_moments, _moments), max_size=8), _moments)
def test_a_chain_reaches_exactly_as_far_as_slices_touch(spans: list[tuple[int, int]], end: int) -> None:
    pieces = [SliceManifest("svc", "db", Timestamp(min(span), 1), Timestamp(max(span), 1), 0, 0, "") for span in spans]
    covered, grew = end, True
    while grew:
        grew = False
        for low, high in [(min(span), max(span)) for span in spans]:
            if low <= covered < high:
                covered, grew = high, True
    chain = find_chain(_manifest(end), pieces)
    assert chain.end == Timestamp(covered, 1)
    assert bool(chain.gap) == any(max(span) > covered for span in spans)


def test_the_next_slice_begins_where_the_newest_ends_whatever_bases_were_taken_since() -> None:
    piece = SliceManifest("svc", "db", Timestamp(5, 1), Timestamp(9, 1), 0, 0, "")
    assert next_start([_manifest(5), _manifest(20)], [piece]) == Timestamp(9, 1)
    assert next_start([_manifest(20), _manifest(5)], []) == Timestamp(5, 1)
    assert next_start([], []) is None


def test_slices_of_another_database_do_not_continue_a_chain() -> None:
    piece = SliceManifest("svc", "other", Timestamp(1, 1), Timestamp(9, 1), 0, 0, "")
    assert find_chain(_manifest(5), [piece]).slices == ()


def test_slices_of_another_server_do_not_continue_a_chain_and_are_passed_over() -> None:
    def piece(start: int, end: int, server: str | None) -> SliceManifest:
        return SliceManifest("svc", "db", Timestamp(start, 1), Timestamp(end, 1), 0, 0, "", server=server)

    pieces = [piece(5, 9, "a"), piece(7, 12, "b"), piece(9, 11, "a"), piece(12, 20, "b")]
    for own in ("a", None):  # an old base does not say whose it is: its first slice does
        chain = find_chain(_manifest(5, own), pieces)
        assert chain.end == Timestamp(11, 1)
        assert chain.gap
        assert "another server's oplog" in chain.gap
    assert find_chain(_manifest(8, "b"), pieces).end == Timestamp(20, 1)


def _manifest(end: int, server: str | None = None) -> Manifest:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    manifest = Manifest(
        "b", "full", "svc", "db", "8", "0", Timestamp(1, 1), Timestamp(end, 1), at, at, (), (), server=server
    )  # fmt: skip
    assert from_json(Manifest, to_json(manifest), "m") == manifest
    return manifest


def test_members_come_out_one_at_a_time_however_the_stream_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = b"".join(compress(encode({"n": number})) for number in range(50))
    for size in (1, 7, 64, len(packed)):
        pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
        assert list(slices._members(pieces)) == [encode({"n": number}) for number in range(50)]
    with pytest.raises(EOFError):
        list(slices._members([packed[:-3]]))
    monkeypatch.setattr(slices, "LARGEST_MEMBER", 10)
    with pytest.raises(EOFError, match="holds more than 10 bytes"):
        list(slices._members([packed]))
