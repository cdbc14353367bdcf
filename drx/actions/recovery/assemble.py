"""Put a recovery together: the base, its chain of oplog, the fold. Reads stores; writes only through drx.backup."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bson import Timestamp, decode

from drx.actions.base import Context
from drx.actions.recovery.bases import Origin, base_before, own_bases
from drx.actions.recovery.points import BeforeOperation, Point, UpToOperation, show_point
from drx.actions.recovery.restorable import restorable
from drx.backup.format.catalog import Skip, list_differentials, list_slices
from drx.backup.format.digest import Digest, digest_of
from drx.backup.format.manifest import PLAIN, Manifest, Restored, RestoredCollection, parse_timestamp, show_timestamp
from drx.backup.format.members import read_member
from drx.backup.oplog.detour import around_damage
from drx.backup.oplog.fold import BaseCollection, CollectionPlan, fold
from drx.backup.oplog.history import Event, find_events
from drx.backup.oplog.moments import until_after, until_before, until_second
from drx.backup.oplog.slices import Chain, best_chain, find_chain, read_chain
from drx.backup.stores.base import Store
from drx.errors import DamagedError, PermanentError

if TYPE_CHECKING:
    from drx.values import Json

_CHUNK = 1000


@dataclass(frozen=True)
class Recovery:
    """Everything that a restore to one moment needs, worked out before anything is written."""

    manifest: Manifest
    until: Timestamp
    """Operations before this are in it."""
    plans: tuple[CollectionPlan, ...]
    proven_until: datetime
    """When the last operation in it was written."""
    unused: tuple[str, ...] = ()
    """Damaged manifests, bases and differentials that it does without, by name."""

    def only(self, collections: Sequence[str]) -> "Recovery":
        """Leave everything out but these collections; without any, nothing.

        Raises PermanentError for one that does not exist at that moment.
        """
        if unknown := sorted(set(collections) - {item.name for item in self.plans}):
            there = ", ".join(item.name for item in self.plans) or "none"
            raise PermanentError(f"there is no collection {unknown[0]} at that moment", f"There are: {there}")
        plans = tuple(item for item in self.plans if not collections or item.name in collections)
        return replace(self, plans=plans)

    def outputs(self, database: str, digest: Digest) -> "dict[str, Json]":
        """What restore and verify tell later steps."""
        return {
            "database": database,
            "base": self.manifest.id,
            "restored_to": show_timestamp(self.until),
            "last_write": self.proven_until.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "documents": digest.count,
            "size_bytes": digest.size_bytes,
            "digest": f"{digest.total:032x}",
        }


def plan_recovery(store: Store, origin: Origin, point: Point | None, context: Context) -> Recovery:
    """Choose the base for a moment and fold the oplog after it.

    A damaged manifest stands in the way of what needs it alone; instead of a base that lacks an object, the one before
    it is taken, and instead of a damaged differential an older one or the slices. Raises PermanentError where no base
    or no whole chain leads to the moment, StoreError where a slice is damaged.
    """
    unused: list[DamagedError] = []
    differentials = list_differentials(store, origin.service, unused.append)
    try:
        manifest, until = _locate(store, origin, point, context, differentials, unused.append)
        plans, last_write = around_damage(
            differentials,
            lambda left: _folded(store, origin, manifest, until, context, left, unused.append),
            unused.append,
        )
    except PermanentError as error:
        error.message += "".join(f"; {each}" for each in _named(unused)[:2]) + restorable(
            store, origin.service, origin.database
        )
        raise
    proven_until = max(last_write, _moment(manifest.end))
    return Recovery(manifest, until, plans, proven_until, _named(unused))


def _named(unused: Iterable[DamagedError]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found.message for found in unused))


def _folded(
    store: Store, origin: Origin, manifest: Manifest, until: Timestamp, context: Context,
    differentials: Sequence[Manifest], skip: Skip,
) -> tuple[tuple[CollectionPlan, ...], datetime]:  # fmt: skip
    """Fold what lies between a base and a moment; give when the last of it was written, too."""
    chain = read_chain(store, origin.service, manifest, until, skip, differentials)
    entries = _Entries(_watched(chain, context))
    base = [
        BaseCollection(found.name, found.uuid, found.options, found.indexes, found.type)
        for found in manifest.collections
    ]
    plans = fold(entries, database=manifest.database, base=base, until=until, consistent_from=manifest.end)
    return plans, entries.last_write()


def _locate(
    store: Store, origin: Origin, point: Point | None, context: Context, differentials: Sequence[Manifest], skip: Skip
) -> tuple[Manifest, Timestamp]:
    """Find base and limit. Which moment is the newest, and which event, only whole manifests tell."""
    if point is None:
        newest = base_before(store, origin, None)
        until = until_after(best_chain(newest, list_slices(store, origin.service), differentials, None).end)
    elif isinstance(point, BeforeOperation) and not isinstance(point.before, str):
        until = _locate_event(store, origin, point, context)
    else:
        until = _until(point)
    return base_before(store, origin, until, skip), until


def _until(point: Point) -> Timestamp:
    """Give the moment up to which, exclusive, operations are taken."""
    match point:
        case datetime():
            return until_second(point)
        case UpToOperation(up_to=timestamp):
            return until_after(_timestamp(timestamp))
        case BeforeOperation(before=timestamp):
            return until_before(_timestamp(str(timestamp)))


def _timestamp(text: str) -> Timestamp:
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise PermanentError(str(error), "Give it as backup.find_event does") from None


def _locate_event(store: Store, origin: Origin, point: BeforeOperation, context: Context) -> Timestamp:
    """Find the newest such event in the archived oplog, looking after the newest base first."""
    assert isinstance(point.before, dict)
    for manifest in reversed(own_bases(store, origin)):
        wanted = {(kind, qualified(kind, name, manifest.database)) for kind, name in point.before.items()}
        events = archived_events(store, origin.service, manifest, manifest.end, list(point.before), context)
        fitting = [event for event in events if wanted.intersection((event.kind, name) for name in event.names)]
        if fitting:
            return until_before(fitting[-1].ts)
    raise PermanentError(
        f"the archived oplog holds nothing that is {show_point(point).removeprefix('just before ')}",
        "Take an emergency slice first, and see what `backup.find_event` finds",
    )


def qualified(kind: str, name: str, database: str) -> str:
    """Complete a collection's name with its database, as events have it."""
    return name if kind == "dropDatabase" or name.startswith(f"{database}.") else f"{database}.{name}"


