"""Fold archived oplog onto a base: the net effect at a target time, without executing a single operation."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bson import Timestamp, encode

from drx.backup.format.manifest import PLAIN
from drx.backup.format.names import is_dumped
from drx.backup.oplog.commands import apply_command, comes_here, logical_name
from drx.backup.oplog.diffs import apply_update
from drx.backup.oplog.effects import DEFAULT_BYTES, Budget
from drx.backup.oplog.entry import Entry, decoded, parse, position_of, timestamp_of
from drx.backup.oplog.namespaces import BUCKETS, VIEWS, Namespaces, identity_of
from drx.backup.oplog.plan import BaseCollection, Changes, CollectionPlan
from drx.backup.oplog.transactions import committed
from drx.errors import PermanentError

__all__ = ["BaseCollection", "Changes", "CollectionPlan", "fold"]


def fold(
    entries: Iterable[bytes],
    *,
    database: str,
    base: Sequence[BaseCollection],
    until: Timestamp,
    consistent_from: Timestamp,
    memory_bytes: int = DEFAULT_BYTES,
) -> tuple[CollectionPlan, ...]:
    """Work out which collections exist just before `until`, and how their documents differ from the base.

    `entries` begin where the base's oplog begins, in order, each once; those up to `consistent_from`, the base's end,
    may or may not be in the base already. Past `memory_bytes` the effects move to a temporary file.

    Raises PermanentError for an operation drx does not know, and where the oplog contradicts itself or the base.
    """
    budget = Budget(memory_bytes)
    namespaces = Namespaces(database, base, position_of(consistent_from), budget)
    for entry in committed(_until(entries, position_of(until)), position_of(consistent_from)):
        if entry.op == "n":
            continue
        if entry.database != database and not comes_here(entry, database):
            continue
        if entry.op == "c":
            apply_command(namespaces, entry)
        elif entry.collection == VIEWS:
            _apply_view(namespaces, entry)
        else:
            _apply_write(namespaces, entry)
    budget.settle()
    return namespaces.plans()


def _until(entries: Iterable[bytes], limit: int) -> Iterator[Entry]:
    for raw in entries:
        entry = parse(raw)
        if entry.position >= limit:
            return
        yield entry


def _apply_write(namespaces: Namespaces, entry: Entry) -> None:
    name = logical_name(entry.collection)
    if not is_dumped(name):
        return
    changes = namespaces.written(name, entry).changes
    match entry.op:
        case "i":
            changes.insert(entry.o)
        case "u":
            changes.update(identity_of(entry), entry.o, entry.position)
        case "d":
            changes.delete(identity_of(entry))
        case _:
            at = timestamp_of(entry.position)
            raise PermanentError(
                f"the oplog at {at.time}.{at.inc} holds an operation of type {entry.op} on {entry.namespace}, "
                "which drx cannot replay",
                "Restore to a time before it, or from a base taken after it",
            )


def _apply_view(namespaces: Namespaces, entry: Entry) -> None:
    """Follow `system.views`, where servers keep views, and the visible side of time series, as documents."""
    full_name = decoded(entry.o2 or entry.o).get("_id")
    name = str(full_name).partition(".")[2]
    known = namespaces.by_name.get(name)
    if entry.op == "d":
        if known and known.type == "view":
            namespaces.drop(name, None)
        return
    before = encode({"_id": full_name, **(known.options if known else {})}, codec_options=PLAIN)
    options = decoded(entry.o if entry.op == "i" else apply_update(before, entry.o))
    options.pop("_id", None)
    if str(options.get("viewOn")).startswith(BUCKETS):
        return
    if known:
        known.options = options
    else:
        namespaces.create(name, replace(entry, uuid=None), options, "view")
