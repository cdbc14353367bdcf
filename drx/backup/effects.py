"""Keep the net effect of the oplog by `_id`: in memory up to a budget, in a private temporary SQLite file past it.

Knows nothing of what an effect means. The file has no name and goes with the process.
"""

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

from drx.backup.documents import split

DEFAULT_BYTES = 96 << 20
_OVERHEAD = 300  # what one effect takes beside its bytes, measured
_CHUNK = 500
_TABLE = """
CREATE TABLE effects (
    place INTEGER PRIMARY KEY, collection INTEGER NOT NULL, id BLOB NOT NULL, kind INTEGER NOT NULL,
    body BLOB NOT NULL, last TEXT NOT NULL, seen INTEGER NOT NULL, UNIQUE (collection, id)
)"""
_PUT = """
INSERT INTO effects VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (collection, id) DO UPDATE SET
    place = CASE WHEN kind IN (0, 3) AND excluded.kind = 0 THEN place ELSE excluded.place END,
    kind = excluded.kind, body = excluded.body, last = excluded.last, seen = excluded.seen"""
_BORN, _GONE, _CHAIN, _REBORN = range(4)  # reborn: deleted and inserted again since the last spill


@dataclass(slots=True)
class Chain:
    """Updates, in order, to a document that only the base holds; `last` is the position of the newest."""

    updates: list[bytes] = field(default_factory=list)
    last: int = 0
    seen: bool = False


Effect = bytes | Chain | None
"""A document born in the oplog, updates to one of the base, or None for a deleted one."""


class Untouched:
    """Marks an `_id` the oplog never named."""


UNTOUCHED = Untouched()


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
        self._used_bytes += size_bytes + _OVERHEAD
        if self._used_bytes > self._limit_bytes:
            self.spill()

    def settle(self) -> None:
        """Put everything in one place, once nothing more is put: from here on threads may read side by side."""
        if self.file:
            self.spill()

    def spill(self) -> None:
        """Move every effect to the file."""
        with self.lock:
            if self.file is None:
                self.file = sqlite3.connect("", check_same_thread=False, isolation_level=None)
                self.file.execute("PRAGMA journal_mode = OFF")
                self.file.execute(_TABLE)
            for effects in self._effects:
                self.file.execute("BEGIN")
                self.file.executemany(_PUT, effects.drain(self._places))
                self.file.execute("COMMIT")
                self._places = max(self._places, effects.next_place)
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

    def get(self, identity: bytes) -> Effect | Untouched:
        """Find the effect on one document."""
        effect = self._memory.get(identity, UNTOUCHED)
        if effect is not UNTOUCHED or not self.drained:
            return effect
        row = self._select("SELECT kind, body, last, seen FROM effects WHERE collection = ? AND id = ?", identity)
        return _effect(*row) if row else UNTOUCHED

    def put(self, identity: bytes, effect: Effect, size_bytes: int = 0) -> None:
        """Keep an effect; a document born takes the last place unless it was born already."""
        born = isinstance(effect, bytes) and not isinstance(self._memory.get(identity), bytes)
        if born and self._memory.pop(identity, UNTOUCHED) is None:
            self._reborn.add(identity)
        self._memory[identity] = effect
        self._budget.charge(size_bytes)

    def see(self, identity: bytes, effect: Chain) -> None:
        """Note that the base holds the document a chain of updates belongs to."""
        if identity in self._memory:
            effect.seen = True
        else:
            self._select("UPDATE effects SET seen = 1 WHERE collection = ? AND id = ?", identity)

    def items(self) -> Iterator[tuple[bytes, Effect]]:
        """Give every effect, by place, when no more are put and the budget was settled."""
        yield from self._memory.items()
        if not self.drained:
            return
        place = -1
        query = (
            "SELECT place, id, kind, body, last, seen FROM effects WHERE collection = ? AND place > ? ORDER BY place"
        )
        while rows := self._page(query, place):
            place = rows[-1][0]
            yield from ((row[1], _effect(*row[2:])) for row in rows)

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

    def _select(self, query: str, identity: bytes) -> tuple[int, bytes, str, int] | None:
        with self._budget.lock:
            assert self._budget.file
            row: tuple[int, bytes, str, int] | None = self._budget.file.execute(
                query, (self._number, identity)
            ).fetchone()
            return row

    def _page(self, query: str, place: int) -> list[tuple[int, bytes, int, bytes, str, int]]:
        with self._budget.lock:
            assert self._budget.file
            return self._budget.file.execute(f"{query} LIMIT {_CHUNK}", (self._number, place)).fetchall()


def _effect(kind: int, body: bytes, last: str, seen: int) -> Effect:
    if kind == _CHAIN:
        return Chain(split(body), int(last), bool(seen))
    return None if kind == _GONE else body
