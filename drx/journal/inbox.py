"""Hand facts to the process that holds a record, through files. It says who placed them, never whether they count."""

import errno
import os
import secrets
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from drx.accounts import account_name
from drx.engine.events import AbortRequested, Answered, ClockStarted, Fact, NoteAdded, PauseRequested, ReviewAnswered
from drx.files import write_atomically
from drx.journal.codec import decode_fact, encode

INBOX = "inbox"
REFUSED = "refused"
"""Where what is no fact is set aside, inside of the inbox."""
_LIMIT_BYTES = 1_000_000
_SOON_SECONDS = 30.0
"""Whoever is at a run reads what is placed well before that."""

Deliverable = NoteAdded | Answered | ReviewAnswered | ClockStarted | PauseRequested | AbortRequested
"""What somebody else than the holder may say."""


@dataclass(frozen=True)
class Delivery:
    """A fact that somebody placed. Remove its file once the fact is on disk in the journal."""

    fact: Fact
    owner: str
    """Name of the file's owner, as the kernel reports it."""
    path: Path

    def settle(self) -> None:
        """Take the file away; a crash before this delivers the fact again."""
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Rejected:
    """Something in the inbox that is no fact; it now lies in `inbox/refused/`."""

    name: str
    reason: str


def place(record: Path, fact: Deliverable) -> Path:
    """Leave a fact for the process that holds the record, whole or not at all. Raises OSError."""
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.{fact.type}.json"
    path = record / INBOX / name
    # Readable by the group: a second pair of eyes is another account; the record's own permissions guard it.
    write_atomically(path, encode(fact).encode(), mode=0o640)
    return path


def take(record: Path) -> Iterator[Delivery | Rejected]:
    """Everything in the inbox, oldest first. What is no fact is set aside and said, never fatal."""
    inbox = record / INBOX
    try:
        names = sorted(name for name in os.listdir(inbox) if not name.startswith(".") and name != REFUSED)
    except FileNotFoundError:
        return
    for name in names:
        try:
            fact, owner, written = _read(inbox / name)
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            yield _set_aside(inbox, name, error)
        else:
            yield Delivery(_dated(fact, written), owner, inbox / name)


def is_delivery(path: Path) -> bool:
    """Tell whether a file of the inbox is a fact that a holder of the record would read; it stays where it is."""
    try:
        _read(path)
    except (OSError, ValueError):
        return False
    return not path.name.startswith(".")


def _dated(fact: Fact, written: float) -> Fact:
    """Say of a note that lay here while nobody was at the run when it was written: the journal has when it was read."""
    if not isinstance(fact, NoteAdded) or time.time() - written < _SOON_SECONDS:
        return fact
    return NoteAdded(f"{fact.text} (written {datetime.fromtimestamp(max(written, 0.0), UTC):%Y-%m-%d %H:%M:%S} UTC)")


def _read(path: Path) -> tuple[Fact, str, float]:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            # A link would show the owner of somebody else's file.
            raise ValueError("not a plain file of its own")
        text = file.read(_LIMIT_BYTES + 1)
    if len(text) > _LIMIT_BYTES:
        raise ValueError("too large")
    kind = path.name.split(".")[-2] if path.name.count(".") > 1 else ""
    fact = decode_fact(kind, text)
    if not isinstance(fact, Deliverable):
        raise ValueError(f"{fact.type} is not for others to say")
    return fact, account_name(status.st_uid), status.st_mtime


def _set_aside(inbox: Path, name: str, error: OSError | ValueError) -> Rejected:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    aside = inbox / REFUSED
    try:
        aside.mkdir(mode=0o700, exist_ok=True)
        if aside.is_symlink() or aside.stat().st_uid != inbox.stat().st_uid:
            raise PermissionError(errno.EPERM, f"{REFUSED} is not the inbox's own")
        os.replace(inbox / name, aside / name)
    except OSError as problem:
        reason = f"{reason}; it cannot be moved away: {problem.strerror}"
    return Rejected(name, reason)
