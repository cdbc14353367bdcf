"""Read back what a store or a database really holds and say where it differs from what should be there. Only reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from drx.backup.digest import Digest, digest_of
from drx.backup.documents import split
from drx.backup.manifest import FileManifest, Manifest, Member, Restored, RestoredCollection
from drx.backup.members import read_member
from drx.backup.scan import Client, Described, Range, Scan, describe, scan
from drx.backup.stores.base import Store
from drx.backup.workers import Meter, side_by_side
from drx.errors import StoreError

Progress = Callable[[int, int | None, str], None]


def verify_restored(
    client: Client, restored: Restored, *, workers: int = 2, progress: Progress, cancelled: Callable[[], bool]
) -> tuple[str, ...]:
    """Compare a database with what its restore wrote: every document, index, option and view.

    Return the differences in words, none when it is whole.
    """
    there = {found.name: found for found in describe(client, restored.database)}
    expected = {wanted.name: wanted for wanted in restored.collections}
    meter = Meter(progress, restored.digest.count, "documents")
    differences = [f"{name} is there, but was not restored" for name in sorted(there.keys() - expected.keys())]
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
            digest = digest_of(split(batch))
            digests.append(digest)
            meter.add(digest.count)

    side_by_side(digest_range, planned.ranges, workers, cancelled)
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


def verify_base(
    store: Store, manifest: Manifest, *, workers: int = 2, progress: Progress, cancelled: Callable[[], bool]
) -> tuple[str, ...]:
    """Read every object of a base back: its size, SHA-256, what inflates out of it, and its digest.

    Return one line for each object that is not as it was written, none when the base can be restored.
    """
    there = {entry.key: entry.size_bytes for entry in store.list(manifest.prefix)}
    meter = Meter(progress, sum(file.size_bytes for file in manifest.files), "bytes")
    reading = _Reading(store, manifest.prefix, there, meter)
    for file in manifest.files:
        reading.hold_against_listing(file)
    parts = ((file, member) for file in manifest.files for member in file.members or (None,))
    side_by_side(reading.read, parts, workers, cancelled)
    damaged = reading.damaged
    for collection in manifest.collections:
        held = manifest.file(collection.data).digest if collection.data else Digest()
        if held != collection.digest:
            damaged[collection.name] = f"the manifest contradicts itself about {collection.name}"
    return tuple(damaged[key] for key in sorted(damaged))


@dataclass(frozen=True)
class _Reading:
    """Reads the objects of one base back and keeps, by key, what is wrong with each."""

    store: Store
    prefix: str
    there: Mapping[str, int]
    """Sizes in bytes of the objects that the store lists."""
    meter: Meter
    damaged: dict[str, str] = field(default_factory=dict)

    def hold_against_listing(self, file: FileManifest) -> None:
        """Compare an object's size with the manifest, without reading it."""
        key = self.prefix + file.path
        name = f"{self.store.describe()}/{key}"
        if key not in self.there:
            self.damaged[key] = f"{name} is not there"
        elif self.there[key] != file.size_bytes:
            self.damaged[key] = f"{name} has {self.there[key]:,} bytes, not {file.size_bytes:,}"
        elif file.members and sum(member.size_bytes for member in file.members) != file.size_bytes:
            self.damaged[key] = f"{name}: the manifest does not describe all of it"

    def read(self, part: tuple[FileManifest, Member | None], check: Callable[[], None]) -> None:
        """Read a member, or a whole object that has none; nothing of an object that is known to be damaged."""
        file, member = part
        key = self.prefix + file.path
        check()
        if key in self.damaged:
            return
        try:
            if member:
                read_member(self.store, key, member)
            elif sha256(self.store.get(key)).hexdigest() != file.sha256:
                self.damaged[key] = f"{self.store.describe()}/{key} is damaged: the SHA-256 differs"
        except StoreError as error:
            self.damaged[key] = error.message
        self.meter.add(member.size_bytes if member else file.size_bytes)
