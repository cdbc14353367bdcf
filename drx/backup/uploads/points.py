"""Inventories of the uploads bucket in a store: one record for each object there was at a moment. See docs/backups.md.

The note beside an inventory is written last: without it, a point does not count.
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from drx.backup.stores.base import Store
from drx.backup.uploads.listing import NULL, Version
from drx.errors import DamagedError, StoreError

_PIECE_BYTES, _LONGEST_LINE = 1 << 20, 1 << 20
_LONGEST = 200
_FLUSH_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class Item:
    """One object at the moment of a point, and under which name its bytes lie in the store."""

    key: str
    size_bytes: int
    etag: str
    version_id: str
    modified: datetime
    storage_class: str
    object: str
    """Below `uploads/objects/`; empty for an archived object, whose bytes the store does not hold."""
    sha256: str | None = None
    """Of its bytes, where they passed through drx."""
    settings: Mapping[str, Any] | None = None
    """Content type, metadata and the like, where the stored object does not hold them itself."""


@dataclass(frozen=True, slots=True)
class Point:
    """What a store holds of the uploads bucket as it was at one moment."""

    id: str
    bucket: str
    started_at: datetime
    at: datetime
    """When the listing ended: what was changed while it ran may be in it or not."""
    objects: int
    size_bytes: int
    archived: int
    """How many objects it names and does not hold, for they are archived."""
    inventory_sha256: str


_POINT = TypeAdapter(Point)
_ITEM = TypeAdapter(Item)


def prefix_of(service: str) -> str:
    """Give the prefix below which everything of the uploads lies."""
    return f"{service}/uploads/"


def object_name(version: Version) -> str:
    """Name the bytes of one version of an object: never the same name for other bytes.

    By the version id; where there is none, by ETag and time of writing.
    """
    if version.version_id == NULL:
        written = int(version.modified.timestamp() * 1000)
        mark = f"e-{quote(version.etag.strip(chr(34)), safe='')}-{written}"
    else:
        mark = f"v-{quote(version.version_id, safe='')}"
    if len(mark) > _LONGEST:
        mark = f"s-{sha256(mark.encode()).hexdigest()}"
    return f"{sha256(version.key.encode()).hexdigest()}/{mark}"


def list_points(store: Store, service: str) -> list[Point]:
    """List the points that count, oldest first; raises DamagedError for a note that cannot be read."""
    found = [
        _read_note(store, entry.key)
        for entry in store.list(f"{prefix_of(service)}points/")
        if entry.key.endswith(".json")
    ]
    return sorted(found, key=lambda point: point.at)


def _read_note(store: Store, key: str) -> Point:
    try:
        return _POINT.validate_json(store.get(key))
    except ValidationError:
        raise DamagedError(f"{store.describe()}/{key} is no note of an inventory", "Use another point") from None


def read_items(store: Store, service: str, point: Point) -> Iterator[Item]:
    """Give what was there at a point, in the order of keys, in bounded memory.

    Raises DamagedError at the end where the inventory is not what was written; use nothing of it before.
    """
    name = inventory_key(service, point.id)
    checksum, inflate, rest = sha256(), zlib.decompressobj(31), b""
    try:
        for data in store.stream(name):
            checksum.update(data)
            for piece in _inflated(inflate, data):
                *lines, rest = (rest + piece).split(b"\n")
                yield from (_ITEM.validate_json(line) for line in lines)
                if len(rest) > _LONGEST_LINE:
                    raise _damaged(store, name)
    except (zlib.error, ValidationError):
        raise _damaged(store, name) from None
    if checksum.hexdigest() != point.inventory_sha256:
        raise _damaged(store, name)


def _inflated(inflate: "zlib._Decompress", data: bytes) -> Iterator[bytes]:
    """Inflate piece by piece, however much comes out of a little."""
    while piece := inflate.decompress(data, _PIECE_BYTES):
        yield piece
        data = inflate.unconsumed_tail


def check_inventory(store: Store, service: str, point: Point) -> None:
    """Read an inventory once; raises DamagedError where it is not what was written."""
    name, checksum = inventory_key(service, point.id), sha256()
    for data in store.stream(name):
        checksum.update(data)
    if checksum.hexdigest() != point.inventory_sha256:
        raise _damaged(store, name)


def _damaged(store: Store, name: str) -> DamagedError:
    return DamagedError(f"{store.describe()}/{name} is not what was written", "Use another point, or another store")


def inventory_key(service: str, point_id: str) -> str:
    """Name a point's inventory in a store."""
    return f"{prefix_of(service)}points/{point_id}.jsonl.gz"


def note_key(service: str, point_id: str) -> str:
    """Name the note that makes a point count."""
    return f"{prefix_of(service)}points/{point_id}.json"


@dataclass
class PointWriter:
    """Writes one inventory; leaving it before `finish` leaves nothing behind."""

    store: Store
    service: str
    point_id: str
    objects: int = 0
    size_bytes: int = 0
    archived: int = 0
    _lines: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._pack, self._checksum, self._waiting = zlib.compressobj(1, wbits=31), sha256(), 0
        self._upload = self.store.upload(inventory_key(self.service, self.point_id))
        self._upload.__enter__()
        return self

    def add(self, item: Item) -> None:
        """Write one record; they come in the order of keys."""
        line = _ITEM.dump_json(item, exclude_none=True) + b"\n"
        self._lines.append(line)
        self._waiting += len(line)
        self.objects += 1
        self.size_bytes += item.size_bytes
        self.archived += not item.object
        if self._waiting >= _FLUSH_BYTES:
            self._flush()

    def finish(self, bucket: str, started_at: datetime, at: datetime) -> Point:
        """Make the point count; raises StoreError where one of this id does already."""
        self._flush()
        self._send(self._pack.flush())
        self._upload.complete()
        point = Point(
            self.point_id, bucket, started_at, at, self.objects, self.size_bytes, self.archived,
            self._checksum.hexdigest(),
        )  # fmt: skip
        note = note_key(self.service, self.point_id)
        data = _POINT.dump_json(point, indent=1)
        if not self.store.create(note, data) and self.store.get(note) != data:
            raise StoreError(f"{self.store.describe()}/{note} is there already", "Start a new run")
        return point

    def _flush(self) -> None:
        self._send(self._pack.compress(b"".join(self._lines)))
        self._lines.clear()
        self._waiting = 0

    def _send(self, data: bytes) -> None:
        if data:
            self._checksum.update(data)
            self._upload.write(data)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._upload.__exit__(kind, error, traceback)
