"""What is decided about everything in a store, and what came of deleting it. Deletes nothing itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from drx.errors import StoreError

_MOST_FAILURES = 20


@dataclass(frozen=True, slots=True)
class Decision:
    """One backup, or slices one after the other that share a fate."""

    what: str
    """Id of a backup or point; from when to when the slices reach."""
    kind: str
    """`full`, `differential`, `slices`, `unfinished slices`, `point` or `objects`."""
    keep: bool
    reasons: tuple[str, ...]
    stored_bytes: int
    pieces: int = 1
    """How many slices these are, or objects."""


@dataclass
class Pruned:
    """What came of pruning a store: nothing but decisions where nothing was to be changed."""

    store: str
    hold: str = ""
    """Why nothing at all may be deleted."""
    decisions: list[Decision] = field(default_factory=list)
    deleted: int = 0
    """How many backups, slices and points went, or would."""
    freed_bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    """Backups that cannot be restored, and why; they stay, and count for no rule."""
    failures: list[str] = field(default_factory=list)
    """What it could not delete, in the store's words."""

    @property
    def kept(self) -> int:
        """How many backups, slices and points stay."""
        return sum(decision.pieces for decision in self.decisions if decision.keep)

    @contextmanager
    def counting(self, size_bytes: int, check: Callable[[], None], number: int = 1) -> Iterator[None]:
        """Count what is deleted meanwhile, and keep what the store says where it is not."""
        check()
        try:
            yield
        except StoreError as error:
            self.failures.append(error.message)
            if len(self.failures) >= _MOST_FAILURES:
                raise
        else:
            self.deleted += number
            self.freed_bytes += size_bytes
