"""What a store holds of a service, piece by piece: bases, differentials, slices. Reads listings and manifests only.

A piece is some files and a manifest, which is written last and makes them count.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import groupby

from drx.backup.format.catalog import MANIFEST, is_slice_key
from drx.backup.format.manifest import Manifest, SliceManifest, from_json
from drx.backup.format.restore_tests import is_test_key
from drx.backup.stores.base import Entry, Store

_BACKUPS, _SLICES = ("base", "diff"), "oplog"
AREAS = (*_BACKUPS, _SLICES)
"""The folders of a service in which pieces lie."""
_SLICE_DATA, _SLICE_MANIFEST = ".bson.gz", ".json"


@dataclass(frozen=True, slots=True)
class Listed:
    """A piece as a store lists it."""

    name: str
    """Its keys up to where they part: `pixelcraft/base/<id>/`, `pixelcraft/oplog/<start>-<end>`."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Bytes of each object, by key."""
    written_at: datetime | None = field(default=None, compare=False)
    """When the newest of them was written, by the store's clock."""
    tests: tuple[str, ...] = field(default=(), compare=False)
    """Keys of what restore tests noted beside it; no part of it."""

    @property
    def size_bytes(self) -> int:
        """How much room it takes in the store."""
        return sum(self.sizes.values())

    @property
    def manifest_key(self) -> str:
        """Where its manifest lies."""
        return self.name + (_SLICE_MANIFEST if self.is_slice else MANIFEST)

    @property
    def is_slice(self) -> bool:
        """Whether it is a slice, with one file of data."""
        return not self.name.endswith("/")

    @property
    def data_key(self) -> str:
        """Where a slice's data lie."""
        return self.name + _SLICE_DATA

    @property
    def counts(self) -> bool:
        """Whether it was finished."""
        return self.manifest_key in self.sizes

    def lacking(self, other: "Listed") -> tuple[str, ...]:
        """Name what another store's listing of it lacks, or has in another size."""
        return tuple(key for key, size in self.sizes.items() if other.sizes.get(key) != size)


@dataclass(frozen=True, slots=True)
class PieceFile:
    """One file of a piece, as its manifest describes it."""

    key: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A finished piece: its manifest, byte for byte and as values, and the files it describes."""

    listed: Listed
    data: bytes
    manifest: Manifest | SliceManifest
    files: tuple[PieceFile, ...]

    @property
    def whole(self) -> bool:
        """Whether the store lists every file in the size it has to have."""
        return all(self.listed.sizes.get(file.key) == file.size_bytes for file in self.files)


def list_backups(store: Store, service: str) -> Iterator[Listed]:
    """List bases and differentials by name, finished or not."""
    for area in _BACKUPS:
        prefix = f"{service}/{area}/"
        cut = len(prefix)
        yield from _grouped(
            (f"{prefix}{entry.key[cut:].partition('/')[0]}/", entry)
            for entry in store.list(prefix)
            if "/" in entry.key[cut:]
        )


def list_oplog(store: Store, service: str) -> Iterator[Listed]:
    """List slices by name, which is by time, finished or not."""
    yield from _grouped(
        (entry.key.removesuffix(_SLICE_DATA).removesuffix(_SLICE_MANIFEST), entry)
        for entry in store.list(f"{service}/{_SLICES}/")
        if is_slice_key(entry.key)
    )


def paired(ours: Iterator[Listed], theirs: Iterator[Listed]) -> Iterator[tuple[Listed, Listed]]:
    """Put each of our finished pieces beside theirs of that name, an empty one where there is none.

    Both have to come by name; neither is kept whole in memory.
    """
    other = next(theirs, None)
    for piece in ours:
        while other and other.name < piece.name:
            other = next(theirs, None)
        if piece.counts:
            yield piece, other if other and other.name == piece.name else Listed(piece.name)


def open_piece(store: Store, listed: Listed) -> Piece:
    """Read a finished piece's manifest.

    Raises DamagedError where it cannot be read.
    """
    data = store.get(listed.manifest_key)
    where = f"{store.describe()}/{listed.manifest_key}"
    if listed.is_slice:
        piece = from_json(SliceManifest, data, where)
        return Piece(listed, data, piece, (PieceFile(listed.data_key, piece.size_bytes, piece.sha256),))
    manifest = from_json(Manifest, data, where)
    files = tuple(PieceFile(listed.name + file.path, file.size_bytes, file.sha256) for file in manifest.files)
    return Piece(listed, data, manifest, files)


def read_sha256(store: Store, key: str) -> str:
    """Read a whole object back and give its SHA-256."""
    checksum = sha256()
    for data in store.stream(key):
        checksum.update(data)
    return checksum.hexdigest()


def _grouped(named: Iterator[tuple[str, Entry]]) -> Iterator[Listed]:
    for name, group in groupby(named, key=lambda pair: pair[0]):
        everything = [entry for _, entry in group]
        tests = tuple(entry.key for entry in everything if is_test_key(entry.key))
        entries = [entry for entry in everything if entry.key not in tests]
        newest = max((entry.written_at for entry in entries or everything if entry.written_at), default=None)
        yield Listed(name, {entry.key: entry.size_bytes for entry in entries}, newest, tests)
