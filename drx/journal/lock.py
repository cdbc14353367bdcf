"""Let one process write a record, and tell the others who it is. Only the kernel's lock counts, never the text."""

import fcntl
import json
import os
import time
from contextlib import suppress
from pathlib import Path

from drx.engine.events import Author
from drx.errors import JournalError, LockedError

_TEXT_LIMIT_BYTES = 4096
_LOOKS, _PAUSE_SECONDS = 25, 0.02
"""How long whoever was refused waits for the holder to say its name: the lock comes a moment before the text."""


class Lock:
    """An advisory lock on a file, let go by the kernel when its holder dies; `what` is locked, or else its record.

    Raises LockedError where another process has it, JournalError where the file cannot be opened.
    """

    def __init__(self, path: Path, holder: Author, since: str, what: str = "") -> None:
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            remedy = "Check that the record exists and that you may write to it"
            raise JournalError(f"{path}: the record cannot be locked: {error.strerror}", remedy) from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder_said = _describe(self._descriptor)
            os.close(self._descriptor)
            raise LockedError(
                f"{what or path.parent} is {'being run' if what else 'in use'} by {holder_said}",
                "Wait for it to end" if what else what_to_do(path.parent.name),
            ) from None
        self._say(holder, since)

    def _say(self, holder: Author, since: str) -> None:
        text = json.dumps({"user": holder.user, "host": holder.host, "pid": holder.pid, "since": since})
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text.encode(), 0)
        except OSError:
            # The text is a courtesy: a full disk must not keep anybody from holding the lock.
            return

    def release(self) -> None:
        """Let go. The file stays: removing it would let two processes hold two different locks."""
        if self._descriptor >= 0:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)  # the next holder is not taken for this one
            os.close(self._descriptor)
            self._descriptor = -1


def what_to_do(record: str) -> str:
    """What whoever finds a record in use can do."""
    return f"Follow it: drx show {record} --follow. Or have it handed over: drx resume {record} --take-over"


def holder_of(path: Path) -> str | None:
    """Say who has a record: `ada on db1, process 4711, since ...`; empty where nobody has.

    None where the lock is another account's: whoever could read it could also hold it, and keep others out. Raises
    JournalError where it cannot be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return ""
    except PermissionError:
        return None
    except OSError as error:
        raise JournalError(f"{path}: the lock cannot be read: {error.strerror}", "Check its owner") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _describe(descriptor)
    else:
        return ""
    finally:
        os.close(descriptor)


def _describe(descriptor: int) -> str:
    for _ in range(_LOOKS):
        with suppress(ValueError, KeyError, TypeError):
            holder = json.loads(os.pread(descriptor, _TEXT_LIMIT_BYTES, 0))
            return f"{holder['user']} on {holder['host']}, process {holder['pid']}, since {holder['since']}"
        time.sleep(_PAUSE_SECONDS)
    return "another process"
