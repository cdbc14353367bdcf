"""Look at something until it has ended. An answer that fails to come is not the end of what is watched."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from drx.actions.providers.api import Waiter
from drx.errors import Cancelled, PermanentError, StepError
from drx.units import show_duration

_T = TypeVar("_T")


def poll(
    waiter: Waiter, what: str, look: Callable[[], _T], ended: Callable[[_T], bool], within: timedelta, every: timedelta
) -> _T:
    """Give what `look` found once `ended` holds for it; the last look is taken when `within` is over.

    Raises StepError when the time is over or something says no for good, and Cancelled; both name `what` goes on.
    """
    deadline = time.monotonic() + within.total_seconds()
    said = ""
    while True:
        left = deadline - time.monotonic()
        try:
            found = look()
            if ended(found):
                return found
            said = ""
        except Cancelled as error:
            raise Cancelled(f"stopped waiting: {what} goes on without drx", error.remedy) from None
        except PermanentError:
            raise
        except StepError as error:
            said = f" ({error.message})"
        if left <= 0:
            remedy = "Look at it there; wait for it before you start another"
            raise StepError(f"{what} had not ended within {show_duration(within)}{said}", remedy)
        try:
            waiter.sleep(min(every.total_seconds(), max(left, 0.0)))
        except Cancelled as error:
            raise Cancelled(f"stopped waiting: {what} goes on without drx", error.remedy) from None
