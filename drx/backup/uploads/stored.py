"""What a store holds of the uploads already, in bounded memory. Changes nothing in the store."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from drx.backup.stores.base import Store
from drx.backup.uploads.points import Item, list_points, prefix_of, read_items
from drx.errors import DamagedError, StoreError


class Stored:
    """The bytes that are there, by name, and what the newest point says of them.

    A name tells nothing of an object's key, so that the listing of the store and that of the bucket come in different
    orders: sizes by name lie in a temporary database, which SQLite keeps on disk.
    """

    def __init__(self, sizes: sqlite3.Connection, items: Iterator[Item]) -> None:
        self._sizes, self._items = sizes, items
        self._next = next(items, None)

    def holds(self, item: Item) -> bool:
        """Whether the bytes of this very version are there."""
        found = self._sizes.execute("SELECT size FROM stored WHERE name = ?", (item.object,)).fetchone()
        return found is not None and bool(found[0] == item.size_bytes)

    def before(self, item: Item) -> Item | None:
        """Give what the newest point says of the same version; ask in the order of keys."""
        wanted = item.key.encode()
        while self._next and self._next.key.encode() < wanted:
            self._next = next(self._items, None)
        found = self._next
        return found if found and found.key == item.key and found.object == item.object else None


@contextmanager
def opened(store: Store, service: str, check: Callable[[], None]) -> Iterator[Stored]:
    """List what a store holds, for as long as the block runs; ask it from this thread only."""
    prefix = f"{prefix_of(service)}objects/"

    def rows() -> Iterator[tuple[str, int]]:
        for entry in store.list(prefix):
            check()
            yield entry.key.removeprefix(prefix), entry.size_bytes

    with closing(sqlite3.connect("")) as sizes:  # no name: a temporary file, removed when it is closed
        sizes.execute("CREATE TABLE stored (name TEXT PRIMARY KEY, size INTEGER) WITHOUT ROWID")
        sizes.executemany("INSERT INTO stored VALUES (?, ?)", rows())
        yield Stored(sizes, _newest(store, service))


def _newest(store: Store, service: str) -> Iterator[Item]:
    """Read the newest point whose inventory is whole; a damaged one only means that more is read or copied."""
    try:
        points = list_points(store, service)
    except DamagedError:
        return
    if points:
        try:
            yield from read_items(store, service, points[-1])
        except (DamagedError, StoreError):
            return
