"""Tell the wall time and the steady time of one run. The only clock of a run; it decides nothing."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine is suspended; where a system has no such clock, sleep shows as a clock that was set."""
_TOLERANCE_SECONDS = 1.0


def _steady() -> float:
    return time.clock_gettime(_STEADY)


def _awake() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class Clock:
    """UTC for arithmetic across events, and seconds since the run's start that no clock change can bend.

    The steady part is CLOCK_BOOTTIME, which also counts while the machine sleeps.
    """

    def __init__(
        self,
        elapsed: float = 0.0,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = _steady,
        awake: Callable[[], float] = _awake,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._awake = awake
        self._asleep = steady() - awake()
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

    def slept(self) -> float | None:
        """Seconds for which the machine was suspended since this was last not None.

        None while that is at most one second.
        """
        asleep = self._steady() - self._awake()
        slept = asleep - self._asleep
        if slept <= _TOLERANCE_SECONDS:
            return None
        self._asleep = asleep
        return round(slept, 3)
