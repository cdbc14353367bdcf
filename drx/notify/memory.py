"""Keep on disk what was told when, so that it holds over runs. A memory that cannot be read is an empty one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drx.files import make_private, write_atomically
from drx.notify.limit import Memory, Told
from drx.units import parse_time

_LOCK_SECONDS = 2.0
_KEPT = 500
"""How many troubles are remembered: the newest."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the memory alone, if that can be had soon: to tell twice is better than not to tell."""
    from filelock import FileLock, Timeout

    try:
        make_private(path.parent.absolute())
        lock = FileLock(path.with_suffix(".lock"), timeout=_LOCK_SECONDS)
        lock.acquire()
    except (OSError, Timeout):
        yield
        return
    try:
        yield
    finally:
        lock.release()


def read_memory(path: Path) -> Memory:
    """Read what was told when."""
    import json

    try:
        data = json.loads(path.read_bytes())
        return {key: Told(parse_time(each["at"]), int(each["held"])) for key, each in data.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_memory(path: Path, memory: Memory) -> None:
    """Write what was told when; raises OSError."""
    import json

    newest = sorted(memory.items(), key=lambda item: item[1].at)[-_KEPT:]
    data = {key: {"at": told.at.isoformat(), "held": told.held} for key, told in newest}
    write_atomically(path, json.dumps(data, indent=1).encode())
