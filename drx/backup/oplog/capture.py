"""Read the live oplog as it is written: one database's entries, in order, none missed. Writes nothing to the server."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from bson import Timestamp
from pymongo import MongoClient, ReadPreference
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from drx.backup.oplog.entry import Entry, first_field, parse, position_of, timestamp_of
from drx.backup.server.connection import NOT_AUTHORIZED, explain
from drx.backup.server.cursor import majority, read_raw
from drx.backup.server.topology import refuse_router
from drx.errors import StepError

Client = MongoClient[dict[str, Any]]

_SETTLED_SECONDS = 1.0
_READ_EVERY_SECONDS = 10.0  # while something else runs: an oplog holds hours, and some servers scan all of it
_BATCH = 10_000
_OPLOG = "oplog.rs"
_NEVER = Timestamp(0, 0)
_LINKS = {"ts": 1, "prevOpTime": 1, "o.partialTxn": 1}
_ROLLED_OVER = {136, 286}  # CappedPositionLost, ChangeStreamHistoryLost


class RolledOver(StepError):
    """The oplog no longer reaches back to where reading had to begin."""


@dataclass(frozen=True, slots=True)
class Captured:
    """What a capture got: every entry of the database from `start` to `end`, both inclusive.

    `disturbed` lists collections renamed or converted meanwhile: a dump that was reading them has to start over.
    """

    start: Timestamp
    end: Timestamp
    entries: int
    disturbed: tuple[str, ...] = ()


def start_position(client: Client) -> Timestamp:
    """Find where a capture must begin so that it misses nothing: the oldest open transaction, else the newest entry.

    Raises StepError when the server keeps no oplog.
    """
    with explained():
        newest = _oplog(client).find_one({}, _LINKS, sort=[("$natural", -1)])
        if newest is None:
            raise StepError(
                "the server keeps no oplog",
                "Point-in-time recovery needs a replica set; a standalone server can only be backed up as it is",
            )
        active = {"state": {"$in": ["prepared", "inProgress"]}}
        begun: list[Timestamp] = [
            item["startOpTime"]["ts"]
            for item in _primary(client, "config").transactions.find(active, {"startOpTime": 1})
            if "startOpTime" in item
        ]
        first = _beginning(client, newest)
    return min([first, *begun])


def _beginning(client: Client, newest: Mapping[str, Any]) -> Timestamp:
    """Go back to where a transaction in several entries begins: the majority may not have its last one yet."""
    entry: Mapping[str, Any] | None = newest
    first: Timestamp = newest["ts"]
    while entry and entry.get("o", {}).get("partialTxn"):
        first = entry["ts"]
        before = entry.get("prevOpTime", {}).get("ts", _NEVER)
        entry = _oplog(client).find_one({"ts": before}, _LINKS) if before > _NEVER else None
    return first


def newest_position(client: Client) -> Timestamp:
    """Ask up to where the majority has written; nothing at or below it is still on its way.

    Raises StepError when the server does not answer, or is no replica set.
    """
    with explained():
        hello: Mapping[str, Any] = client.admin.command("hello")
    refuse_router(hello)
    last = hello.get("lastWrite", {})
    optime = last.get("majorityOpTime") or last.get("opTime")
    if not optime:
        raise StepError("the server is no member of a replica set", "Connect to a replica set to read its oplog")
    return Timestamp(optime["ts"].time, optime["ts"].inc)


def oldest_position(client: Client) -> Timestamp:
    """Find the oldest entry the oplog still holds."""
    with explained():
        oldest = _oplog(client).find_one({}, {"ts": 1}, sort=[("$natural", 1)])
    if oldest is None:
        raise StepError("the oplog is empty", "Take a base backup: there is nothing to read on from")
    return Timestamp(oldest["ts"].time, oldest["ts"].inc)


class OplogReader:
    """Reads the oplog in order, one closed range after the other.

    A range ends at a majority's last write that is a second old: by then nothing below it is still on its way, on
    servers that show the oplog without holes and on those that do not. (A tailing cursor is no help: the embedded
    server loses what is written while one is being opened.)
    """

    def __init__(self, client: Client, start: Timestamp) -> None:
        self._client = client
        self._known = start  # the newest entry known to exist: as long as it does, nothing after it was lost
        self._given = position_of(start) - 1

    def read_to(self, end: Timestamp) -> Iterator[list[tuple[bytes, Entry]]]:
        """Give the entries up to `end`, inclusive, that were not given before, batch by batch.

        Raises RolledOver when some of them are gone.
        """
        query = {"ts": {"$gte": self._known, "$lte": end}}
        find = {"find": _OPLOG, "filter": query, "batchSize": _BATCH, "readConcern": majority(end)}
        with explained(self._known):
            proven = False
            for batch in read_raw(self._client["local"], find):
                if not batch:
                    continue
                found = [(raw, parse(raw)) for raw in batch]
                if not proven:
                    self._check_reach(found[0][1].position)
                proven = True
                self._known = timestamp_of(found[-1][1].position)
                yield [pair for pair in found if pair[1].position > self._given]
            if not proven:
                self._check_reach(None)
        self._given = position_of(end)

    def _check_reach(self, first: int | None) -> None:
        known = position_of(self._known)
        if first != known and position_of(oldest_position(self._client)) > known:
            raise rolled_over(self._known)


class Capture:
    """Archive the oplog from `start` on, while something else runs.

    `sink` gets raw entries laid end to end, from a thread of the capture's own.
    """

    def __init__(self, client: Client, database: str, start: Timestamp, sink: Callable[[bytes], None]) -> None:
        self._client = client
        self._database = database
        self._start = start
        self._sink = sink
        self._end: Timestamp | None = None
        self._entries = 0
        self._disturbed: list[str] = []
        self._failure: BaseException | None = None
        self._stopped = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oplog-capture", daemon=True)

    def begin(self) -> None:
        """Start reading."""
        self._thread.start()

    def finish(self, end: Timestamp | None = None) -> Captured:
        """Read on to `end`, or to the majority's last write before this call, and give what was captured.

        Raises RolledOver when entries were lost before they could be read: the capture is then worthless.
        """
        self._end = end or newest_position(self._client)
        self._ending.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return Captured(self._start, self._end, self._entries, tuple(self._disturbed))

    def stop(self) -> None:
        """Give the capture up."""
        self._stopped.set()
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            self._read()
        except BaseException as error:  # handed to whoever calls `finish`
            self._failure = error

    def _read(self) -> None:
        reader = OplogReader(self._client, self._start)
        pause = _READ_EVERY_SECONDS
        while not self._stopped.is_set():
            end = self._end
            horizon = end or newest_position(self._client)
            if end is None and self._ending.wait(pause):
                continue
            if end is not None and self._stopped.wait(_SETTLED_SECONDS):
                return
            began = time.monotonic()
            for found in reader.read_to(horizon):
                if self._stopped.is_set():
                    return
                self._keep([pair for pair in found if concerns(pair[1], self._database)])
            if end is not None:
                return
            pause = max(_READ_EVERY_SECONDS, 2 * (time.monotonic() - began))  # where a read is dear, read less often

    def _keep(self, found: list[tuple[bytes, Entry]]) -> None:
        for _, entry in found:
            command = first_field(entry.o) if entry.op == "c" and entry.position > position_of(self._start) else ""
            if command in ("renameCollection", "convertToCapped"):
                at = timestamp_of(entry.position)
                self._disturbed.append(f"{command} in {entry.database} at {at.time}.{at.inc}")
        if found:
            self._entries += len(found)
            self._sink(b"".join(raw for raw, _ in found))


def read_oplog(client: Client, database: str, after: Timestamp) -> Iterator[bytes]:
    """Give a database's entries from `after`, inclusive, up to the majority's last write before this call.

    Raises RolledOver when the oplog no longer reaches back to `after`.
    """
    end = newest_position(client)
    time.sleep(_SETTLED_SECONDS)
    for found in OplogReader(client, after).read_to(end):
        yield from (raw for raw, entry in found if concerns(entry, database))


def concerns(entry: Entry, database: str) -> bool:
    """Tell whether a replay of the database needs an entry; of a transaction in several entries it needs them all."""
    if entry.database == database:
        return True
    if entry.op != "c":
        return False
    name = database.encode()
    match first_field(entry.o):
        case "applyOps":
            spread = entry.continues or b"\x08partialTxn\0" in entry.o or b"\x08prepare\0" in entry.o
            return spread or bool(re.search(rb"\x02ns\0.{4}" + re.escape(name) + rb"\.", entry.o, re.DOTALL))
        case "commitTransaction" | "abortTransaction":
            return True
        case "renameCollection":
            return bool(re.search(rb"\x02to\0.{4}" + re.escape(name) + rb"\.", entry.o, re.DOTALL))
    return False


def rolled_over(start: Timestamp) -> RolledOver:
    """Say that the entries from `start` on are partly gone."""
    return RolledOver(
        f"the server's oplog no longer reaches back to {start.time}.{start.inc}",
        "Take a new base backup; enlarge the oplog or take slices more often, so that it does not happen again",
    )


def _oplog(client: Client) -> Collection[dict[str, Any]]:
    return _primary(client, "local").get_collection(_OPLOG, read_concern=ReadConcern("majority"))


def _primary(client: Client, database: str) -> Database[dict[str, Any]]:
    """Read where `hello` is answered, whatever the address prefers: another member may lack what that one names."""
    return client.get_database(database, read_preference=ReadPreference.PRIMARY)


@contextmanager
def explained(start: Timestamp | None = None) -> Iterator[None]:
    """Turn what the driver raises into an error for a person."""
    try:
        yield
    except PyMongoError as error:
        code = error.code if isinstance(error, OperationFailure) else None
        if code in _ROLLED_OVER and start is not None:
            raise rolled_over(start) from None
        message, remedy = explain(error)
        if code == NOT_AUTHORIZED:
            remedy = "The user needs the role `backup`, or read access to the database `local`"
        raise StepError(f"reading the oplog failed: {message}", remedy) from None
