"""Flatten a stream of oplog entries into the operations that were committed, in commit order. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from drx.backup.documents import elements
from drx.backup.entry import Entry, first_field, parse, timestamp_of
from drx.errors import StepError


def committed(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Give every operation as an entry of its own, at the position at which it took effect.

    The parts of a transaction (`partialTxn`, `prepare`) wait for its last entry or its `commitTransaction`; what is
    aborted, or not committed when the stream ends, never comes out. `multiOpType: 1` marks a vectored insert, which is
    no transaction. Source: the servers' `OplogEntry` and the transactions section of their replication notes.

    Raises StepError where the beginning of a transaction is missing.
    """
    waiting: dict[bytes, list[Entry]] = {}
    for entry in entries:
        command = first_field(entry.o) if entry.op == "c" else ""
        match command:
            case "applyOps":
                yield from _apply_ops(entry, waiting)
            case "commitTransaction":
                yield from _at(entry.position, _begun(entry, waiting))
            case "abortTransaction":
                waiting.pop(entry.transaction or b"", None)
            case _:
                yield entry


def _apply_ops(entry: Entry, waiting: dict[bytes, list[Entry]]) -> Iterator[Entry]:
    fields = {name: (kind, entry.o[start:end]) for name, kind, start, end in elements(entry.o)}
    operations = [child for _, raw in _values(fields[b"applyOps"][1]) for child in _flatten(parse(raw))]
    if entry.transaction is None or entry.vectored:
        yield from _at(entry.position, operations)
        return
    if entry.continues:
        operations = _begun(entry, waiting) + operations
    if any(_is_true(fields.get(name)) for name in (b"partialTxn", b"prepare")):
        waiting[entry.transaction] = operations
    else:
        yield from _at(entry.position, operations)


def _flatten(entry: Entry) -> Iterator[Entry]:
    """Open nested applyOps; their parts belong to the transaction around them."""
    if entry.op == "c" and first_field(entry.o) == "applyOps":
        children = next(entry.o[start:end] for _, _, start, end in elements(entry.o))
        for _, raw in _values(children):
            yield from _flatten(parse(raw))
    else:
        yield entry


def _begun(entry: Entry, waiting: dict[bytes, list[Entry]]) -> list[Entry]:
    operations = waiting.pop(entry.transaction or b"", None)
    if operations is None:
        at = timestamp_of(entry.position)
        raise StepError(
            f"the beginning of the transaction that ends at {at.time}.{at.inc} is not in the archived oplog",
            "Restore from a base that ended after it, or to a time before it",
        )
    return operations


def _at(position: int, operations: Iterable[Entry]) -> Iterator[Entry]:
    return (replace(operation, position=position) for operation in operations)


def _values(array: bytes) -> Iterator[tuple[int, bytes]]:
    return ((kind, array[start:end]) for _, kind, start, end in elements(array))


def _is_true(value: tuple[int, bytes] | None) -> bool:
    return value is not None and any(value[1])
