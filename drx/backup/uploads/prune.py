"""Delete points of the uploads that no rule keeps, then the bytes that no point names. Safe to interrupt and repeat.

A point's note goes first, so that it no longer counts. Whoever calls holds the lock of the uploads in this store: what
an inventory is about to name has to stay.
"""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from drx.backup.holdings.pruned import Decision, Pruned
from drx.backup.holdings.retention import Rules, periodic
from drx.backup.stores.base import Entry, Store
from drx.backup.uploads.points import Point, inventory_key, list_points, note_key, prefix_of, read_items
from drx.backup.workers import side_by_side
from drx.errors import DamagedError
from drx.units import show_duration

_WORKERS = 8


def judge_points(points: Sequence[Point], rules: Rules) -> list[tuple[Point, tuple[str, ...]]]:
    """Say why each point is kept, the oldest first; one without a reason goes. Pure.

    The rules are those of bases; each bucket is judged by itself, and its last point always stays.
    """
    reasons: dict[str, list[str]] = {point.id: [] for point in points}
    within = f"within {show_duration(rules.policy.within)}"
    for bucket in {point.bucket for point in points}:
        own = sorted((each for each in points if each.bucket == bucket), key=lambda each: each.at, reverse=True)
        for point in own:
            if point.at > rules.edge:
                reasons[point.id].append(within)
        for point in [each for each in own if each.at <= rules.edge][:1]:
            reasons[point.id].append(f"{within}: the seconds up to the next point need it")
        for number, reason in periodic([point.at for point in own], rules.policy):
            reasons[own[number].id].append(reason)
        fewest = max(rules.policy.minimum, 1)
        for point in own[:fewest]:
            reasons[point.id].append(f"one of the newest {fewest}" if fewest > 1 else "the last one")
    return [(point, tuple(reasons[point.id])) for point in sorted(points, key=lambda each: each.at)]


def prune_uploads(
    store: Store, service: str, rules: Rules, outcome: Pruned, *, dry_run: bool, check: Callable[[], None], hold: str
) -> None:
    """Judge every point of a store, delete those that no rule keeps, and the bytes that none of the others names.

    Nothing goes while there is a reason to hold it, nor while a note or an inventory cannot be read: nobody knows then
    what it names. Bytes that were written lately stay, for an interrupted pass goes on with them. Raises StoreError.
    """
    try:
        points = list_points(store, service)
    except DamagedError as error:
        outcome.damaged.append(f"uploads: {error.message}")
        return
    work = _Pruning(store, service, rules, outcome, dry_run, check)
    judged = judge_points(points, rules)
    doomed: list[Point] = []
    for point, rules_say in judged:
        other = hold if rules_say or hold else store.protection(note_key(service, point.id))
        reasons = rules_say or ((other,) if other else ())
        outcome.decisions.append(work.decision(point, reasons))
        doomed += [] if reasons else [point]
    if hold:
        return
    with closing(sqlite3.connect("", check_same_thread=False)) as named:  # a temporary file; one thread asks at a time
        if not work.read_names(named, [point for point, _ in judged if point not in doomed]):
            return
        for point in doomed:
            work.delete_point(point)
        work.delete_objects(named)


@dataclass(frozen=True)
class _Pruning:
    store: Store
    service: str
    rules: Rules
    outcome: Pruned
    dry_run: bool
    check: Callable[[], None]

    def decision(self, point: Point, reasons: tuple[str, ...]) -> Decision:
        size = sum(entry.size_bytes for entry in self.store.list(inventory_key(self.service, point.id)))
        return Decision(point.id, "point", bool(reasons), reasons or ("no rule keeps it",), size)

    def read_names(self, named: sqlite3.Connection, kept: Sequence[Point]) -> bool:
        """Note which bytes the points that stay name; False where one cannot be read."""
        named.execute("CREATE TABLE named (name TEXT PRIMARY KEY) WITHOUT ROWID")
        for point in kept:
            try:
                for item in read_items(self.store, self.service, point):
                    self.check()
                    named.execute("INSERT OR IGNORE INTO named VALUES (?)", (item.object,))
            except DamagedError as error:
                self.outcome.damaged.append(f"{point.id}: {error.message}")
                return False
        return True

    def delete_point(self, point: Point) -> None:
        inventory = inventory_key(self.service, point.id)
        size = sum(entry.size_bytes for entry in self.store.list(inventory))
        with self.outcome.counting(size, self.check):
            if not self.dry_run:
                self.store.delete(note_key(self.service, point.id))
                self.store.delete(inventory)

    def delete_objects(self, named: sqlite3.Connection) -> None:
        """Delete what no point names, many at a time; a dry run only adds it up."""
        sizes: list[int] = []

        def delete(entry: Entry, check: Callable[[], None]) -> None:
            check()
            if not self.dry_run:
                self.store.delete(entry.key)
            sizes.append(entry.size_bytes)

        with self.outcome.counting(0, self.check, 0):
            side_by_side(delete, self._unnamed(named), _WORKERS, lambda: False)
        if sizes:
            self.outcome.deleted += 1
            self.outcome.freed_bytes += sum(sizes)
            self.outcome.decisions.append(
                Decision("bytes of uploads", "objects", False, ("no point names them",), sum(sizes), len(sizes))
            )

    def _unnamed(self, named: sqlite3.Connection) -> Iterator[Entry]:
        prefix = f"{prefix_of(self.service)}objects/"
        before = self.rules.now - self.rules.unfinished_for
        for entry in self.store.list(prefix):
            self.check()
            query = named.execute("SELECT 1 FROM named WHERE name = ?", (entry.key.removeprefix(prefix),))
            if query.fetchone() is None and entry.written_at and entry.written_at < before:
                yield entry
