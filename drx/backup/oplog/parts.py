"""Keep the parts of transactions until these are over: in memory up to a limit, in a private temporary file past it.

Knows nothing of what a part means. The file has no name and goes with the process.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import IO, NamedTuple
from weakref import finalize

from drx.errors import StepError

_MOST_BYTES = 32 << 20


class _Place(NamedTuple):
    """Where a part lies in the file."""

    offset: int
    size_bytes: int


@contextmanager
def _failures() -> Iterator[None]:
    """Turn what the system says of the temporary file into an error for a person."""
    try:
        yield
    except OSError as error:
        raise StepError(
            f"the temporary file for the parts of large transactions: {error.strerror}",
            "Free room where temporary files lie, or let TMPDIR name a directory that has it",
        ) from None


class Parts:
    """What there is so far of every transaction that is not over, in the order in which it came."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._of: dict[bytes, list[bytes | _Place]] = {}
        self._used_bytes = 0
        self._placed = 0
        self._file: IO[bytes] | None = None

    def __contains__(self, key: bytes) -> bool:
        return key in self._of

    def add(self, key: bytes, part: bytes, *, anew: bool) -> None:
        """Keep one more part of a transaction; begun `anew`, it has no others.

        Raises StepError where there is no room for it.
        """
        if anew:
            self.drop(key)
        kept: bytes | _Place = part
        if self._used_bytes + len(part) > self._most_bytes:
            kept = self._put(part)
            self._placed += 1
        else:
            self._used_bytes += len(part)
        self._of.setdefault(key, []).append(kept)

    def take(self, key: bytes) -> Iterator[bytes]:
        """Give the parts of a transaction that is over, each once; nothing where there are none."""
        for kept in self._of.pop(key, ()):
            yield self._get(kept)
            self._forget(kept)

    def drop(self, key: bytes) -> None:
        """Forget a transaction, if there is one."""
        for kept in self._of.pop(key, ()):
            self._forget(kept)

    def keys(self) -> tuple[bytes, ...]:
        """Name the transactions that are not over."""
        return tuple(self._of)

    def _put(self, part: bytes) -> _Place:
        with _failures():
            if self._file is None:
                self._file = TemporaryFile(buffering=0)  # noqa: SIM115 - it is closed with this object
                finalize(self, self._file.close)
            offset = self._file.seek(0, os.SEEK_END)
            if self._file.write(part) != len(part):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return _Place(offset, len(part))

    def _get(self, kept: bytes | _Place) -> bytes:
        if isinstance(kept, bytes):
            return kept
        assert self._file
        with _failures():
            self._file.seek(kept.offset)
            return self._file.read(kept.size_bytes)

    def _forget(self, kept: bytes | _Place) -> None:
        """Make room again; in the file, once nothing in it is needed."""
        if isinstance(kept, bytes):
            self._used_bytes -= len(kept)
            return
        self._placed -= 1
        if not self._placed and self._file:
            with _failures():
                self._file.truncate(0)
