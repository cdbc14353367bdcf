"""Dump a collection range by range so that a later process can go on where this one ended. Touches that upload only."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from drx.backup.format.documents import id_document
from drx.backup.format.manifest import STRICT, FileManifest, Member, Uuid
from drx.backup.format.members import MemberBuffer, MemberWriter, read_back
from drx.backup.server.scan import Range, Scan
from drx.backup.stores.base import Begun, Store, Upload


@dataclass(frozen=True, slots=True)
class UnderWay:
    """A collection that is not whole yet: what the store has of it for certain, and the ranges that are left."""

    __pydantic_config__ = STRICT

    path: str
    uuid: Uuid
    upload: Begun
    members: tuple[Member, ...]
    left: tuple[Range, ...]

    @property
    def count(self) -> int:
        """How many documents are there already."""
        return sum(member.digest.count for member in self.members)


class Ranges:
    """Knows what is left of each range once the file reaches some size: members of all of them lie in it mixed."""

    def __init__(self, ranges: Sequence[Range]) -> None:
        self._left = dict(enumerate(ranges))
        self._marks: deque[tuple[int, int, bytes | None]] = deque()

    def placed(self, number: int, last: bytes, end: int) -> None:
        """Note that a range is in the file up to this document, once the file reaches `end`."""
        self._marks.append((end, number, id_document(last)))

    def ended(self, number: int, end: int) -> None:
        """Note that a range is in the file, whole, once the file reaches `end`."""
        self._marks.append((end, number, None))

    def left_at(self, size_bytes: int) -> tuple[Range, ...]:
        """Give what is left to read when so much of the file is kept; never for less than the last time."""
        while self._marks and self._marks[0][0] <= size_bytes:
            _, number, reached = self._marks.popleft()
            if reached is None:
                del self._left[number]
            else:
                self._left[number] = replace(self._left[number], low=reached, after=True)
        return tuple(self._left.values())


class RangeWriter:
    """Writes the ranges of one collection to its upload, side by side."""

    def __init__(self, upload: Upload, path: str, uuid: bytes | None, planned: Scan, kept: UnderWay | None) -> None:
        self._path, self._uuid, self._planned, self._kept = path, uuid, planned, kept
        self._writer = MemberWriter(upload, path, kept.members if kept else ())
        self._ranges = Ranges(planned.ranges)

    def write(self, number: int, wrote: Callable[[int], None]) -> None:
        """Write one range, by its number; `wrote` is told of each batch."""
        buffer = MemberBuffer(self._writer, placed=partial(self._ranges.placed, number))
        for batch in self._planned.batches(self._planned.ranges[number]):
            buffer.add(batch)
            wrote(len(batch))
        buffer.flush()
        self._ranges.ended(number, self._writer.size_bytes)

    def under_way(self) -> UnderWay | None:
        """Tell how far it is; None before the store has anything, or where the server gives no UUID to know it by."""
        settled = self._writer.settled()
        if settled is None or self._uuid is None:
            return None
        begun, members = settled
        return UnderWay(self._path, self._uuid, begun, members, self._ranges.left_at(begun.size_bytes))

    def finish(self, store: Store, key: str) -> FileManifest:
        """Complete the file. One that was gone on with is read back: its SHA-256 cannot be known otherwise."""
        file = self._writer.finish()
        return replace(file, sha256=read_back(store, key, file.members)) if self._kept else file
