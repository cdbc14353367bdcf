"""A process that dies before its n-th change of a store, as if by SIGKILL: from then on it tidies nothing up either."""

import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from drx.backup.stores.base import Store
from drx.backup.stores.s3 import S3Store

_CHANGES: tuple[tuple[Any, str], ...] = (
    (Path, "replace"), (Path, "hardlink_to"), (Path, "unlink"), (Path, "mkdir"), (tempfile, "mkstemp"), (os, "fsync"),
)  # fmt: skip
"""What a store in a directory does to it; between any two of these calls a process may end."""


class Died(BaseException):
    """The process ends here."""


class Life:
    """So many changes are left, in all threads together; past them everything ends."""

    def __init__(self, changes: int) -> None:
        self._left, self._lock = changes, threading.Lock()
        self.is_over = False

    def spend(self, changes: int = 1) -> None:
        with self._lock:
            self.is_over = self.is_over or self._left < changes
            if self.is_over:
                raise Died
            self._left -= changes


@contextmanager
def mortal(store: Store, changes: int) -> Iterator[Life]:
    """Let whoever uses this store in the block die before it changes the store more often than that."""
    life = Life(changes)

    def send(request: Any, **_: Any) -> None:
        life.spend(0 if request.method in ("GET", "HEAD") else 1)

    def costly(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **settings: Any) -> Any:
            life.spend()
            return function(*arguments, **settings)

        return call

    with suppress(Died), pytest.MonkeyPatch.context() as patch:
        if isinstance(store, S3Store):
            store.client.meta.events.register("before-send.s3", send)
        else:
            for owner, name in _CHANGES:
                patch.setattr(owner, name, costly(getattr(owner, name)))
        try:
            yield life
        finally:
            if isinstance(store, S3Store):
                store.client.meta.events.unregister("before-send.s3", send)