def chain_of(store: Store, service: str, manifest: Manifest, skip: Skip | None = None) -> Chain:
    """Find the slices that continue a base, as far as they reach; `skip` as in `list_slices`."""
    return find_chain(manifest, list_slices(store, service, skip))


def archived_events(
    store: Store, service: str, manifest: Manifest, since: Timestamp, kinds: list[str], context: Context,
    skip: Skip | None = None,
) -> list[Event]:  # fmt: skip
    """List what happened from a moment on, as far as a base's chain reaches, oldest first."""
    end = chain_of(store, service, manifest, skip).end
    if end <= manifest.end:
        return []
    entries = _watched(read_chain(store, service, manifest, until_after(end), skip), context)
    return find_events(entries, kinds=kinds, database=manifest.database, since=since)


def archived_end(store: Store, service: str, manifest: Manifest, context: Context) -> str:
    """Read every slice that continues a base, and tell up to where they, or they and a differential, reach.

    Raises PermanentError or StoreError where one is damaged.
    """
    slices, differentials = list_slices(store, service), list_differentials(store, service)
    reached = manifest.end
    for usable in ((), differentials):
        end = best_chain(manifest, slices, usable, None).end
        if end > reached:
            chain = read_chain(store, service, manifest, until_after(end), differentials=usable)
            for _ in _watched(chain, context):
                pass
            reached = end
    return show_timestamp(reached)


def expected(store: Store, recovery: Recovery, database: str, context: Context) -> Restored:
    """Work out, from the store alone, what has to stand in a database after this recovery."""
    return Restored(
        database,
        tuple(
            RestoredCollection(
                item.name, item.type, item.options, item.indexes, _expected_digest(store, recovery, item, context)
            )
            for item in sorted(recovery.plans, key=lambda item: item.name)
        ),
    )


def _expected_digest(store: Store, recovery: Recovery, item: CollectionPlan, context: Context) -> Digest:
    total = Digest()
    if item.type == "view":
        return total
    manifest = recovery.manifest
    path = next((found.data for found in manifest.collections if found.name == item.origin), None)
    for member in manifest.file(path).members if path else ():
        context.check()
        documents = read_member(store, manifest.prefix + path if path else "", member)
        total += digest_of(final for each in documents if (final := item.changes.apply(each)) is not None)
    return total + digest_of(item.changes.born())


def _moment(timestamp: Timestamp) -> datetime:
    return datetime.fromtimestamp(timestamp.time, UTC)


def _watched(entries: Iterable[bytes], context: Context) -> Iterator[bytes]:
    for number, raw in enumerate(entries):
        if number % _CHUNK == 0:
            context.check()
        yield raw


class _Entries:
    """Passes entries on, and remembers the last one that wrote something."""

    def __init__(self, entries: Iterator[bytes]) -> None:
        self._entries = entries
        self._last: bytes | None = None

    def __iter__(self) -> Iterator[bytes]:
        for raw in self._entries:
            if b"\x02op\0\x02\0\0\0n\0" not in raw:
                self._last = raw
            yield raw

    def last_write(self) -> datetime:
        """Tell when it was written, by the server's clock; the beginning of time where nothing was."""
        if self._last is None:
            return datetime.fromtimestamp(0, UTC)
        entry = decode(self._last, PLAIN)
        wall = entry.get("wall")
        return wall if isinstance(wall, datetime) else _moment(entry["ts"])  # type: ignore[arg-type]
