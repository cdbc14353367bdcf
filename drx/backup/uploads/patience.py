"""Try again what an S3 server was too busy for, until the step has to stop. Decides nothing else."""

from collections.abc import Callable
from typing import TypeVar

from drx.backup.stores.s3 import S3Error

_T = TypeVar("_T")
BUSY = frozenset(
    ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "Throttling", "ThrottlingException",
     "TooManyRequests", "429", "500", "502", "503", "504", "ConditionalRequestConflict")
)  # fmt: skip
_FIRST_SECONDS, _MOST_SECONDS = 0.5, 10.0
_TRIES = 40


class Patience:
    """Waits for one step. `sleep` raises once the step has to stop, be it that its time is over."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep
        self.waits = 0
        """How often the server was too busy."""

    def __call__(self, call: Callable[[], _T]) -> _T:
        """Give what the call gives; a server that stays busy for several minutes is a failure."""
        for number in range(_TRIES):
            try:
                return call()
            except S3Error as error:
                if error.code not in BUSY or number == _TRIES - 1:
                    raise
                self.waits += 1
                self._sleep(min(_FIRST_SECONDS * 2**number, _MOST_SECONDS))
        raise AssertionError("the last try returns or raises")
