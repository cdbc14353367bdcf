"""Put chosen documents back into a collection in use, out of a restored one, and undo it. Keeps what it replaces."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bson
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DeleteOne, InsertOne, ReplaceOne
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from drx.backup.format.batches import batches_of
from drx.backup.format.documents import id_document, split
from drx.backup.format.identity import id_key
from drx.backup.server.cursor import RAW
from drx.backup.server.insert import insert
from drx.backup.server.scan import Range, Scan, failures
from drx.errors import StepError

_AT_ONCE = 50
_TOGETHER = 1000
_ABSENT = ".absent"
"""Ends the name of the collection that keeps which documents were not there."""

Documents = Collection[Any]
Query = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which documents are to be put back."""

    filter: Query
    """Of the restored documents."""
    damaged: Query | None
    """Of the documents in use that may be replaced; None replaces none."""
    gone: bool
    """Whether those that are no longer there come back."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A restored document, and what stands in its place now."""

    good: bytes
    live: bytes | None

    @property
    def name(self) -> object:
        """The `_id` of both."""
        return _name(self.good)


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo came to."""

    replaced: int
    removed: int
    left: int
    """Changed by somebody else since then."""


def differences(good: Documents, live: Documents, choice: Choice) -> Iterator[Difference]:
    """Find the chosen documents that are not in use as they were restored. Memory grows with the bad ones alone."""
    good, live = _raw(good), _raw(live)
    damaged = _matching(live, choice.damaged)
    for part, there in _some(good, live, choice.filter) if choice.filter else _all(good, live):
        for document in part:
            key = id_key(document)
            found = there.get(key)
            if (found is None and choice.gone) or (key in damaged and found not in (None, document)):
                yield Difference(document, found)


def put_back(found: Iterable[Difference], live: Documents, keep: Database[Any], check: Callable[[], None]) -> int:
    """Write restored documents over what stands in their place, which is kept first. Gives how many were written.

    Raises StepError where one cannot be kept or written.
    """
    name, count = live.name, 0
    for batch in batches_of(found, lambda each: len(each.good) + len(each.live or b""), _AT_ONCE):
        check()
        _keep(keep, name, [each.live for each in batch if each.live is not None])
        _keep(keep, name + _ABSENT, [bson.encode({"_id": each.name}) for each in batch if each.live is None])
        _write(live, [_put(each) for each in batch])
        count += len(batch)
    return count


def undo(good: Documents, live: Documents, keep: Database[Any], check: Callable[[], None]) -> Undone:
    """Bring back what `put_back` replaced, and take out what it added; what was changed since then stays."""
    replaced, left = _undo(
        good, live, keep[live.name], check, lambda old: ReplaceOne({"_id": _name(old)}, _document(old))
    )
    removed, more = _undo(good, live, keep[live.name + _ABSENT], check, lambda old: DeleteOne({"_id": _name(old)}))
    return Undone(replaced, removed, left + more)


def _undo(
    good: Documents,
    live: Documents,
    kept: Documents,
    check: Callable[[], None],
    back: Callable[[bytes], ReplaceOne[Any] | DeleteOne],
) -> tuple[int, int]:
    """Undo whatever is still as it was put back; give how many were undone, and how many somebody changed."""
    done = left = 0
    absent = kept.name.endswith(_ABSENT)
    for batch in _raw(kept).find_raw_batches({}):
        check()
        for part in _parts(split(batch)):
            there, put = _by_id(_raw(live), part), _by_id(_raw(good), part)
            changed = [old for old in part if there.get(id_key(old)) != (None if absent else old)]
            own = [old for old in changed if there.get(id_key(old)) == put.get(id_key(old))]
            _write(live, [back(old) for old in own])
            done, left = done + len(own), left + len(changed) - len(own)
    return done, left


def _some(good: Documents, live: Documents, query: Query) -> Iterator[tuple[Sequence[bytes], Mapping[bytes, bytes]]]:
    """Give some of the restored documents, and by `_id` those in use, asked for one by one."""
    for batch in good.find_raw_batches(query):
        for part in _parts(split(batch)):
            yield part, _by_id(live, part)


def _all(good: Documents, live: Documents) -> Iterator[tuple[Sequence[bytes], Mapping[bytes, bytes]]]:
    """Give all restored documents, and by `_id` those in use: both collections are read once, in the order of `_id`."""
    reading = Scan(live, (), 0, _TOGETHER)
    for batch in good.find_raw_batches({}, sort=[("_id", ASCENDING)], batch_size=_TOGETHER):
        part = split(batch)
        there = _by_id(live, part[-1:])  # a range leaves its end out
        if len(part) > 1:
            wanted = {id_key(each) for each in part}  # what is newer lies between them, and there may be much of it
            for found in reading.batches(Range(id_document(part[0]), id_document(part[-1]))):
                there.update((key, each) for each in found if (key := id_key(each)) in wanted)
        yield part, there


def _parts(documents: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for begin in range(0, len(documents), _AT_ONCE):
        yield documents[begin : begin + _AT_ONCE]


def _put(each: Difference) -> ReplaceOne[Any] | InsertOne[Any]:
    if each.live is None:
        return InsertOne(_document(each.good))
    return ReplaceOne({"_id": each.name}, _document(each.good))


def _keep(keep: Database[Any], name: str, documents: Sequence[bytes]) -> None:
    for batch in batches_of(documents, len):
        insert(keep, name, batch)


def _write(live: Documents, changes: Sequence[ReplaceOne[Any] | InsertOne[Any] | DeleteOne]) -> None:
    """Write to a majority; a document that vanished or appeared meanwhile is a failure."""
    if not changes:
        return
    with failures(f"writing to {live.full_name}"):
        written = live.with_options(write_concern=WriteConcern("majority")).bulk_write(
            list(changes), ordered=False, bypass_document_validation=True
        )
    done = written.inserted_count + written.matched_count + written.deleted_count
    if done != len(changes):
        raise StepError(
            f"{len(changes) - done} documents of {live.full_name} went away meanwhile",
            "See that nothing else writes there, then run the step again",
        )


def _matching(live: Documents, query: Query | None) -> frozenset[bytes]:
    if query is None:
        return frozenset()
    return frozenset(id_key(each) for batch in live.find_raw_batches(query, {"_id": 1}) for each in split(batch))


def _by_id(collection: Documents, documents: Sequence[bytes]) -> dict[bytes, bytes]:
    found = collection.find_raw_batches(_among(documents))
    return {id_key(each): each for batch in found for each in split(batch)}


def _among(documents: Sequence[bytes]) -> Query:
    return {"_id": {"$in": [_name(each) for each in documents]}}


def _raw(collection: Documents) -> Documents:
    return collection.with_options(codec_options=RAW)


def _document(raw: bytes) -> RawBSONDocument:
    return RawBSONDocument(raw, RAW)


def _name(raw: bytes) -> object:
    found: object = RawBSONDocument(raw, RAW)["_id"]
    return found
