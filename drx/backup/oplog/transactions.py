"""Flatten a stream of oplog entries into the operations that were committed, in commit order. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from drx.backup.format.documents import elements
from drx.backup.oplog.entry import Entry, first_field, parse, timestamp_of
from drx.errors import StepError


def committed(entries: Iterable[Entry], known_until: int) -> Iterator[Entry]:
    """Give every operation as an entry of its own, at the position at which it took effect.

    The parts of a transaction (`partialTxn`, `prepare`) wait for its last entry or its `commitTransaction`; what is
    aborted, or not committed when the stream ends, never comes out. So do those of a write that a server made in
    batches, which has no session: it is written in one go, so that there is one at a time. `multiOpType` marks what is
    applied by itself, such as a vectored insert. Source: the servers' `OplogEntry` and the transactions section of
    their replication notes.

    Up to `known_until` a transaction may end that began before the stream: it was over when the stream began, and is
    in the base. Raises StepError where the beginning of any other is missing.
    """
    waiting: dict[bytes, list[Entry]] = {}
    for entry in entries:
        command, key = first_field(entry.o) if entry.op == "c" else "", entry.transaction or b""
        begun = waiting.pop(key, []) if goes_on(entry, command) else []
        if goes_on(entry, command) and not begun and not entry.vectored:
            if is_unfinished(entry) or entry.position > known_until:
                raise _headless(entry)
            continue
        match command:
            case "applyOps" if is_unfinished(entry):
                waiting[key] = [*begun, entry]
            case "applyOps":
                yield from _operations([*begun, entry], entry.position)
            case "commitTransaction":
                yield from _operations(begun, entry.position)
            case "abortTransaction":
                waiting.pop(key, None)
            case _:
                yield entry


def goes_on(entry: Entry, command: str) -> bool:
    """Tell an entry that goes on with a transaction, or ends it; a vectored one may stand alone all the same."""
    return command == "commitTransaction" or (command == "applyOps" and entry.continues)


def is_unfinished(entry: Entry) -> bool:
    """Tell a part of a transaction that more has to follow."""
    return any(
        name in (b"partialTxn", b"prepare") and any(entry.o[start:end]) for name, _, start, end in elements(entry.o)
    )


def _operations(parts: Iterable[Entry], position: int) -> Iterator[Entry]:
    """Open applyOps one by one, as of one position; what waits, waits as it came."""
    return (replace(operation, position=position) for part in parts for operation in _flatten(part))


def _flatten(entry: Entry) -> Iterator[Entry]:
    """Open nested applyOps; their parts belong to the transaction around them."""
    if entry.op == "c" and first_field(entry.o) == "applyOps":
        children = next(entry.o[start:end] for name, _, start, end in elements(entry.o) if name == b"applyOps")
        for _, raw in _values(children):
            yield from _flatten(parse(raw))
    else:
        yield entry


def _headless(entry: Entry) -> StepError:
    at = timestamp_of(entry.position)
    return StepError(
        f"the beginning of the transaction that ends at {at.time}.{at.inc} is not in the archived oplog",
        "Restore from a base that ended after it, or to a time before it",
    )


def _values(array: bytes) -> Iterator[tuple[int, bytes]]:
    return ((kind, array[start:end]) for _, kind, start, end in elements(array))
