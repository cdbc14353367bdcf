"""Keep retention from what is being restored or verified: the reader shows itself in the store, and pruning looks.

Each takes a lock of its own first and looks for the other's then, so that at least one of them sees the other.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drx.actions.base import Context
from drx.actions.locking import holder_of_run
from drx.errors import LockedByAnother, PermanentError, StoreError

if TYPE_CHECKING:
    from drx.backup.stores.base import Store

_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 5.0  # within it, pruning sees whoever begins to read, and stops


@contextmanager
def in_use(context: Context, store: "Store", service: str) -> Iterator[tuple[str, ...]]:
    """Keep everything of a service in the store while the block reads it, and give in words why that could not be.

    A recovery does not fail for want of a lock: what it reads is checked, whoever deletes meanwhile.
    """
    with ExitStack() as stack:
        try:
            unprotected = _enter(stack, context, store, service)
        except (LockedByAnother, PermanentError, StoreError) as error:
            unprotected = error.message
        yield (f"not kept from retention meanwhile: {unprotected}",) if unprotected else ()


def _enter(stack: ExitStack, context: Context, store: "Store", service: str) -> str:
    from drx.backup.locks import holder_of, noticed

    stack.enter_context(noticed(store, service, holder_of_run(context)))
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while pruning := holder_of(store, service, "retention"):
        if time.monotonic() >= deadline:
            return f"{pruning} prunes {store.describe()}"
        context.sleep(1)
    return ""


@dataclass
class Restores:
    """Whoever restores from a store, or verifies a restore, for the one who prunes it."""

    store: "Store"
    service: str
    _looked_at: float | None = None

    def check(self) -> None:
        """Look for one, though not at every call; raises LockedByAnother that names who it is."""
        from drx.backup.locks import restorer_of

        if self._looked_at is not None and time.monotonic() - self._looked_at < _LOOK_SECONDS:
            return
        if holder := restorer_of(self.store, self.service):
            raise LockedByAnother(
                f"{holder} restores from {self.store.describe()}: nothing more is deleted there",
                "Prune again when that is done; if it died, its lock ends by itself within some minutes",
            )
        self._looked_at = time.monotonic()
