"""Wait for library calls that cannot be interrupted, and leave them behind when the step has to stop."""

import math
import threading
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from drx.errors import Cancelled

_T = TypeVar("_T")
_LOOK_SECONDS = 0.2
_GRACE_SECONDS = 0.5


class Stoppable(Protocol):
    """Whoever waits: a step's context, or the guard."""

    def check(self) -> None:
        """Raise Cancelled if the work has to stop."""


def call_blocking(
    context: Stoppable, function: Callable[[], _T], stop: Callable[[], None], seconds: float = math.inf
) -> _T:
    """Give what the function gives, or raise what it raises.

    It runs in a thread of its own. When the step has to stop, `stop` is called, which should make the function end
    soon; it is then given a moment to end by itself before it is left behind. After so many seconds TimeoutError is
    raised in the same way.
    """
    deadline = time.monotonic() + seconds
    results: list[_T] = []
    failures: list[BaseException] = []
    ended = threading.Event()

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:  # handed to the caller below
            failures.append(error)
        finally:
            ended.set()

    threading.Thread(target=work, daemon=True).start()
    try:
        while not ended.wait(max(min(_LOOK_SECONDS, deadline - time.monotonic()), 0.0)):
            context.check()
            if time.monotonic() >= deadline:
                raise TimeoutError
    except BaseException:
        stop()
        ended.wait(_GRACE_SECONDS)
        if failures and isinstance(failures[0], Cancelled):
            raise failures[0] from None  # it says what it left behind
        raise
    if failures:
        raise failures[0]
    return results[0]
