"""Read a journal and prove it whole. It never writes and needs no lock."""

import re
from dataclasses import dataclass
from pathlib import Path

from drx import __version__
from drx.engine.events import (
    ActionItemAdded,
    ActionItemClosed,
    Event,
    Fact,
    NoteAdded,
    NotificationFailed,
    NotificationHeld,
    NotificationSent,
    ReportWritten,
    ReviewAnswered,
    RunFinished,
    RunStarted,
)
from drx.errors import ForeignJournal, JournalError
from drx.files import read_regular
from drx.journal.line import GENESIS, UnknownLine, read_line

_NOTIFIED = (NotificationSent, NotificationFailed, NotificationHeld)
AFTER_THE_END = (NoteAdded, ReviewAnswered, ActionItemAdded, ActionItemClosed, *_NOTIFIED, ReportWritten)
"""What may still follow once RunFinished has sealed the run."""

_VERSION = re.compile(rb'"drx_version":"([0-9A-Za-z.+-]{1,40})"')
_BEGINNING = b'{"seq":1,"at":"'
_REMEDY = "Nothing after this line can be trusted. Keep the file as evidence and restore it from a copy"


@dataclass(frozen=True)
class Recorded:
    """A journal as it stands on disk."""

    events: tuple[Event, ...]
    size_bytes: int
    """Length of the whole lines."""
    torn_bytes: int
    """Length of a last line that was being written when its process or machine died; it is dropped."""
    hashes: tuple[str, ...]
    """Hash of each whole line."""

    @property
    def head(self) -> str:
        """Hash of the last whole line."""
        return self.hashes[-1] if self.hashes else GENESIS


def read_journal(path: Path) -> list[Event]:
    """Every whole event of a journal; a torn last line is left out.

    Raises JournalError with the line number for any other damage.
    """
    return list(read_recorded(path).events)


def read_recorded(path: Path) -> Recorded:
    """Read a journal and say what was torn. Raises JournalError with the line number for damage."""
    try:
        data = read_regular(path)
    except OSError as error:
        raise JournalError(
            f"{path}: the journal cannot be read: {error.strerror}", "Check the path and its owner"
        ) from None
    *lines, tail = data.split(b"\n")
    chain = Chain(path)
    events: list[Event] = []
    hashes: list[str] = []
    for line in lines:
        events.append(chain.follow(line))
        hashes.append(chain.head)
    if tail and _is_whole(tail[:-1], len(events) + 1, chain.head):
        # A process that dies leaves less than a line, never a whole one with something else in place of the newline.
        raise JournalError(f"{path}:{len(events) + 1}: the journal is damaged: the line does not end", _REMEDY)
    if not events:
        require_beginning(path, tail)
    return Recorded(tuple(events), len(data) - len(tail), len(tail), tuple(hashes))


def require_beginning(path: Path, half: bytes) -> None:
    """See that a journal without a whole line is one that was just begun, and not one that was overwritten.

    Raises JournalError.
    """
    if not half.startswith(_BEGINNING[: len(half)]):
        raise JournalError(f"{path}:1: the journal is damaged: this is not an event", _REMEDY)


class Chain:
    """Proves the lines of a journal one after the other, as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 0
        self._order = Order()
        self._began_by = ""
        self.head = GENESIS
        """Hash of the last line that was proven."""

    def follow(self, line: bytes) -> Event:
        """Give the event of the next line, without its newline.

        Raises JournalError with the line number where it does not follow, or was changed; ForeignJournal where another
        version of drx wrote it.
        """
        self._number += 1
        try:
            event, self.head = read_line(line, self._number, self.head)
            self._order.admit(event.fact)
        except UnknownLine as error:
            message = f"{self._path}:{self._number}: the journal is one of another version of drx: {error}"
            raise ForeignJournal(message, f"Go on with that version: {self._versions(line)}") from None
        except ValueError as error:
            raise JournalError(f"{self._path}:{self._number}: the journal is damaged: {error}", _REMEDY) from None
        self._began_by = event.fact.drx_version if isinstance(event.fact, RunStarted) else self._began_by
        return event

    def _versions(self, line: bytes) -> str:
        stated = _VERSION.search(line) if self._number == 1 else None
        began_by = stated[1].decode("ascii") if stated else self._began_by
        return f"drx {began_by} began it, and this is {__version__}. Nothing was changed"


def _is_whole(line: bytes, seq: int, previous: str) -> bool:
    try:
        read_line(line, seq, previous)
    except ValueError:
        return False
    return True


class Order:
    """Holds the two rules of order: RunStarted comes first and only there; RunFinished seals."""

    def __init__(self) -> None:
        self._started = False
        self._sealed = False

    def admit(self, fact: Fact) -> None:
        """Take note of the next fact. Raises ValueError where it may not stand here."""
        if isinstance(fact, RunStarted) is self._started:
            raise ValueError(
                "RunStarted may only be the first event" if self._started else "the first event must be RunStarted"
            )
        if self._sealed and not isinstance(fact, AFTER_THE_END):
            raise ValueError(f"{fact.type} after the end of the run")
        self._started = True
        self._sealed = self._sealed or isinstance(fact, RunFinished)
