"""Moments of a cron line in its time zone. Pure: the caller says what time it is.

Where clocks are put back, a line that names an hour runs once; where they are put forward, it runs right after the hour
that is left out, as with Debian's cron. A line that runs every hour or more often runs by elapsed time.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim

_LOOKED_AT = 400
"""Moments that are looked at for the longest pause between two: more than a year of days."""
_WITHIN_HOURS = 61
"""As many as there can be within an hour, and one: enough for a line that is the same in every hour."""


def moments(cron: str, timezone: str, after: datetime) -> Iterator[datetime]:
    """Give every moment after this one, in UTC, without an end; a line whose moment never comes gives none."""
    for local in CronSim(cron, after.astimezone(ZoneInfo(timezone))):
        yield local.astimezone(UTC)


def last_before(cron: str, timezone: str, now: datetime) -> datetime | None:
    """Give the newest moment before this one, in UTC."""
    found = next(CronSim(cron, now.astimezone(ZoneInfo(timezone)), reverse=True), None)
    return found.astimezone(UTC) if found else None


def longest_pause(cron: str, timezone: str, after: datetime) -> timedelta | None:
    """Give the longest time between two moments, as far as one can see; None where there are fewer than two."""
    same_every_hour = cron.split()[1:] == ["*"] * 4
    seen = islice(moments(cron, timezone, after), _WITHIN_HOURS if same_every_hour else _LOOKED_AT)
    return max((second - first for first, second in pairwise(seen)), default=None)


def in_words(cron: str) -> str:
    """Say a cron line as a person would: `At 03:00 every day`."""
    return CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC)).explain()
