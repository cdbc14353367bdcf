"""Take a service's locks in the name of a step: see drx.backup.locks."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drx.accounts import this_account
from drx.actions.base import Context
from drx.errors import LockedByAnother, PermanentError, StoreError

if TYPE_CHECKING:
    from drx.backup.locks import Held, Holder, LockName
    from drx.backup.stores.base import Store

_PATIENCE_SECONDS = 15.0
_LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class StepLock:
    """A lock that the step holds, or why it goes on without it. Ask it instead of the context whether to stop."""

    cancelled: Callable[[], bool]
    """Whether the work has to stop: the run wants it to, or the lock is lost."""
    check: Callable[[], None]
    """Raises where the work has to stop."""
    refusal: str = ""
    """Why the lock is not held, where the work goes on without it."""
    is_elsewhere: bool = False
    """Whether somebody else holds it; else the store cannot lock, or does not answer."""


@contextmanager
def locked(context: Context, store: "Store", name: "LockName", *, urgent: bool = False) -> Iterator[StepLock]:
    """Hold a lock of the service while the block runs; enter it in the thread that does the work.

    Urgent work waits some seconds, then goes on without the lock: only for what harms nobody who holds it. Otherwise
    raises StepError that names who holds it.
    """
    with ExitStack() as stack:
        yield _take_urgently(stack, context, store, name) if urgent else _take(stack, context, store, name)


@contextmanager
def locked_or_told(context: Context, store: "Store", name: "LockName") -> Iterator[StepLock]:
    """Hold a lock while the block runs, or say in `refusal` why not: the block decides what it does without."""
    with ExitStack() as stack:
        try:
            lock = _take(stack, context, store, name)
        except (LockedByAnother, PermanentError, StoreError) as error:
            elsewhere = isinstance(error, LockedByAnother)
            lock = StepLock(context.cancelled, context.check, error.message, elsewhere)
        yield lock


def holder_of_run(context: Context) -> "Holder":
    """Say who works here."""
    from drx.backup.locks import Holder

    return Holder(this_account(), socket.gethostname(), os.getpid(), context.run_id)


def _take(stack: ExitStack, context: Context, store: "Store", name: "LockName") -> StepLock:
    """Wait for what an earlier attempt of this step may have left behind: it was told to stop, and lets go soon."""
    from drx.backup.locks import LockedHere

    while True:
        try:
            return _take_now(stack, context, store, name)
        except LockedHere:
            context.sleep(_LOOK_SECONDS)


def _take_now(stack: ExitStack, context: Context, store: "Store", name: "LockName") -> StepLock:
    from drx.backup.locks import holding

    context.check()  # who was told to stop takes no lock any more
    held: Held = stack.enter_context(holding(store, context.target.service, name, holder_of_run(context)))

    def check() -> None:
        context.check()
        held.check()

    return StepLock(lambda: context.cancelled() or held.lost(), check)


def _take_urgently(stack: ExitStack, context: Context, store: "Store", name: "LockName") -> StepLock:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return _take_now(stack, context, store, name)
        except LockedByAnother as error:
            if time.monotonic() >= deadline:
                return StepLock(context.cancelled, context.check, error.message)
            context.sleep(_LOOK_SECONDS)
        except (PermanentError, StoreError) as error:
            return StepLock(context.cancelled, context.check, error.message)
