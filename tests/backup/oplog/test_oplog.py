"""Reading the live oplog: nothing missed, nothing of other databases, and a clear end."""

import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import Timestamp, decode, encode
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from drx.backup.dump import base_backup
from drx.backup.format.documents import split
from drx.backup.oplog import capture as capture_module
from drx.backup.oplog.capture import (
    Capture,
    RolledOver,
    concerns,
    newest_position,
    oldest_position,
    read_oplog,
    start_position,
)
from drx.backup.oplog.entry import parse
from drx.backup.stores.base import Store
from drx.errors import StepError
from tests import servers
from tests.backup.databases import QUIET

Client = MongoClient[dict[str, Any]]
Sink = list[bytes]


def captured_ids(sink: Sink) -> list[Any]:
    entries = [decode(raw) for batch in sink for raw in split(batch)]
    return [entry["o"]["_id"] for entry in entries if entry["op"] == "i"]


@pytest.fixture
def own_oplog(tmp_path: Path) -> Iterator[Client]:
    """A server whose oplog is all one's own, and short."""
    with servers.mongo(tmp_path, "--oplog-max-entries", "300") as uri, Client(uri) as client:
        yield client


@pytest.mark.slow
def test_concurrent_writes_are_all_captured_once_and_in_order(database: Database[dict[str, Any]]) -> None:
    client = database.client
    sink: Sink = []
    capture = Capture(client, database.name, start_position(client), sink.append)
    capture.begin()
    foreign = client[f"other_{uuid.uuid4().hex[:8]}"]

    def write(number: int) -> None:
        for index in range(40):
            database.c.insert_one({"_id": f"{number}.{index}"})
            foreign.c.insert_one({"_id": index + 1000 * number})

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    captured = capture.finish()
    client.drop_database(foreign)
    found = captured_ids(sink)
    assert sorted(found) == sorted(f"{number}.{index}" for number in range(4) for index in range(40))
    positions = [parse(raw).position for batch in sink for raw in split(batch)]
    assert positions == sorted(positions)
    assert captured.entries == len(positions)
    assert captured.disturbed == ()


@pytest.mark.slow
def test_a_capture_ends_soon_on_a_busy_server_and_on_an_idle_one(database: Database[dict[str, Any]]) -> None:
    client = database.client
    database.c.insert_one({"_id": "before"})
    start = start_position(client)
    database.c.insert_one({"_id": 1})
    sink: Sink = []
    capture = Capture(client, database.name, start, sink.append)
    capture.begin()
    began = time.monotonic()
    captured = capture.finish()
    assert 0.9 < time.monotonic() - began < 30
    assert captured_ids(sink) == ["before", 1]
    stop = threading.Event()

    def keep_writing() -> None:
        while not stop.wait(0.02):
            database.d.insert_one({})

    writer = threading.Thread(target=keep_writing)
    writer.start()
    began = time.monotonic()
    entries = list(read_oplog(client, database.name, captured.end))
    took = time.monotonic() - began
    stop.set()
    writer.join()
    assert 0.9 < took < 60, "it waits for writes to settle, and not for writers to stop"
    assert all(parse(raw).namespace == f"{database.name}.d" for raw in entries)


@pytest.mark.slow
def test_a_write_between_the_end_and_the_last_read_is_not_lost(database: Database[dict[str, Any]]) -> None:
    client = database.client
    sink: Sink = []
    capture = Capture(client, database.name, start_position(client), sink.append)
    capture.begin()
    database.c.insert_many([{"_id": number} for number in range(500)])
    end = newest_position(client)
    database.c.insert_one({"_id": "too late"})
    assert capture.finish(end).end == end
    assert captured_ids(sink) == list(range(500))


def test_renames_are_reported_so_that_a_dump_starts_over(database: Database[dict[str, Any]]) -> None:
    database.c.insert_one({})
    database.c.rename("b")
    capture = Capture(database.client, database.name, start_position(database.client), lambda _: None)
    capture.begin()
    database.b.rename("a")
    (disturbed,) = capture.finish().disturbed
    assert disturbed.startswith(f"renameCollection in {database.name} at ")


