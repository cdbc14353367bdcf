"""Append facts to the journal so that they survive a crash. It checks order and form, never meaning."""

import os
from pathlib import Path
from types import TracebackType

from drx.engine.events import Author, Event, Fact
from drx.errors import JournalError
from drx.files import file_mode, sync_directory
from drx.journal.clock import Clock
from drx.journal.codec import Mask, masked
from drx.journal.line import GENESIS, write_line
from drx.journal.lock import Lock
from drx.journal.reading import Order, read_recorded
from drx.units import show_time

JOURNAL = "journal.jsonl"
"""Name of the journal in its record; its lock and its inbox lie beside it."""

_REMEDY = "Make room or mend the disk, then resume; or move the whole record to another disk and resume there"


def _unmasked(text: str) -> str:
    return text


class Journal:
    """The one writer of a journal.

    `append` makes an event at once, in memory; `sync` puts everything appended on disk, whole or not at all. Nothing
    may be shown, and no effect may start, before its sync has returned.
    """

    def __init__(self, path: Path, lock: Lock, clock: Clock, mask: Mask) -> None:
        self.path = path
        self.clock = clock
        self.torn_bytes = 0
        """Length of the half line that was dropped on opening."""
        self.events: list[Event] = []
        """Every event so far, those not yet on disk included."""
        self._lock = lock
        self._mask = mask
        self._head = GENESIS
        self._order = Order()
        self._pending: list[bytes] = []
        self._size_bytes = 0
        self._descriptor = -1

    @classmethod
    def create(cls, path: Path, by: Author, mask: Mask = _unmasked) -> "Journal":
        """Begin the journal of a new run, and hold its lock.

        Raises JournalError where there is one already or the disk refuses, LockedError where another process has it.
        """
        clock = Clock()
        journal = cls(path, _lock(path, by, clock), clock, mask)
        journal._open(os.O_CREAT | os.O_EXCL)
        journal._sync_directory()
        return journal

    @classmethod
    def open(cls, path: Path, by: Author, mask: Mask = _unmasked) -> "Journal":
        """Go on with the journal of an earlier process, and hold its lock; a torn last line is cut off.

        Raises JournalError for damage, with its line number, and LockedError where another process has it.
        """
        lock = _lock(path, by, Clock())
        try:
            recorded = read_recorded(path)
            clock = Clock()
            if recorded.events:
                last = recorded.events[-1]
                gap_seconds = (clock.now() - last.at).total_seconds()
                clock = Clock(last.elapsed + max(gap_seconds, 0.0))
            journal = cls(path, lock, clock, mask)
            journal.events.extend(recorded.events)
            for event in recorded.events:
                journal._order.admit(event.fact)
            journal._head = recorded.head
            journal._size_bytes = recorded.size_bytes
            journal.torn_bytes = recorded.torn_bytes
            journal._open(0)
        except BaseException:
            lock.release()
            raise
        return journal

    @property
    def head(self) -> str:
        """Hash of the newest line."""
        return self._head

    def append(self, fact: Fact, by: Author) -> Event:
        """Make the next event of a fact, its secrets masked. It is on disk after the next sync.

        Raises JournalError for a fact that may not stand here or that JSON cannot hold.
        """
        try:
            fact = masked(fact, self._mask)
            event = Event(len(self.events) + 1, self.clock.now(), self.clock.elapsed(), by, fact)
            line, head = write_line(event, self._head)
            self._order.admit(fact)
        except (ValueError, TypeError) as error:
            raise JournalError(
                f"{self.path}: {fact.type} cannot be recorded: {error}", "This is a bug in drx"
            ) from None
        self._pending.append(line)
        self._head = head
        self.events.append(event)
        return event

    def sync(self) -> None:
        """Put everything appended on disk.

        Raises JournalError where the disk refuses: what was written of it is cut off again, so that the journal stays
        whole, and the next sync tries all of it anew.
        """
        if not self._pending:
            return
        data = b"".join(self._pending)
        try:
            self._write(data)
            os.fdatasync(self._descriptor)
        except OSError as error:
            self._cut()
            raise self._refused(error) from None
        self._size_bytes += len(data)
        self._pending.clear()

    def close(self) -> None:
        """Let go of the file and the lock; what was appended and not synced is gone."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._lock.release()

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, flags: int) -> None:
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
            if flags & os.O_CREAT:
                os.fchmod(self._descriptor, file_mode(self.path.parent))
            if self.torn_bytes:
                os.ftruncate(self._descriptor, self._size_bytes)
                os.fsync(self._descriptor)
        except OSError as error:
            self.close()
            raise self._refused(error) from None

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        offset = self._size_bytes
        while view:
            written = os.pwrite(self._descriptor, view, offset)
            offset += written
            view = view[written:]

    def _cut(self) -> None:
        try:
            os.ftruncate(self._descriptor, self._size_bytes)
        except OSError as error:
            raise self._refused(error) from None

    def _sync_directory(self) -> None:
        try:
            sync_directory(self.path.parent)
        except OSError as error:
            self.close()
            raise self._refused(error) from None

    def _refused(self, error: OSError) -> JournalError:
        return JournalError(f"{self.path}: the journal cannot be written: {error.strerror}", _REMEDY)


def _lock(path: Path, by: Author, clock: Clock) -> Lock:
    return Lock(path.with_suffix(".lock"), by, show_time(clock.now()))
