"""Keep writing to PixelCraft's database at a steady rate, one acknowledged write at a time. A process of its own.

Every write is logged before and after. It ends at SIGTERM, after the write in hand; it also ends when a document that
must be there is gone, for a write after a drop would bring the collection back.
"""

import argparse
import logging
import signal
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import bson
from bson import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import PyMongoError

from drx.errors import DrxError
from drx.sandbox.changes import change
from drx.sandbox.documents import RAW, name_of, sha256
from drx.sandbox.host import read_settings
from drx.sandbox.ledger import Ledger, Write
from drx.sandbox.pixelcraft import IMAGES, USERS, Document, PixelCraft, StoredObject
from drx.sandbox.state import WRITER, ledger_path

_UPDATES, _INSERTS, _DELETES = 0.6, 0.37, 0.03
_IMAGES_SHARE = 0.9
_POOL = 2000
_LEAST = 10
_DECODE: CodecOptions[Document] = CodecOptions(tz_aware=True)

_log = logging.getLogger(WRITER)


class Vanished(Exception):
    """A document that must be there is not: the collection was dropped, or the database replaced."""


class Writer:
    """Writes to one database. It alone writes there, so it knows what must come out of every write."""

    def __init__(self, client: MongoClient[Document], ledger: Ledger, number: int) -> None:
        database = client.get_default_database()
        self._collections = {name: database[name].with_options(codec_options=RAW) for name in (IMAGES, USERS)}
        self._ledger = ledger
        self._random = Random(number)
        self._source = PixelCraft(number)
        self._known = {name: _sample(collection) for name, collection in self._collections.items()}
        self._number = number

    def write(self) -> None:
        """Do one write, chosen at random; raises Vanished where the database is not what it was."""
        name = IMAGES if self._random.random() < _IMAGES_SHARE else USERS
        (kind,) = self._random.choices((self._update, self._insert, self._delete), (_UPDATES, _INSERTS, _DELETES))
        kind(name)

    def _update(self, name: str) -> None:
        before = self._existing(name, self._random.choice(self._known[name]))
        planned = change(self._random, name, bson.decode(before, codec_options=_DECODE), _now())
        write = Write("update", name, name_of(before), sha256(bson.encode(planned.after)))
        self._ledger.intend(write)
        query = {"_id": planned.after["_id"]}  # and not findAndModify, for which the stand-in server scans
        if self._collections[name].update_one(query, planned.update).matched_count != 1:
            raise Vanished(f"{name} {write.id}")
        if sha256(self._existing(name, query["_id"])) != write.sha256:
            raise DrxError(f"the server made something else of {planned.update} on {name} {write.id}")
        self._ledger.done(write)

    def _insert(self, name: str) -> None:
        neighbour = self._existing(name, self._known[name][-1])  # the last moment to notice a drop
        document = self._image(neighbour) if name == IMAGES else self._user()
        raw = bson.encode(document)
        write = Write("insert", name, name_of(raw), sha256(raw))
        self._ledger.intend(write)
        self._collections[name].insert_one(RawBSONDocument(raw))
        self._ledger.done(write)
        self._known[name].append(document["_id"])

    def _delete(self, name: str) -> None:
        known = self._known[name]
        if len(known) <= _LEAST:
            self._insert(name)
            return
        identifier = known.pop(self._random.randrange(len(known) - 1))
        write = Write("delete", name, name_of(self._existing(name, identifier)), None)
        self._ledger.intend(write)
        if self._collections[name].delete_one({"_id": identifier}).deleted_count != 1:
            raise Vanished(f"{name} {write.id}")
        self._ledger.done(write)

    def _existing(self, name: str, identifier: object) -> bytes:
        found = self._collections[name].find_one({"_id": identifier})
        if found is None:
            raise Vanished(f"{name} {identifier}")
        return bytes(found.raw)

    def _image(self, neighbour: bytes) -> Document:
        """A new image of the same user and object as an existing one."""
        like = bson.decode(neighbour, codec_options=_DECODE)
        image = self._source.image(self._random.randrange(10_000), like["user_id"], StoredObject("", b"", ""))
        return image | {field: like[field] for field in ("key", "size", "sha256")} | {"created_at": _now()}

    def _user(self) -> Document:
        self._number += 1
        return self._source.user(self._number)


def main() -> int:
    """Write until SIGTERM; 0 unless the server did what it must not."""
    parser = argparse.ArgumentParser(description="Keeps writing to a sandbox's database")
    parser.add_argument("--directory", type=Path, required=True, help="the sandbox's directory")
    parser.add_argument("--rate", type=float, required=True, help="writes a second")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    settings = read_settings(options.directory)
    number = time.time_ns() // 1_000_000  # a new one each time, so that ids and addresses are new
    with MongoClient[Document](settings.database_url) as client, Ledger(ledger_path(options.directory)) as ledger:
        try:
            writer = Writer(client, ledger, number)
            _keep_writing(writer, options.rate, stopping)
        except Vanished as error:
            _log.info("stopped: %s is gone", error)
        except (PyMongoError, DrxError) as error:
            _log.error("stopped: %s", error)
            return 1
    return 0


def _keep_writing(writer: Writer, rate: float, stopping: threading.Event) -> None:
    due = time.monotonic()
    while not stopping.wait(max(0.0, due - time.monotonic())):
        writer.write()
        due = max(due + 1 / rate, time.monotonic() - 1)  # after a stall, catch up on a second's worth at most


def _sample(collection: Collection[RawBSONDocument]) -> list[object]:
    found = collection.aggregate([{"$sample": {"size": _POOL}}, {"$project": {"_id": 1}}])
    identifiers: list[object] = list(dict.fromkeys(document["_id"] for document in found))
    if len(identifiers) <= 1:
        raise Vanished(collection.name)
    return identifiers


def _now() -> datetime:
    now = datetime.now(UTC)
    return now.replace(microsecond=now.microsecond // 1000 * 1000)  # BSON keeps milliseconds


if __name__ == "__main__":
    sys.exit(main())