def test_an_oplog_that_rolled_over_is_said(own_oplog: Client) -> None:
    start = start_position(own_oplog)
    for _ in range(8):
        own_oplog.db.c.insert_many([{} for _ in range(100)])
    deadline = time.monotonic() + 20
    while oldest_position(own_oplog) <= start:
        assert time.monotonic() < deadline, "the server keeps more of its oplog than it was told to"
        own_oplog.db.c.insert_many([{} for _ in range(100)])
    capture = Capture(own_oplog, "db", start, lambda _: None)
    capture.begin()
    with pytest.raises(RolledOver, match=f"no longer reaches back to {start.time}.{start.inc}"):
        capture.finish()
    with pytest.raises(RolledOver):
        list(read_oplog(own_oplog, "db", start))


@pytest.mark.slow
def test_a_server_that_dies_is_an_error_at_the_end_not_a_hang(tmp_path: Path) -> None:
    with servers.mongo(tmp_path) as uri, Client(uri, serverSelectionTimeoutMS=500) as client:
        client.db.c.insert_one({})
        capture = Capture(client, "db", start_position(client), lambda _: None)
        capture.begin()
        end = newest_position(client)
        time.sleep(0.3)
    with pytest.raises(StepError, match="reading the oplog failed"):
        capture.finish(Timestamp(end.time, end.inc + 1))


@pytest.mark.slow
def test_a_sink_that_fails_fails_the_capture(database: Database[dict[str, Any]]) -> None:
    def sink(data: bytes) -> None:
        raise StepError(f"no room for {len(data)} bytes")

    capture = Capture(database.client, database.name, start_position(database.client), sink)
    capture.begin()
    database.c.insert_one({})
    with pytest.raises(StepError, match="no room"):
        capture.finish()


def test_an_abandoned_capture_ends(database: Database[dict[str, Any]]) -> None:
    capture = Capture(database.client, database.name, start_position(database.client), lambda _: None)
    capture.begin()
    capture.stop()
    assert not any(thread.name == "oplog-capture" for thread in threading.enumerate())


def test_the_member_that_names_the_end_is_the_one_that_is_read(
    database: Database[dict[str, Any]], mongo_server: str
) -> None:
    """A secondary that an address prefers may lack the newest entries: they would be in no slice."""
    if "directConnection=true" not in mongo_server:
        pytest.skip("the server that was given may have secondaries")
    uri = mongo_server.replace("directConnection=true", "readPreference=secondary&replicaSet=secantus")
    with Client(uri, serverSelectionTimeoutMS=2000) as client:
        start = start_position(client)
        database.c.insert_one({"_id": "here"})
        oldest_position(client)
        found = list(read_oplog(client, database.name, start))
    assert [decode(raw)["o"]["_id"] for raw in found if decode(raw)["op"] == "i"] == ["here"]


@pytest.mark.usefixtures("impatience")
def test_nothing_is_read_as_it_was_before_the_oplog_that_goes_with_it(
    mongo_server: str, database: Database[dict[str, Any]], store: Store
) -> None:
    """A member that has just become the primary may show an older state; it is asked for one that is new enough."""
    database.c.insert_one({"_id": 1})
    said = _Commands()
    with Client(mongo_server, event_listeners=[said]) as client:
        manifest = base_backup(client, database.name, store, "svc", backup_id="b1", **QUIET)
    documents = [find["readConcern"] for find in said.finds if find["find"] == "c" and "limit" not in find]
    assert documents == [{"level": "majority", "afterClusterTime": manifest.start}]
    oplog = [find for find in said.finds if find["find"] == "oplog.rs" and "$lte" in str(find["filter"])]
    assert oplog
    assert all(
        find["readConcern"] == {"level": "majority", "afterClusterTime": find["filter"]["ts"]["$lte"]} for find in oplog
    )
    assert oplog[-1]["filter"]["ts"]["$lte"] == manifest.end


