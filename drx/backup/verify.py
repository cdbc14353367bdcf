"""Read back what a store or a database really holds and say where it differs from what should be there. Only reads."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

from bson import Timestamp

from drx.backup.format.catalog import MANIFEST, PROGRESS, slice_keys
from drx.backup.format.digest import Digest, digest_of
from drx.backup.format.manifest import FileManifest, Manifest, Member, Restored, RestoredCollection, SliceManifest
from drx.backup.format.members import inflate_member
from drx.backup.format.pieces import Listed, list_backups, list_oplog, open_piece
from drx.backup.holdings.inventory import span_of
from drx.backup.oplog.slices import slice_entries
from drx.backup.server.scan import Client, Described, Range, Scan, describe, scan
from drx.backup.stores.base import Store
from drx.backup.workers import Meter, side_by_side
from drx.errors import DamagedError, StoreError

Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True, slots=True)
class Verified:
    """What was read back of a service; `damaged` has a line for each object that is not as it was written."""

    backups: tuple[Manifest, ...]
    slices: tuple[SliceManifest, ...]
    damaged: tuple[str, ...]


def verify_restored(
    client: Client,
    restored: Restored,
    *,
    alone: bool = True,
    workers: int = 2,
    progress: Progress,
    cancelled: Callable[[], bool],
) -> tuple[str, ...]:
    """Compare a database with what its restore wrote: every document, index, option and view.

    `alone` says that nothing else may stand there. Return the differences in words, none when it is whole.
    """
    there = {found.name: found for found in describe(client, restored.database)}
    expected = {wanted.name: wanted for wanted in restored.collections}
    meter = Meter(progress, restored.digest.count, "documents")
    others = sorted(there.keys() - expected.keys()) if alone else ()
    differences = [f"{name} is there, but was not restored" for name in others]
    for name, wanted in expected.items():
        found = there.get(name)
        if found is None:
            differences.append(f"{name} is missing")
            continue
        differences += _compare_shape(wanted, found)
        if found.source:
            planned = scan(client, restored.database, found, workers, expected=wanted.digest)
            digest = digest_collection(planned, workers, meter, cancelled)
            if digest != wanted.digest:
                differences.append(f"{name} holds {digest}, but {wanted.digest} were restored")
    return tuple(differences)


def digest_collection(planned: Scan, workers: int, meter: Meter, cancelled: Callable[[], bool]) -> Digest:
    """Digest every document of one collection as it stands on the server."""
    digests: list[Digest] = []

    def digest_range(part: Range, check: Callable[[], None]) -> None:
        for batch in planned.batches(part):
            check()
            digest = digest_of(batch)
            digests.append(digest)
            meter.add(digest.count)

    side_by_side(digest_range, planned.ranges, planned.workers(workers), cancelled)
    return sum(digests, Digest())


def _compare_shape(wanted: RestoredCollection, found: Described) -> list[str]:
    differences = []
    if (wanted.type == "view") != (found.type == "view"):
        differences.append(f"{wanted.name} is a {found.type or 'collection'}, not a {wanted.type or 'collection'}")
    for name in sorted(wanted.options.keys() | found.options.keys()):
        before, after = wanted.options.get(name), found.options.get(name)
        if before != after:
            differences.append(f"{wanted.name}: option {name} is {after}, not {before}")
    before_indexes = {str(index["name"]): _comparable(index) for index in wanted.indexes}
    after_indexes = {str(index["name"]): _comparable(index) for index in found.indexes}
    for name in sorted(before_indexes.keys() | after_indexes.keys()):
        if name not in after_indexes:
            differences.append(f"{wanted.name}: index {name} is missing")
        elif name not in before_indexes:
            differences.append(f"{wanted.name}: index {name} is there, but was not restored")
        elif before_indexes[name] != after_indexes[name]:
            differences.append(f"{wanted.name}: index {name} is {after_indexes[name]}, not {before_indexes[name]}")
    return differences


def _comparable(index: Mapping[str, object]) -> dict[str, object]:
    """Leave out what means nothing, and make the order of the key count."""
    kept = {
        key: value
        for key, value in index.items()
        if key not in ("v", "ns", "background", "key") and value is not False and value != {"locale": "simple"}
    }
    key = index["key"]
    return kept | {"key": list(key.items()) if isinstance(key, Mapping) else key}


def verify_everything(
    store: Store, service: str, *, workers: int = 2, progress: Progress, cancelled: Callable[[], bool]
) -> Verified:
    """Read everything back that a store holds of a service: bases, differentials, slices, and their manifests.

    A backup that is not finished, because it runs or was interrupted, is none and has no damage; nor has a slice that
    was interrupted, once another one holds its time, nor what loses its manifest meanwhile: so retention deletes.
    """
    meter = Meter(progress, None, "bytes")
    damaged: dict[str, str] = {}
    backups, slices = [], []
    unfinished: dict[str, tuple[Timestamp, Timestamp]] = {}
    for listed in list_backups(store, service):
        with _as_long_as_it_counts(store, listed):
            if isinstance(manifest := _manifest(store, listed, damaged), Manifest):
                found = _damaged_files(store, manifest, meter, workers, cancelled)
                if not found or _is_there(store, listed.manifest_key):
                    backups.append(manifest)
                    damaged |= found

    def read(listed: Listed, check: Callable[[], None]) -> None:
        with _as_long_as_it_counts(store, listed):
            if isinstance(manifest := _manifest(store, listed, damaged), SliceManifest):
                lost = listed.data_key not in listed.sizes
                line = f"{store.describe()}/{listed.data_key} is not there" if lost else ""
                line = line or verify_slice(store, manifest, check)
                if not line or _is_there(store, listed.manifest_key):
                    slices.append(manifest)
                    damaged.update({listed.data_key: line} if line else {})
                meter.add(manifest.size_bytes)
            elif not listed.counts and (span := span_of(listed)):
                unfinished[listed.manifest_key] = span

    side_by_side(read, list_oplog(store, service), workers, cancelled)
    for key, (start, end) in unfinished.items():
        if any(piece.start <= start and end <= piece.end for piece in slices):
            damaged.pop(key, None)
    return Verified(tuple(backups), tuple(slices), tuple(damaged[key] for key in sorted(damaged)))


def _manifest(store: Store, listed: Listed, damaged: dict[str, str]) -> Manifest | SliceManifest | None:
    """Open the manifest of what was listed; None when there is none to go by, which may be damage."""
    key = listed.manifest_key
    name = f"{store.describe()}/{key}"
    if not listed.counts and not _is_there(store, key):  # not even now
        if listed.name + PROGRESS not in listed.sizes:
            damaged[key] = f"{name} is not there, and without it the objects beside it are no backup"
        return None
    try:
        manifest = open_piece(store, listed).manifest
    except DamagedError as error:
        damaged[key] = error.message
        return None
    if isinstance(manifest, SliceManifest):
        belongs = slice_keys(manifest.service, manifest.start, manifest.end)[1]
    else:
        belongs = manifest.prefix + MANIFEST
    if belongs != key:
        damaged[key] = f"{name} was moved: it describes {belongs}"
        return None
    return manifest


def _is_there(store: Store, key: str) -> bool:
    return any(entry.key == key for entry in store.list(key))


@contextmanager
def _as_long_as_it_counts(store: Store, listed: Listed) -> Iterator[None]:
    """Pass over objects that are gone by now, where the manifest is gone, too."""
    try:
        yield
    except StoreError:
        if _is_there(store, listed.manifest_key):
            raise


def verify_slice(store: Store, manifest: SliceManifest, check: Callable[[], None]) -> str:
    """Read a slice back; return what is wrong with it, nothing when it is as it was written."""
    try:
        for _ in slice_entries(store, manifest.service, manifest):
            check()
    except DamagedError as error:
        return error.message
    return ""


def verify_base(
    store: Store, manifest: Manifest, *, workers: int = 2, progress: Progress, cancelled: Callable[[], bool]
) -> tuple[str, ...]:
    """Read every object of a base back: its size, its SHA-256, and what inflates out of it.

    Return one line for each object that is not as it was written, none when the base can be restored. Documents are
    not digested one by one: the same bytes inflate to the same documents, and a restore does digest them.
    """
    meter = Meter(progress, sum(file.size_bytes for file in manifest.files), "bytes")
    damaged = _damaged_files(store, manifest, meter, workers, cancelled)
    return tuple(damaged[key] for key in sorted(damaged))


def check_listed(store: Store, manifest: Manifest) -> None:
    """Look for lost and cut objects, without reading one; raises DamagedError that names the first one."""
    reading = _Reading(store, manifest, Meter(lambda done, total, unit: None, None, "bytes"))
    reading.hold_against_listing()
    reading.refuse()


def check_at_once(store: Store, manifest: Manifest, *, workers: int = 2, cancelled: Callable[[], bool]) -> None:
    """Look for what a restore would stumble over later: lost, cut and small damaged objects.

    Raises DamagedError that names the first one.
    """
    reading = _Reading(store, manifest, Meter(lambda done, total, unit: None, None, "bytes"))
    reading.hold_against_listing()
    small = ((file, None) for file in manifest.files if not file.members)
    side_by_side(reading.read, small, workers, cancelled)
    reading.refuse()


def _damaged_files(
    store: Store, manifest: Manifest, meter: Meter, workers: int, cancelled: Callable[[], bool]
) -> dict[str, str]:
    reading = _Reading(store, manifest, meter)
    reading.hold_against_listing()
    parts = ((file, member) for file in manifest.files for member in file.members or (None,))
    side_by_side(reading.read, parts, workers, cancelled)
    for collection in manifest.collections:
        held = manifest.file(collection.data).digest if collection.data else Digest()
        if held != collection.digest:
            reading.damaged[collection.name] = f"the manifest contradicts itself about {collection.name}"
    return reading.damaged


@dataclass(frozen=True)
class _Reading:
    """Reads the objects of one backup back and keeps, by key, what is wrong with each."""

    store: Store
    manifest: Manifest
    meter: Meter
    damaged: dict[str, str] = field(default_factory=dict)

    def hold_against_listing(self) -> None:
        """Compare the objects' sizes with the manifest, without reading them."""
        there = {entry.key: entry.size_bytes for entry in self.store.list(self.manifest.prefix)}
        for file in self.manifest.files:
            key = self.manifest.prefix + file.path
            name = f"{self.store.describe()}/{key}"
            if key not in there:
                self.damaged[key] = f"{name} is not there"
            elif there[key] != file.size_bytes:
                self.damaged[key] = f"{name} has {there[key]:,} bytes, not {file.size_bytes:,}"
            elif file.members and sum(member.size_bytes for member in file.members) != file.size_bytes:
                self.damaged[key] = f"{name}: the manifest does not describe all of it"

    def refuse(self) -> None:
        """Raise DamagedError for the first object, by key, that is not as it was written."""
        if self.damaged:
            raise DamagedError(self.damaged[min(self.damaged)], "Restore from another copy or another base")

    def read(self, part: tuple[FileManifest, Member | None], check: Callable[[], None]) -> None:
        """Read a member, or a whole object that has none; nothing of an object that is known to be damaged."""
        file, member = part
        key = self.manifest.prefix + file.path
        check()
        if key in self.damaged:
            return
        try:
            if member:
                inflate_member(self.store, key, member)
            elif sha256(self.store.get(key)).hexdigest() != file.sha256:
                self.damaged[key] = f"{self.store.describe()}/{key} is damaged: the SHA-256 differs"
        except DamagedError as error:
            self.damaged[key] = error.message
        self.meter.add(member.size_bytes if member else file.size_bytes)
