"""Read the live oplog as it is written: one database's entries, in order, none missed. Writes nothing to the server."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from bson import Timestamp
from pymongo import CursorType, MongoClient
from pymongo.collection import Collection
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from drx.backup.documents import split
from drx.backup.entry import Entry, first_field, parse, position_of, timestamp_of
from drx.errors import StepError

Client = MongoClient[dict[str, Any]]

_IDLE_SECONDS = 1.0
_WAIT_MS = 250
_BATCH = 10_000
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
        newest = _oplog(client).find_one({}, {"ts": 1}, sort=[("$natural", -1)])
        if newest is None:
            raise StepError(
                "the server keeps no oplog",
                "Point-in-time recovery needs a replica set; a standalone server can only be backed up as it is",
            )
        active = {"state": {"$in": ["prepared", "inProgress"]}}
        begun = [
            item["startOpTime"]["ts"]
            for item in client["config"]["transactions"].find(active, {"startOpTime": 1})
            if "startOpTime" in item
        ]
    first: Timestamp = min([newest["ts"], *begun])
    return first


def newest_position(client: Client) -> Timestamp:
    """Ask up to where the majority has written; nothing at or below it is still on its way.

    Raises StepError when the server does not answer, or is no replica set.
    """
    with explained():
        last: Mapping[str, Any] = client.admin.command("hello").get("lastWrite", {})
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


class Capture:
    """Archive the oplog from `start` on, while something else runs.

    `sink` gets raw entries laid end to end, from a thread of the capture's own.
    """

    def __init__(self, client: Client, database: str, start: Timestamp, sink: Callable[[bytes], None]) -> None:
        self._client = client
        self._database = database
        self._start = start
        self._sink = sink
        self._end: int | None = None
        self._entries = 0
        self._disturbed: list[str] = []
        self._first: int | None = None
        self._failure: Exception | None = None
        self._reading = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="oplog-capture", daemon=True)

    def begin(self) -> None:
        """Start reading."""
        self._thread.start()

    def finish(self, end: Timestamp | None = None) -> Captured:
        """Read on to `end`, or to the majority's last write before this call, and give what was captured.

        Raises RolledOver when the oplog no longer reaches back to the start: the capture is then worthless.
        """
        end = end or newest_position(self._client)
        self._end = position_of(end)
        self._reading.wait()  # from here on the cursor itself notices when entries are lost
        start = position_of(self._start)
        if self._failure is None and self._first != start and position_of(oldest_position(self._client)) > start:
            self.stop()
            raise rolled_over(self._start)
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return Captured(self._start, end, self._entries, tuple(self._disturbed))

    def stop(self) -> None:
        """Give the capture up."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            for found in _batches(self._client, self._start, lambda: self._end):
                if self._stopped.is_set():
                    return
                if found and self._first is None:
                    self._first = found[0][1].position
                self._reading.set()
                self._keep([pair for pair in found if concerns(pair[1], self._database)])
        except Exception as error:  # handed to whoever calls `finish`
            self._failure = error
        finally:
            self._reading.set()

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
    end = position_of(newest_position(client))
    first = True
    for found in _batches(client, after, lambda: end):
        begins_there = bool(found) and found[0][1].position == position_of(after)
        if first and not begins_there and position_of(oldest_position(client)) > position_of(after):
            raise rolled_over(after)
        first = False
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


def _batches(client: Client, start: Timestamp, limit: Callable[[], int | None]) -> Iterator[list[tuple[bytes, Entry]]]:
    """Give entries batch by batch until, once there is a limit, a later one is seen or nothing comes for a second.

    A limit is a majority's last write. A later entry proves that all before it were seen; on an idle server, which
    writes none, two reads a second apart do.
    """
    idle_since: float | None = None
    with explained(start):
        for batch in _tail(client, start):
            end = limit()
            found = [(raw, parse(raw)) for raw in split(batch)]
            passed = bool(found) and end is not None and found[-1][1].position > end
            yield [pair for pair in found if pair[1].position <= end] if passed and end is not None else found
            if passed:
                return
            if found or end is None:
                idle_since = None
                continue
            now = time.monotonic()
            idle_since = idle_since if idle_since is not None else now
            if now - idle_since >= _IDLE_SECONDS:
                return


def _tail(client: Client, start: Timestamp) -> Iterator[bytes]:
    """Follow the oplog without end: raw batches, and empty ones where nothing came for a while."""
    while True:  # a cursor that found nothing at all is dead from the beginning
        cursor = _oplog(client).find_raw_batches(
            {"ts": {"$gte": start}}, cursor_type=CursorType.TAILABLE_AWAIT, batch_size=_BATCH
        )
        seen = False
        with cursor.max_await_time_ms(_WAIT_MS):
            while cursor.alive:
                batch: bytes = next(cast("Iterator[bytes]", cursor), b"")
                seen = seen or bool(batch)
                yield batch
        if seen:
            raise StepError("the server closed the cursor on its oplog", "Try again; look at the server's log")
        time.sleep(_WAIT_MS / 1000)


def _oplog(client: Client) -> Collection[dict[str, Any]]:
    return client["local"].get_collection("oplog.rs", read_concern=ReadConcern("majority"))


@contextmanager
def explained(start: Timestamp | None = None) -> Iterator[None]:
    """Turn what the driver raises into an error for a person."""
    try:
        yield
    except OperationFailure as error:
        if error.code in _ROLLED_OVER and start is not None:
            raise rolled_over(start) from None
        raise StepError(
            f"the server refused to show its oplog: {error.code} {str(error)[:200]}",
            "The user needs the role `backup`, or read access to the database `local`",
        ) from None
    except PyMongoError as error:
        raise StepError(f"reading the oplog failed: {str(error)[:200]}", "Check that the server answers") from None
