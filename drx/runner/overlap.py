"""Keep a second run of the same job from beginning while the first one is at work on this host."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from drx.engine.events import Author
from drx.engine.terms import Mode
from drx.errors import LockedError, UsageError
from drx.journal.lock import Lock
from drx.runner.frozen import What
from drx.units import show_time

_ALONE = frozenset({Mode.OPERATION, Mode.DRILL})
"""An incident is never kept from beginning: whoever starts a second one may know more than the first."""


@contextmanager
def alone(folder: Path | None, what: What, operator: Author) -> Iterator[None]:
    """Hold the lock of a job: of an operation or a drill, in its environment. The kernel lets it go with the process.

    Raises LockedError that says who is at it; UsageError where the folder cannot be made.
    """
    if folder is None or what.mode not in _ALONE:
        yield
        return
    name = what.drill or what.runbook
    path = folder / f"{name}.{what.environment}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}", "Make room, or mend its rights") from None
    try:
        lock = Lock(path, operator, show_time(datetime.now(UTC)), f"{name} in {what.environment}")
    except LockedError as error:
        error.remedy = "Nothing was begun. Wait for that run to end; where runs often meet, schedule them further apart"
        raise
    try:
        yield
    finally:
        lock.release()
