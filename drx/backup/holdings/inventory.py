"""What a store holds of a service, one short record for each backup and slice. Reads listings and manifests only.

Manifests are opened one after the other and not kept: a base's may be large. What is damaged or unfinished is a record
like any other, and hides nothing.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal, TypeVar

from bson import Timestamp

from drx.backup.format.manifest import Manifest, SliceManifest, parse_timestamp
from drx.backup.format.pieces import Listed, list_backups, list_oplog, open_piece
from drx.backup.format.restore_tests import RestoreTest, read_tests
from drx.backup.stores.base import Store
from drx.errors import DamagedError

Kind = Literal["full", "differential"]
State = Literal["whole", "damaged", "incomplete"]

_READERS = 8
_A = TypeVar("_A")
_B = TypeVar("_B")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a backup's manifest says of it."""

    database: str
    start: Timestamp
    end: Timestamp
    started_at: datetime
    finished_at: datetime
    collections: int
    documents: int
    size_bytes: int
    """Bytes of BSON in it."""
    oplog_entries: int
    server_version: str
    drx_version: str
    parent: str | None
    server: str | None = None

    @property
    def consistent_at(self) -> datetime:
        """The moment it restores to by itself."""
        return moment_of(self.end)


@dataclass(frozen=True, slots=True)
class Backup:
    """A base or a differential as a store holds it, under keys that begin with `name`. Only a whole one is restored."""

    name: str
    id: str
    kind: Kind
    state: State
    problem: str = ""
    """Why it is not whole."""
    files: int = 0
    stored_bytes: int = 0
    uploads: int = 0
    """How many uploads of it were begun and not finished."""
    written_at: datetime | None = None
    """When something was last written to it, by the store's clock."""
    facts: Facts | None = None
    """None where its manifest is not there, or cannot be read."""
    tests: tuple[RestoreTest, ...] = ()
    """What restore tests came to, the newest last."""

    @property
    def verified(self) -> bool:
        """Whether the newest restore test of it passed: only then is it proven that it restores."""
        return bool(self.tests) and self.tests[-1].passed


@dataclass(frozen=True, slots=True)
class Slice:
    """A piece of oplog as a store holds it; `gap` says why what lies just before it is lost, where it is."""

    start: Timestamp
    end: Timestamp
    state: State
    problem: str = ""
    stored_bytes: int = 0
    database: str = ""
    entries: int = 0
    gap: str = ""
    server: str | None = None


def moment_of(timestamp: Timestamp) -> datetime:
    """Give the wall second of a timestamp."""
    return datetime.fromtimestamp(timestamp.time, UTC)


def list_all(store: Store, service: str) -> tuple[Backup, ...]:
    """Describe every base and differential, whole or not, oldest first; those without a date come last."""
    uploads = _uploads(store, service)
    found = []
    for listed in list_backups(store, service):
        count, begun = uploads.pop(listed.name, (0, None))
        backup = _backup(store, service, listed)
        times = [at for at in (backup.written_at, begun) if at]
        found.append(replace(backup, uploads=count, written_at=max(times, default=None)))
    for name, (count, begun) in uploads.items():
        found.append(replace(_unfinished(Listed(name), service), uploads=count, written_at=begun))
    return tuple(sorted(found, key=_age))


def list_slices_of(store: Store, service: str) -> Iterator[Slice]:
    """Describe every slice, whole or not, oldest first; manifests are read some at a time."""
    named = ((span, listed) for listed in list_oplog(store, service) if (span := span_of(listed)))
    yield from _side_by_side(lambda item: _slice(store, *item), named)


def span_of(listed: Listed) -> tuple[Timestamp, Timestamp] | None:
    """Read from a slice's name from when to when it reaches; None for a name that is not drx's."""
    start, dash, end = listed.name.rpartition("/")[2].partition("-")
    try:
        return (parse_timestamp(start), parse_timestamp(end)) if dash else None
    except (ValueError, OverflowError):
        return None