class _Commands(CommandListener):
    """Keeps what is asked of a server."""

    def __init__(self) -> None:
        self.finds: list[dict[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name == "find":
            self.finds.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


def test_a_capture_begins_with_the_oldest_transaction_that_is_under_way(database: Database[dict[str, Any]]) -> None:
    database.c.insert_one({"_id": 1})
    newest, known = start_position(database.client), database.client.config.transactions
    states = [("prepared", 50), ("inProgress", 40), ("committed", 30), ("aborted", 20)]
    try:
        for state, second in states:
            known.insert_one({"_id": state, "state": state, "startOpTime": {"ts": Timestamp(second, 1), "t": 1}})
        known.insert_one({"_id": "retryable write"})
        assert start_position(database.client) == Timestamp(40, 1)
    finally:
        known.delete_many({})
    assert start_position(database.client) >= newest


class _Entries:
    """An oplog, as far as finding single entries goes."""

    def __init__(self, *entries: dict[str, Any]) -> None:
        self._entries = entries

    def find_one(self, query: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any] | None:
        found = [entry for entry in self._entries if not query or entry["ts"] == query["ts"]]
        return found[-1] if found else None


@pytest.mark.parametrize(("parts", "begin"), [(1, 5), (2, 5), (3, 5), (4, 8)])
def test_a_capture_begins_with_the_first_entry_of_a_transaction(
    database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, parts: int, begin: int
) -> None:
    """A majority may have a part of it; the embedded server writes none in several entries."""
    entries = [
        {"ts": Timestamp(5 + number, 1), "prevOpTime": {"ts": Timestamp(4 + number, 1) if number else Timestamp(0, 0)},
         "o": {"applyOps": [], **({"partialTxn": True} if number < 3 else {})}}
        for number in range(parts)
    ]  # fmt: skip
    monkeypatch.setattr(capture_module, "_oplog", lambda _: _Entries(*entries))
    assert start_position(database.client) == Timestamp(begin, 1)


@pytest.mark.parametrize(
    ("namespace", "o", "more", "kept"),
    [
        ("db.c", {"_id": 1}, {}, True),
        ("db2.c", {"_id": 1}, {}, False),
        ("admin.$cmd", {"applyOps": [{"op": "i", "ns": "db.c", "o": {}}]}, {}, True),
        ("admin.$cmd", {"applyOps": [{"op": "i", "ns": "db2.c", "o": {}}]}, {}, False),
        ("admin.$cmd", {"applyOps": [{"op": "i", "ns": "xdb.c", "o": {}}]}, {}, False),
        ("admin.$cmd", {"applyOps": [{"op": "i", "ns": "x.c", "o": {}}], "partialTxn": True}, {}, True),
        ("admin.$cmd", {"applyOps": [{"op": "i", "ns": "x.c", "o": {}}], "prepare": True}, {}, True),
        (
            "admin.$cmd",
            {"applyOps": [{"op": "i", "ns": "x.c", "o": {}}]},
            {"prevOpTime": {"ts": Timestamp(1, 1)}},
            True,
        ),
        ("admin.$cmd", {"commitTransaction": 1}, {}, True),
        ("admin.$cmd", {"abortTransaction": 1}, {}, True),
        ("x.$cmd", {"renameCollection": "x.c", "to": "db.c"}, {}, True),
        ("x.$cmd", {"renameCollection": "x.c", "to": "x.d"}, {}, False),
        ("x.$cmd", {"drop": "c"}, {}, False),
    ],
)
def test_what_a_replay_needs_is_kept(namespace: str, o: dict[str, Any], more: dict[str, Any], kept: bool) -> None:
    op = "c" if namespace.endswith("$cmd") else "i"
    raw = encode({"op": op, "ns": namespace, "o": o, "ts": Timestamp(1, 1), "lsid": {}, "txnNumber": 1, **more})
    assert concerns(parse(raw), "db") is kept
