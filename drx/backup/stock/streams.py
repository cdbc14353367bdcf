"""Read bytes of a stock file, gzipped or not, and cut documents out of them in bounded memory."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from isal import igzip, isal_zlib

from drx.backup.format.documents import DamagedDocument, elements
from drx.errors import DamagedError, StoreError

LARGEST_DOCUMENT = (16 << 20) + (16 << 10)  # what servers themselves allow, for the documents of their oplog
PIECE_BYTES = 4 << 20
PIECE_DOCUMENTS = 10_000
_SMALLEST_DOCUMENT = 5
_CHUNK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_InflateError: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # the stub takes it for an instance
_REMEDY = "Nothing of it was restored: use another dump, or copy it again from where it was taken"


class Stream:
    """The bytes of one file from front to back, inflated where they are gzipped, with their place for errors."""

    def __init__(self, name: str, file: BinaryIO, *, checked: bool) -> None:
        self.name = name
        self.checked = checked
        """A check sum of the file's own tells whether its bytes are right."""
        self._file = file
        self._buffer = b""
        self._at = 0
        self._dropped = 0

    @property
    def place(self) -> int:
        """How many bytes were taken so far, after inflating."""
        return self._dropped + self._at

    def at_end(self) -> bool:
        """Whether nothing follows."""
        return not self._have(1)

    def take(self, size: int) -> bytes:
        """Give exactly so many bytes.

        Raises DamagedError where the file ends before.
        """
        if not self._have(size):
            raise self.damaged(f"it ends after {self._dropped + len(self._buffer):,} bytes, before it is complete")
        begin, self._at = self._at, self._at + size
        return self._buffer[begin : self._at]

    def rest(self, limit: int) -> bytes:
        """Give all that follows.

        Raises DamagedError where it is more than `limit` bytes.
        """
        if self._have(limit + 1):
            raise self.damaged(f"it holds more than {limit:,} bytes")
        return self.take(len(self._buffer) - self._at)

    def document(self, head: bytes = b"") -> bytes:
        """Give one whole BSON document; `head` are its first four bytes, where they were taken already.

        Raises DamagedError where there is none.
        """
        begin = self.place - len(head)
        head = head or self.take(4)
        size = int.from_bytes(head, "little", signed=True)
        if not _SMALLEST_DOCUMENT <= size <= LARGEST_DOCUMENT:
            raise self.damaged(f"no document begins at byte {begin:,}")
        document = head + self.take(size - 4)
        if document[-1]:
            raise self.damaged(f"the document that begins at byte {begin:,} does not end")
        if not self.checked:
            self._walk(document, begin)
        return document

    def damaged(self, what: str) -> DamagedError:
        """Say what is wrong with this file."""
        return DamagedError(f"{self.name} is damaged: {what}", _REMEDY)

    def _walk(self, document: bytes, begin: int) -> None:
        """Where nothing else tells right bytes from wrong ones, at least the fields have to fit."""
        try:
            for _ in elements(document):
                pass
        except DamagedDocument as error:
            raise self.damaged(f"the document that begins at byte {begin:,}: {error.message}") from None

    def _have(self, size: int) -> bool:
        while len(self._buffer) - self._at < size:
            try:
                more = self._file.read(max(_CHUNK, size))
            except (OSError, EOFError, zlib.error, _InflateError) as error:
                raise self.damaged(f"after {self.place:,} bytes it cannot be inflated or read: {error}") from None
            if not more:
                return False
            self._dropped += self._at
            self._buffer, self._at = self._buffer[self._at :] + more, 0
        return True


@contextmanager
def stream(path: Path) -> Iterator[Stream]:
    """Open a file, whatever its name says of gzip: its first bytes tell.

    Raises StoreError where it cannot be opened, and where a whole gzip file should be and nothing is.
    """
    try:
        with path.open("rb") as begin:
            head = begin.read(2)
        if not head and path.suffix == ".gz":
            raise DamagedError(f"{path} is damaged: it is empty, and not even gzip", _REMEDY)
        gzipped = head == _GZIP_MAGIC
        opened = igzip.IGzipFile(path, "rb") if gzipped else path.open("rb")  # type: ignore[no-untyped-call]
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read: {error.strerror}", "Check that it is there, and its permissions"
        ) from None
    with opened as file:
        yield Stream(str(path), cast("BinaryIO", file), checked=gzipped)


def pieces(source: Stream) -> Iterator[list[bytes]]:
    """Read a `.bson` file: documents laid end to end, some at a time."""
    piece: list[bytes] = []
    size_bytes = 0
    while not source.at_end():
        document = source.document()
        piece.append(document)
        size_bytes += len(document)
        if size_bytes >= PIECE_BYTES or len(piece) >= PIECE_DOCUMENTS:
            yield piece
            piece, size_bytes = [], 0
    if piece:
        yield piece
