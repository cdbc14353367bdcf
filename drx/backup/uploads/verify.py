"""Hold what a store has of the uploads against its points. Only reads."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from hashlib import sha256

from drx.backup.stores.base import Store
from drx.backup.uploads.points import Item, Point, check_inventory, list_points, prefix_of, read_items
from drx.backup.uploads.stored import opened
from drx.backup.workers import Meter, side_by_side
from drx.errors import DamagedError, StoreError

_WORKERS = 8
_NAMED = 1000


def missing(store: Store, service: str, point: Point, check: Callable[[], None]) -> int:
    """Count the objects of a point whose bytes are not there, or have another size; reads no object.

    Raises DamagedError where the inventory is not what was written.
    """
    check_inventory(store, service, point)
    with opened(store, service, check) as there:
        return sum(1 for item in read_items(store, service, point) if item.object and not there.holds(item))


def verify_points(
    store: Store, service: str, progress: Callable[[int, int | None, str], None], cancelled: Callable[[], bool],
    check: Callable[[], None],
) -> tuple[int, tuple[str, ...]]:  # fmt: skip
    """Read every point back, and every object once that one names; give how many points there are, and what is damaged.

    Bytes are held against their SHA-256 where they passed through drx, else their number against the inventory.
    """
    try:
        points = list_points(store, service)
    except DamagedError as error:
        return 0, (error.message,)
    damaged: list[str] = []
    meter = Meter(progress, None, "objects")

    def read(item: Item, check: Callable[[], None]) -> None:
        if line := _read(store, f"{prefix_of(service)}objects/{item.object}", item, check):
            damaged.append(line)
            if len(damaged) >= _NAMED:
                raise StoreError(f"more than {_NAMED:,} objects of the uploads are damaged: {line}", "Use another copy")
        meter.add(1)

    # One thread asks at a time.
    with closing(sqlite3.connect("", check_same_thread=False)) as seen:
        seen.execute("CREATE TABLE seen (name TEXT PRIMARY KEY) WITHOUT ROWID")
        side_by_side(read, _once(store, service, points, seen, damaged, check), _WORKERS, cancelled)
    return len(points), tuple(damaged)


def _once(
    store: Store, service: str, points: Sequence[Point], seen: sqlite3.Connection, damaged: list[str],
    check: Callable[[], None],
) -> Iterator[Item]:  # fmt: skip
    """Give each stored object that a point names, once; a damaged inventory is told, and the others are read."""
    for point in points:
        try:
            check_inventory(store, service, point)
        except StoreError as error:
            damaged.append(error.message)
            continue
        for item in read_items(store, service, point):
            check()
            if item.object and seen.execute("INSERT OR IGNORE INTO seen VALUES (?)", (item.object,)).rowcount:
                yield item


def _read(store: Store, key: str, item: Item, check: Callable[[], None]) -> str:
    """Read one object; say what is wrong with it."""
    checksum, size = sha256(), 0
    try:
        for data in store.stream(key):
            check()
            checksum.update(data)
            size += len(data)
    except StoreError as error:
        return error.message
    if size != item.size_bytes or (item.sha256 and checksum.hexdigest() != item.sha256):
        return f"{store.describe()}/{key} is not what was backed up of {item.key}"
    return ""