def _age(backup: Backup) -> tuple[bool, datetime, int, str]:
    """Order by the moment to restore to; within one second, by the server's own count."""
    facts = backup.facts
    at = facts.consistent_at if facts else backup.written_at
    return at is None, at or moment_of(Timestamp(0, 0)), facts.end.inc if facts else 0, backup.id


def _uploads(store: Store, service: str) -> dict[str, tuple[int, datetime | None]]:
    """Count the unfinished uploads of each backup, and tell when the newest began."""
    found: dict[str, tuple[int, datetime | None]] = {}
    for area in ("base", "diff"):
        prefix = f"{service}/{area}/"
        for entry in store.unfinished(prefix):
            backup_id, slash, _ = entry.key.removeprefix(prefix).partition("/")
            if slash:
                count, newest = found.get(f"{prefix}{backup_id}/", (0, None))
                times = [at for at in (newest, entry.written_at) if at]
                found[f"{prefix}{backup_id}/"] = (count + 1, max(times, default=None))
    return found


def _unfinished(listed: Listed, service: str) -> Backup:
    area, _, backup_id = listed.name.removeprefix(f"{service}/").rstrip("/").partition("/")
    return Backup(
        listed.name, backup_id, "full" if area == "base" else "differential", "incomplete", "it was never finished",
        len(listed.sizes), listed.size_bytes, written_at=listed.written_at, tests=read_tests(listed.tests),
    )  # fmt: skip


def _backup(store: Store, service: str, listed: Listed) -> Backup:
    unfinished = _unfinished(listed, service)
    if not listed.counts:
        return unfinished
    try:
        piece = open_piece(store, listed)
    except DamagedError as error:
        return replace(unfinished, state="damaged", problem=error.message)
    manifest = piece.manifest
    assert isinstance(manifest, Manifest)
    described = replace(unfinished, state="whole", problem="", facts=_facts(manifest))
    if manifest.prefix != listed.name:
        problem = f"{store.describe()}/{listed.manifest_key} describes {manifest.service}/{manifest.id}"
        return replace(described, state="damaged", problem=problem, facts=None)
    wrong = [file.key for file in piece.files if listed.sizes.get(file.key) != file.size_bytes]
    if wrong:
        how = "is not there" if wrong[0] not in listed.sizes else "has another size than its manifest says"
        more = f", nor are {len(wrong) - 1:,} other files as they were" if wrong[1:] else ""
        return replace(described, state="damaged", problem=f"{store.describe()}/{wrong[0]} {how}{more}")
    return described


def _facts(manifest: Manifest) -> Facts:
    return Facts(
        manifest.database, manifest.start, manifest.end, manifest.started_at, manifest.finished_at,
        len(manifest.collections), sum(found.digest.count for found in manifest.collections),
        sum(found.digest.size_bytes for found in manifest.collections), manifest.oplog_entries,
        manifest.server_version, manifest.drx_version, manifest.parent, manifest.server,
    )  # fmt: skip


def _slice(store: Store, span: tuple[Timestamp, Timestamp], listed: Listed) -> Slice:
    found = Slice(*span, "incomplete", f"the slice {listed.name} was never finished", listed.size_bytes)
    if not listed.counts:
        return found
    try:
        piece = open_piece(store, listed)
    except DamagedError as error:
        return replace(found, state="damaged", problem=error.message)
    manifest = piece.manifest
    assert isinstance(manifest, SliceManifest)
    found = replace(
        found, state="whole", problem="", database=manifest.database, entries=manifest.entries, gap=manifest.gap or "",
        server=manifest.server,
    )  # fmt: skip
    if (manifest.start, manifest.end) != span:
        return replace(found, state="damaged", problem=f"{store.describe()}/{listed.manifest_key} was moved")
    if not piece.whole:
        problem = f"{store.describe()}/{listed.data_key} is not there, or has another size than its manifest says"
        return replace(found, state="damaged", problem=problem)
    return found


def _side_by_side(function: Callable[[_A], _B], items: Iterable[_A]) -> Iterator[_B]:
    """Give what the function makes of each item, in order, some of them at a time and no more ahead than that."""
    waiting: deque[Future[_B]] = deque()
    with ThreadPoolExecutor(_READERS) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= 4 * _READERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
