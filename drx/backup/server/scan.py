"""Read what a database holds: its collections as the server describes them, and their raw documents. Only reads."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bson import Timestamp
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError

from drx.backup.format.digest import Digest
from drx.backup.format.documents import id_document, split
from drx.backup.format.manifest import PLAIN, STRICT, Raw
from drx.backup.format.names import is_dumped
from drx.backup.server.connection import explain
from drx.backup.server.cursor import RAW, majority, read_raw
from drx.errors import StepError

Client = MongoClient[dict[str, Any]]

_BATCH_BYTES = 4 << 20
_SPLIT_FROM_BYTES = 64 << 20
_FIRST_DOCUMENTS = 20
_SAMPLES_PER_RANGE = 20
_MOVED = {26, 43, 175, 237}  # NamespaceNotFound, CursorNotFound, QueryPlanKilled, CursorKilled
_REMEDY = "Check that the database answers, and that this user may do it"


class CollectionMoved(StepError):
    """A collection was dropped or renamed while it was read: what was read of it is not whole."""


@dataclass(frozen=True, slots=True)
class Described:
    """One collection or view as the server describes it.

    `type` is None, `view` or `timeseries`; `source` names the collection that holds the documents, None for a view.
    """

    name: str
    type: str | None
    uuid: bytes | None
    options: Mapping[str, object]
    indexes: tuple[Mapping[str, object], ...]
    source: str | None


@dataclass(frozen=True, slots=True)
class Range:
    """Documents from `low` to `high` (exclusive) in the order of `_id`; without bounds, all of them.

    Bounds are raw documents that hold nothing but an `_id`. With `after`, the document at `low` is not one of them.
    """

    __pydantic_config__ = STRICT

    low: Raw | None = None
    high: Raw | None = None
    after: bool = False


@contextmanager
def failures(doing: str) -> Iterator[None]:
    """Turn what the driver raises into a StepError that says what was being done."""
    try:
        yield
    except OperationFailure as error:
        text = str((error.details or {}).get("errmsg", error))[:300]
        kind = CollectionMoved if error.code in _MOVED else StepError
        raise kind(f"{doing}: the MongoDB server said: {text}", _REMEDY) from None
    except PyMongoError as error:
        message, remedy = explain(error)
        raise StepError(f"{doing}: {message}", remedy) from None


def describe(client: Client, database: str) -> tuple[Described, ...]:
    """List what a backup of the database holds, by name: no `$` names and no system collections but `system.js`."""
    with failures(f"listing the collections of {database}"):
        source: Database[Any] = client.get_database(database, codec_options=PLAIN)
        found = [
            _described(source, item)
            for item in source.list_collections()
            if "$" not in item["name"] and is_dumped(item["name"])
        ]
    return tuple(sorted(found, key=lambda collection: collection.name))


def _described(database: Database[Any], item: Mapping[str, Any]) -> Described:
    name, kind = item["name"], item["type"]
    if kind == "view":
        return Described(name, kind, None, item["options"], (), None)
    indexes: Any = database.command("listIndexes", name, cursor={"batchSize": 1000}, codec_options=PLAIN)
    return Described(
        name,
        None if kind == "collection" else kind,
        bytes(item["info"]["uuid"]) if "uuid" in item.get("info", {}) else None,
        {key: value for key, value in item.get("options", {}).items() if key != "temp"},  # a server drops these itself
        tuple(indexes["cursor"]["firstBatch"]),
        f"system.buckets.{name}" if kind == "timeseries" else name,
    )


@dataclass(frozen=True, slots=True)
class Scan:
    """How to read one collection: its ranges, about how many documents it has, and how many to ask for at a time.

    With `after`, nothing is read as it was before that moment, whichever member becomes the primary meanwhile.
    """

    collection: Collection[Any]
    ranges: tuple[Range, ...]
    estimated_count: int
    batch_size: int
    after: Timestamp | None = None

    @property
    def in_order(self) -> bool:
        """Whether it is read in the order of `_id`, so that what was read can be told from what is left."""
        return any(part.low or part.high for part in self.ranges)

    def workers(self, most: int) -> int:
        """Tell how many ranges to read side by side: documents that fill a reply each would fill the memory."""
        return most if self.batch_size > 1 else 1

    def batches(self, part: Range) -> Iterator[list[bytes]]:
        """Read a range as raw documents, as many at a time as one reply of the server holds."""
        find: dict[str, Any] = {"find": self.collection.name, "batchSize": self.batch_size}
        find["readConcern"] = majority(self.after)
        if part.low or part.high:
            find["hint"] = {"_id": 1}  # bounds compare ids of every type; a filter would not
        if part.low:
            find["min"] = RawBSONDocument(part.low, RAW)
        if part.high:
            find["max"] = RawBSONDocument(part.high, RAW)
        left_out = part.low if part.after else None
        with failures(f"reading {self.collection.full_name}"):
            for documents in read_raw(self.collection.database, find):
                known = left_out and documents and id_document(documents[0]) == left_out
                yield documents[1:] if known else documents
                left_out = None if documents else left_out


def scan(client: Client, database: str, described: Described, workers: int, *, expected: Digest | None = None) -> Scan:
    """Plan the reading of one collection that has documents, out of what is expected or the server's own figures."""
    assert described.source is not None, "a view has no documents of its own"
    collection = client.get_database(database, codec_options=RAW)[described.source]
    with failures(f"measuring {collection.full_name}"):
        if expected and expected.count:
            count, document_bytes = expected.count, expected.size_bytes // expected.count
        else:
            count, document_bytes = _measure(client[database][described.source])
        in_order = "capped" in described.options or "clusteredIndex" in described.options or described.type
        large = count * document_bytes >= _SPLIT_FROM_BYTES
        ranges = _cut(collection, workers * 4) if large and not in_order and workers > 1 else (Range(),)
    return Scan(collection, ranges, count, _BATCH_BYTES // document_bytes + 1)


def _measure(collection: Collection[Any]) -> tuple[int, int]:
    """Ask how many documents there are, and how many bytes one of them has."""
    found = next(collection.aggregate([{"$collStats": {"storageStats": {}}}]), None)
    statistics = found.get("storageStats", {}) if found else {}
    return int(statistics.get("count") or 0), int(statistics.get("avgObjSize") or 0) or _first_sizes(collection)


def _first_sizes(collection: Collection[Any]) -> int:
    """Average the first few documents, for a server that does not tell the size of a collection."""
    with collection.find_raw_batches(limit=_FIRST_DOCUMENTS) as cursor:
        first = next(cursor, b"")  # one batch at most: twenty of the largest documents would fill the memory
    return max(1, len(first) // max(1, len(split(first))))


def _cut(collection: Collection[Any], parts: int) -> tuple[Range, ...]:
    stages: list[dict[str, Any]] = [
        {"$sample": {"size": parts * _SAMPLES_PER_RANGE}}, {"$project": {"_id": 1}}, {"$sort": {"_id": 1}},
    ]  # fmt: skip
    sampled = list({bytes(found.raw): found for found in collection.aggregate(stages)}.values())
    step = max(1, len(sampled) // parts)
    cuts = [bytes(found.raw) for found in sampled[step::step]]
    return tuple(Range(low, high) for low, high in pairwise([None, *cuts, None]))
