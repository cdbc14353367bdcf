"""Do a bounded number of things side by side, stop them together, count what they did. Knows nothing of backups."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from drx.errors import Cancelled

_T = TypeVar("_T")


class Meter:
    """Adds up work from several threads and reports it, one report at a time."""

    def __init__(self, report: Callable[[int, int | None, str], None], total: int | None, unit: str) -> None:
        self._report, self._total, self._unit = report, total, unit
        self._lock = threading.Lock()
        self.done = 0

    def add(self, amount: int) -> None:
        """Count `amount` more."""
        with self._lock:
            self.done += amount
            self._report(self.done, self._total, self._unit)


def side_by_side(
    work: Callable[[_T, Callable[[], None]], None], items: Iterable[_T], workers: int, cancelled: Callable[[], bool]
) -> None:
    """Call `work(item, check)` for every item in up to `workers` threads; return when all ended.

    `check` raises Cancelled once the run was cancelled or another item failed: call it often. The first failure is
    raised; no further item starts after it.
    """
    todo, lock, stop = iter(items), threading.Lock(), threading.Event()
    failures: list[BaseException] = []

    def check() -> None:
        if stop.is_set() or cancelled():
            raise Cancelled("it was asked to stop")

    def loop() -> None:
        try:
            while True:
                check()
                with lock:
                    item = next(todo, _END)
                if isinstance(item, _End):
                    return
                work(item, check)
        except BaseException as failure:  # it is raised below, in the caller's thread
            failures.append(failure)
            stop.set()

    with ThreadPoolExecutor(workers) as pool:
        try:
            for future in [pool.submit(loop) for _ in range(workers)]:
                future.result()
        finally:
            stop.set()
    if failures:
        raise failures[0]


class _End:
    """Marks the end of the items; no item is one."""


_END = _End()
