"""A stand-in MongoDB server that answers at once with canned replies, so that a bench measures the client.

Run `python -m tests.bench.stand_in --megabytes 500`; it prints its port. It holds one collection, pixelcraft.images,
takes every write without looking at it, and forgets it. It speaks OP_MSG, and OP_QUERY for the first greeting:
https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/
"""

import argparse
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from struct import pack, unpack_from
from typing import Any
from uuid import UUID

from bson import Binary, Int64, ObjectId, Timestamp, decode, encode

from tests.bench.dump_restore import DATABASE, image

_REPLY, _QUERY, _MESSAGE = 1, 2004, 2013
_FIRST_BATCH, _BATCH_BYTES = 101, 16 << 20  # what a server gives that is not told
_SAMPLES = 1000
_NOW = Timestamp(1_800_000_000, 1)
_AT = datetime(2027, 1, 15, tzinfo=UTC)
_NOOP = {"op": "n", "ns": "", "o": {"msg": "idle"}, "ts": _NOW, "t": Int64(1), "v": Int64(2), "wall": _AT}
_UUID = Binary.from_uuid(UUID(int=1))
_REPLICA_SET = ObjectId("0123456789abcdef01234567")
_ID_INDEX = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
Document = Mapping[str, Any]


class Pool:
    """Documents, encoded once as the elements of an array, out of which every batch is cut."""

    def __init__(self) -> None:
        elements, ends, size_bytes, number = [], [0], 0, 0
        while size_bytes < _BATCH_BYTES - (1 << 16):
            element = b"\3" + str(number).encode() + b"\0" + encode(image(number, 0))
            size_bytes, number = size_bytes + len(element), number + 1
            elements.append(element)
            ends.append(size_bytes)
        self._elements, self._ends = b"".join(elements), ends
        self.count = number
        self.document_bytes = size_bytes // number

    @cache  # noqa: B019  # there is one pool, as long as the process lives
    def reply(self, count: int, field: str, cursor_id: int, namespace: str) -> bytes:
        """Encode a whole reply with so many documents."""
        array = self._elements[: self._ends[count]]
        cursor = encode({"id": Int64(cursor_id), "ns": namespace})[4:-1]
        cursor += b"\4" + field.encode() + b"\0" + pack("<i", len(array) + 5) + array + b"\0"
        body = b"\3cursor\0" + pack("<i", len(cursor) + 5) + cursor + b"\0" + encode({"ok": 1.0})[4:-1]
        return pack("<i", len(body) + 5) + body + b"\0"


