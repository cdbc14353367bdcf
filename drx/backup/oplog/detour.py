"""Go another way where a differential is damaged: an older one, or the slices themselves. Reads nothing itself."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from drx.backup.format.catalog import Skip
from drx.backup.format.manifest import Manifest
from drx.errors import DamagedError

Found = TypeVar("Found")


class DamagedDifferential(DamagedError):
    """A differential is lost, or not as it was written."""

    def __init__(self, differential: Manifest, message: str) -> None:
        super().__init__(message, "Use another copy of it; nothing needs it where the slices since its base are whole")
        self.differential = differential


def around_damage(differentials: Iterable[Manifest], work: Callable[[Sequence[Manifest]], Found], skip: Skip) -> Found:
    """Do work that reads a chain; again, without it, where a differential turns out to be damaged.

    `skip` is told of each such one. Raises what the work does.
    """
    left = list(differentials)
    while True:
        try:
            return work(left)
        except DamagedDifferential as error:
            skip(error)
            left.remove(error.differential)
