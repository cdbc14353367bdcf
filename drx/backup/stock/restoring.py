"""Give the documents of a stock dump to a restore, and plan it: with the dump's oplog folded in, where it has one."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bson import Timestamp

from drx.backup.format.digest import Digest, digest_of
from drx.backup.oplog.entry import position_in, timestamp_of
from drx.backup.oplog.fold import fold
from drx.backup.oplog.moments import until_after
from drx.backup.oplog.plan import BaseCollection, CollectionPlan
from drx.backup.restore import Part
from drx.backup.stock.dump import OPLOG, Dump, Examined, StockCollection
from drx.errors import UsageError


@dataclass(frozen=True, slots=True)
class StockSource:
    """The collections of one database of a dump that was examined; see `Source`."""

    examined: Examined
    database: str

    def count(self, collections: Collection[str]) -> int:
        found = self.examined.digests
        return sum(found[self.database, name].count for name in collections if (self.database, name) in found)

    def parts(self, collections: Collection[str]) -> Iterator[Part]:
        if not collections:
            return
        wanted = {(self.database, name) for name in collections}
        for (_, name), documents in self.examined.dump.documents(wanted):
            yield Part(name, partial(_with_digest, documents))


def _with_digest(documents: list[bytes]) -> tuple[list[bytes], Digest]:
    return documents, digest_of(documents)


def databases(examined: Examined) -> tuple[str, ...]:
    """List the databases that a dump holds collections of."""
    found = {collection.database for collection in examined.dump.collections}
    return tuple(sorted(found))


def plan_of(examined: Examined, database: str, only: Sequence[str] = ()) -> tuple[CollectionPlan, ...]:
    """Say what stands in a database once its collections are loaded and the dump's oplog is folded in.

    Raises UsageError for a collection that there is not, PermanentError for an operation that cannot be replayed.
    """
    base = [
        BaseCollection(
            found.name, found.metadata.uuid, found.metadata.options, _indexes(found),
            "view" if found.is_view else found.metadata.type,
        )
        for found in examined.dump.collections
        if found.database == database
    ]  # fmt: skip
    entries = [] if OPLOG not in examined.digests else _entries(examined.dump)
    end = _end(examined.dump) if OPLOG in examined.digests else Timestamp(0, 0)
    plans = fold(entries, database=database, base=base, until=until_after(end), consistent_from=end)
    if unknown := sorted(set(only) - {plan.name for plan in plans}):
        there = ", ".join(plan.name for plan in plans) or "nothing"
        raise UsageError(f"the dump holds no collection {unknown[0]} in {database}", f"It holds {there}")
    return tuple(plan for plan in plans if not only or plan.name in only)


def _indexes(found: StockCollection) -> tuple[Mapping[str, object], ...]:
    """Give the indexes, with the one that every collection has: without metadata, a dump does not say so."""
    listed = found.metadata.indexes
    plain = not (found.metadata.type or found.is_view or "clusteredIndex" in found.metadata.options)
    has_own = any(index["name"] == "_id_" for index in listed)
    return ({"key": {"_id": 1}, "name": "_id_"}, *listed) if plain and not has_own else listed


def _entries(dump: Dump) -> Iterator[bytes]:
    for _, documents in dump.documents({OPLOG}):
        yield from documents


def _end(dump: Dump) -> Timestamp:
    """Find the last entry of the oplog: only there a stock dump is consistent."""
    last = b""
    for _, documents in dump.documents({OPLOG}):
        last = documents[-1]
    return timestamp_of(position_in(last))
