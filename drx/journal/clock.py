"""Tell the wall time and the steady time of one run. The only clock of a run; it decides nothing."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_TOLERANCE_SECONDS = 1.0


def _steady() -> float:
    return time.clock_gettime(_STEADY)


class Clock:
    """UTC for arithmetic across events, and seconds since the run's start that no clock change can bend.

    The steady part is CLOCK_BOOTTIME, which also counts while the machine sleeps.
    """

    def __init__(
        self, elapsed: float = 0.0, wall: Callable[[], float] = time.time, steady: Callable[[], float] = _steady
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._offset = elapsed - steady()
        self._gap = wall() - steady()

    def now(self) -> datetime:
        """The wall time, in UTC."""
        return datetime.fromtimestamp(self._wall(), UTC)

    def elapsed(self) -> float:
        """Seconds since the run's start, rounded to microseconds."""
        return round(self._steady() + self._offset, 6)

    def divergence(self) -> float | None:
        """Seconds by which the wall clock moved against the steady one since this was last not None.

        None while that is at most one second.
        """
        gap = self._wall() - self._steady()
        moved = gap - self._gap
        if abs(moved) <= _TOLERANCE_SECONDS:
            return None
        self._gap = gap
        return round(moved, 3)
