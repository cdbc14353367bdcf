"""Keep the net effect of the oplog by `_id`: in memory up to a budget, in a private temporary SQLite file past it.

Knows nothing of what an effect means. While the oplog is read, the file is only added to and never asked: an `_id` has
a row in it for each time the memory was emptied. The file has no name and goes with the process.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from drx.backup.format.documents import split
from drx.errors import StepError

DEFAULT_BYTES = 96 << 20
_OVERHEAD = 300  # what one effect takes beside its bytes, measured
_CHUNK = 500
_TABLE = """
CREATE TABLE effects (
    place INTEGER PRIMARY KEY, collection INTEGER NOT NULL, id BLOB NOT NULL, kind INTEGER NOT NULL,
    body BLOB NOT NULL, last TEXT NOT NULL, seen INTEGER NOT NULL
)"""
_INDEX = "CREATE INDEX by_id ON effects (collection, id)"
_OF_ID = "SELECT place, kind, body, last, seen FROM effects WHERE collection = ? AND id = ? ORDER BY place"
_SEEN = "UPDATE effects SET seen = 1 WHERE collection = ? AND id = ?"
_NEXT = "SELECT place, id FROM effects WHERE +collection = ? AND place > ? ORDER BY place LIMIT ?"  # not by the index
_BORN, _GONE, _CHAIN, _REBORN = range(4)  # reborn: deleted and inserted again since the last spill


@dataclass(slots=True)
class Chain:
    """Updates, in order, to a document that is not in memory; `last` is the position of the newest.

    Whoever adds to them condenses them when there are `too_many`.
    """

    updates: list[bytes] = field(default_factory=list)
    last: int = 0
    seen: bool = False
    too_many: int = 8


Effect = bytes | Chain | None
"""A document born in the oplog, updates to one that was there before, or None for a deleted one."""

_Row = tuple[int, int, bytes, str, int]


class Untouched:
    """Marks an `_id` that nothing in memory names."""


UNTOUCHED = Untouched()


@contextmanager
def _failures() -> Iterator[None]:
    """Turn what SQLite says of the temporary file into an error for a person."""
    try:
        yield
    except sqlite3.Error as error:
        raise StepError(
            f"the temporary file for what does not fit in memory: {error}",
            "Free room where temporary files lie, or let SQLITE_TMPDIR name a directory that has it",
        ) from None


class Budget:
    """The memory that all collections of one fold share."""

    def __init__(self, limit_bytes: int = DEFAULT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._used_bytes = 0
        self._effects: list[Effects] = []
        self._places = 0
        self.lock = threading.Lock()
        self.file: sqlite3.Connection | None = None

    def enter(self, effects: "Effects") -> int:
        """Let one more collection share the budget; its number tells it apart in the file."""
        self._effects.append(effects)
        return len(self._effects)

    def charge(self, size_bytes: int) -> None:
        """Count what was put in memory, and empty the memory when that is too much."""
        self._used_bytes += size_bytes
        if self._used_bytes > self._limit_bytes:
            self.spill()

    def settle(self) -> None:
        """Put everything in one place, once nothing more is put: from here on threads may read side by side."""
        if self.file:
            self.spill()
            with _failures():
                self.file.execute(_INDEX)

    def spill(self) -> None:
        """Move every effect to the file.

        Raises StepError where there is no room for it.
        """
        with self.lock, _failures():
            if self.file is None:
                self.file = sqlite3.connect("", check_same_thread=False, isolation_level=None)
                self.file.execute("PRAGMA journal_mode = OFF")
                self.file.execute(_TABLE)
            self.file.execute("BEGIN")
            for effects in self._effects:
                self.file.executemany("INSERT INTO effects VALUES (?, ?, ?, ?, ?, ?, ?)", effects.drain(self._places))
                self._places = max(self._places, effects.next_place)
            self.file.execute("COMMIT")
        self._used_bytes = 0


class Effects:
    """The effects on one collection, in the order in which they began."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._memory: dict[bytes, Effect] = {}
        self._reborn: set[bytes] = set()
        self._number = budget.enter(self)
        self.drained = False
        self.next_place = 0

    def __bool__(self) -> bool:
        return bool(self._memory) or self.drained

    def recent(self, identity: bytes) -> Effect | Untouched:
        """Find what is in memory of the effect on one document, while more is put."""
        return self._memory.get(identity, UNTOUCHED)

    def put(self, identity: bytes, effect: Effect) -> None:
        """Keep an effect in place of the recent one; a document born takes the last place unless it was born before."""
        before = self._memory.get(identity, UNTOUCHED)
        if isinstance(effect, bytes) and not isinstance(before, bytes):
            self._memory.pop(identity, None)
            if before is None:
                self._reborn.add(identity)
        self._memory[identity] = effect
        added = _OVERHEAD if isinstance(before, Untouched) else -_size(before)
        self._budget.charge(added + _size(effect))

    def grow(self, size_bytes: int) -> None:
        """Count what a chain in memory grew by, or shrank."""
        self._budget.charge(size_bytes)

    def get(self, identity: bytes) -> Sequence[Effect]:
        """Give the effects on one document, in order, once the budget was settled; nothing where there are none."""
        effect = self._memory.get(identity, UNTOUCHED)
        if not isinstance(effect, Untouched):
            return (effect,)
        return tuple(_effect(row) for row in self._rows(identity)) if self.drained else ()

    def see(self, identity: bytes, effect: Chain) -> None:
        """Note that the base holds the document a chain of updates belongs to."""
        if identity in self._memory:
            effect.seen = True
        else:
            with self._budget.lock, _failures():
                assert self._budget.file
                self._budget.file.execute(_SEEN, (self._number, identity))

    def items(self) -> Iterator[tuple[bytes, Sequence[Effect]]]:
        """Give the effects on every document, by place, once the budget was settled."""
        yield from ((identity, (effect,)) for identity, effect in self._memory.items())
        place = -1
        while self.drained and (page := self._page(place)):
            for place, identity in page:
                rows = self._rows(identity)
                if place == _place(rows):
                    yield identity, tuple(_effect(row) for row in rows)

    def drain(self, place: int) -> Iterator[tuple[int, int, bytes, int, bytes, str, bool]]:
        """Give up everything in memory, as rows from `place` on."""
        memory, self._memory = self._memory, {}
        reborn, self._reborn = self._reborn, set()
        self.drained = self.drained or bool(memory)
        self.next_place = place + len(memory)
        for number, (identity, effect) in enumerate(memory.items(), place):
            match effect:
                case Chain():
                    body = b"".join(effect.updates)
                    yield number, self._number, identity, _CHAIN, body, str(effect.last), effect.seen
                case None:
                    yield number, self._number, identity, _GONE, b"", "0", False
                case _:
                    kind = _REBORN if identity in reborn else _BORN
                    yield number, self._number, identity, kind, effect, "0", False

    def _rows(self, identity: bytes) -> list[_Row]:
        with self._budget.lock, _failures():
            assert self._budget.file
            return self._budget.file.execute(_OF_ID, (self._number, identity)).fetchall()

    def _page(self, place: int) -> list[tuple[int, bytes]]:
        with self._budget.lock, _failures():
            assert self._budget.file
            return self._budget.file.execute(_NEXT, (self._number, place, _CHUNK)).fetchall()


def _place(rows: Sequence[_Row]) -> int:
    """Tell where a document stands that has these rows: where it was last born, if it was."""
    born = None
    for place, kind, *_ in rows:
        if kind == _GONE:
            born = None
        elif kind == _REBORN or (kind == _BORN and born is None):
            born = place
    return rows[0][0] if born is None else born


def _effect(row: _Row) -> Effect:
    _, kind, body, last, seen = row
    if kind == _CHAIN:
        return Chain(split(body), int(last), bool(seen))
    return None if kind == _GONE else body


def _size(effect: Effect) -> int:
    return sum(map(len, effect.updates)) if isinstance(effect, Chain) else len(effect or b"")
