"""Flatten a stream of oplog entries into the operations that were committed, in commit order."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

from drx.backup.format.documents import elements
from drx.backup.oplog.entry import Entry, first_field, parse, timestamp_of
from drx.backup.oplog.parts import Parts
from drx.errors import StepError


def committed(entries: Iterable[Entry], known_until: int) -> Iterator[Entry]:
    """Give every operation as an entry of its own, at the position at which it took effect.

    The parts of a transaction (`partialTxn`, `prepare`) wait for its last entry or its `commitTransaction`; what is
    aborted, or not committed when the stream ends, never comes out. So do those of a write that a server made in
    batches, which has no session: it is written in one go, so that there is one at a time. Large ones wait in a
    temporary file. `multiOpType` marks what is applied by itself, such as a vectored insert. Source: the servers'
    `OplogEntry` and the transactions section of their replication notes.

    Up to `known_until` a transaction may end that began before the stream: it was over when the stream began, and is
    in the base. Raises StepError where the beginning of any other is missing, and where the file finds no room.
    """
    waiting = Parts()
    for entry in entries:
        command, key = first_field(entry.o) if entry.op == "c" else "", entry.transaction or b""
        if goes_on(entry, command) and key not in waiting and not entry.vectored:
            if is_unfinished(entry) or entry.position > known_until:
                raise _headless(entry)
            continue
        match command:
            case "applyOps" if is_unfinished(entry):
                waiting.add(key, entry.o, anew=not goes_on(entry, command))
            case "applyOps":
                begun = waiting.take(key) if goes_on(entry, command) else ()
                yield from _operations(chain(begun, (entry.o,)), entry.position)
            case "commitTransaction":
                yield from _operations(waiting.take(key), entry.position)
            case "abortTransaction":
                waiting.drop(key)
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


def _operations(commands: Iterable[bytes], position: int) -> Iterator[Entry]:
    """Open applyOps one by one, as of one position; what waits, waits as it came."""
    return (replace(operation, position=position) for command in commands for operation in _opened(command))


def _opened(command: bytes) -> Iterator[Entry]:
    """Open nested applyOps; their parts belong to the transaction around them."""
    children = next(command[start:end] for name, _, start, end in elements(command) if name == b"applyOps")
    for _, _, start, end in elements(children):
        entry = parse(children[start:end])
        if entry.op == "c" and first_field(entry.o) == "applyOps":
            yield from _opened(entry.o)
        else:
            yield entry


def _headless(entry: Entry) -> StepError:
    at = timestamp_of(entry.position)
    return StepError(
        f"the beginning of the transaction that ends at {at.time}.{at.inc} is not in the archived oplog",
        "Restore from a base that ended after it, or to a time before it",
    )