class StandIn:
    """Answers commands; one for all connections."""

    def __init__(self, size_bytes: int, address: str) -> None:
        self._pool = Pool()
        self._address = address
        self.count = size_bytes // self._pool.document_bytes
        self._cursors: dict[int, int] = {}
        self._lock = threading.Lock()

    def answer(self, command: Document) -> bytes:
        """Give the reply to one command as BSON."""
        name, database = next(iter(command)), command.get("$db", "")
        match name:
            case "hello" | "isMaster" | "ismaster":
                return encode(self._hello())
            case "getMore":
                return self._more(int(command["getMore"]), f"{database}.{command['collection']}", command)
            case "find" if (database, command["find"]) == (DATABASE, "images"):
                return self._find(command)
            case "find" | "aggregate" | "listCollections" | "listIndexes":
                namespace = f"{database}.{command[name]}" if isinstance(command[name], str) else f"{database}.$cmd"
                found = self._listed(name, database, command)
                cursor = {"firstBatch": found, "id": Int64(0), "ns": namespace}
                return encode({"cursor": cursor, "ok": 1.0})
            case "buildInfo" | "buildinfo":
                return encode({"version": "8.0.0", "versionArray": [8, 0, 0, 0], "ok": 1.0})
            case "replSetGetConfig":
                return encode({"config": {"_id": "stand-in", "settings": {"replicaSetId": _REPLICA_SET}}, "ok": 1.0})
            case "count":
                return encode({"n": self.count, "ok": 1.0})
            case "collStats":
                return encode({**self._statistics(), "ok": 1.0})
            case "getParameter":
                return encode({"featureCompatibilityVersion": {"version": "8.0"}, "ok": 1.0})
            case _:
                return encode({"n": 1, "ok": 1.0})

    def _hello(self) -> Document:
        optime = {"ts": _NOW, "t": Int64(1)}
        written = {"opTime": optime, "lastWriteDate": _AT, "majorityOpTime": optime, "majorityWriteDate": _AT}
        return {
            "isWritablePrimary": True, "ismaster": True, "helloOk": True, "setName": "stand-in", "setVersion": 1,
            "hosts": [self._address], "primary": self._address, "me": self._address, "lastWrite": written,
            "maxBsonObjectSize": 16 << 20, "maxMessageSizeBytes": 48_000_000, "maxWriteBatchSize": 100_000,
            "minWireVersion": 0, "maxWireVersion": 25, "logicalSessionTimeoutMinutes": 30, "localTime": _AT, "ok": 1.0,
        }  # fmt: skip

    def _listed(self, name: str, database: str, command: Document) -> list[Document]:
        if name == "find":
            return [_NOOP] if (database, command["find"]) == ("local", "oplog.rs") else []
        if database != DATABASE:
            return []
        match name:
            case "listCollections":
                info = {"readOnly": False, "uuid": _UUID}
                return [{"name": "images", "type": "collection", "options": {}, "info": info, "idIndex": _ID_INDEX}]
            case "listIndexes":
                return [_ID_INDEX]
        if "$sample" in command["pipeline"][0]:
            step = max(1, self.count // _SAMPLES)
            return [{"_id": position} for position in range(step, self.count, step)]
        return [{"storageStats": self._statistics()}] if "$collStats" in command["pipeline"][0] else []

    def _statistics(self) -> dict[str, int]:
        size_bytes = self._pool.document_bytes
        return {"count": self.count, "avgObjSize": size_bytes, "size": self.count * size_bytes}

    def _find(self, command: Document) -> bytes:
        """Begin to read; the bounds of a range are the positions that were given as samples."""
        low, high = command.get("min", {}).get("_id", 0), command.get("max", {}).get("_id", self.count)
        left = min(high - low, abs(command.get("limit") or self.count))
        with self._lock:
            cursor_id = len(self._cursors) + 1
            self._cursors[cursor_id] = left
        return self._batch(cursor_id, "firstBatch", f"{DATABASE}.images", command.get("batchSize", _FIRST_BATCH))

    def _more(self, cursor_id: int, namespace: str, command: Document) -> bytes:
        return self._batch(cursor_id, "nextBatch", namespace, command.get("batchSize", self._pool.count))

    def _batch(self, cursor_id: int, field: str, namespace: str, wanted: int) -> bytes:
        left = self._cursors[cursor_id]
        count = min(left, wanted, self._pool.count)
        self._cursors[cursor_id] = left - count
        return self._pool.reply(count, field, cursor_id if left > count else 0, namespace)


def serve(connection: socket.socket, answer: Callable[[Document], bytes]) -> None:
    """Talk with one client until it leaves."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection:
        while (header := _receive(connection, 16)) is not None:
            length, request, _, operation = unpack_from("<4i", header)
            message = _receive(connection, length - 16)
            if message is None:
                return
            if operation == _QUERY:
                name_end = bytes(message).index(b"\0", 4)
                body = answer(decode(message[name_end + 9 :]))
                head = pack("<iqii", 8, 0, 0, 1)
            else:
                (size,) = unpack_from("<i", message, 5)  # documents that follow the command are not looked at
                body, head = answer(_command(message, size)), b"\0\0\0\0\0"
            kind = _REPLY if operation == _QUERY else _MESSAGE
            connection.sendall(pack("<4i", 16 + len(head) + len(body), 1, request, kind) + head)
            connection.sendall(body)


def _command(message: memoryview, size: int) -> Document:
    if size > 1 << 16:  # documents inside the command: its name says enough
        name = bytes(message[10:40]).partition(b"\0")[0].decode()
        return {name: ""}
    found: Document = decode(message[5 : 5 + size])
    return found


def _receive(connection: socket.socket, size: int) -> memoryview | None:
    data = memoryview(bytearray(size))
    done = 0
    while done < size:
        got = connection.recv_into(data[done:])
        if not got:
            return None
        done += got
    return data


@contextmanager
def running(megabytes: int) -> Iterator[str]:
    """Run one in a process of its own and give its URI."""
    command = [sys.executable, "-m", "tests.bench.stand_in", "--megabytes", str(megabytes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"mongodb://127.0.0.1:{int(process.stdout.readline())}/?directConnection=true"
        finally:
            process.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = StandIn(parser.parse_args().megabytes * 1_000_000, f"127.0.0.1:{port}")
    print(port, flush=True)
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve, args=(connection, server.answer), daemon=True).start()


if __name__ == "__main__":
    main()
