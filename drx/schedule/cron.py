"""Moments of a cron line in its time zone. Pure: the caller says what time it is.

Where clocks are put back, a line that names an hour runs once; where they are put forward, it runs right after the hour
that is left out, as with Debian's cron. A line that runs every hour or more often runs by elapsed time. systemd leaves
out what is named for an hour that is left out; Kubernetes does, too, and runs twice in one that comes twice.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

_LOOKED_AT = 400
"""Moments that are looked at for the longest pause between two: more than a year of days."""
_AHEAD_DAYS = 731
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
    seen = islice(moments(cron, timezone, after), _WITHIN_HOURS if same_every_hour(cron) else _LOOKED_AT)
    return max((second - first for first, second in pairwise(seen)), default=None)


def shortest_pause(cron: str, timezone: str, after: datetime) -> timedelta:
    """Give the shortest time between two of the next moments; `timedelta.max` where there are fewer than two."""
    seen = islice(moments(cron, timezone, after), _LOOKED_AT)
    return min((second - first for first, second in pairwise(seen)), default=timedelta.max)


def same_every_hour(cron: str) -> bool:
    """Whether a line names nothing but minutes, and so goes by elapsed time."""
    return cron.split()[1:] == ["*"] * 4


def missing_or_twice(cron: str, timezone: str, after: datetime) -> Iterator[tuple[date, bool]]:
    """Give the days of the next two years on which clocks are changed in an hour that a line names.

    True says that the hour comes twice then, False that it is left out. A line that goes by elapsed time has none.
    """
    if same_every_hour(cron):
        return
    zone, line = ZoneInfo(timezone), CronSim(cron, after)
    for day in (after + timedelta(days=number) for number in range(_AHEAD_DAYS)):
        end = day + timedelta(days=1)
        if day.astimezone(zone).utcoffset() == end.astimezone(zone).utcoffset():
            continue
        for moment in takewhile(end.__gt__, moments(cron, timezone, day)):
            local = moment.astimezone(zone)
            is_twice = local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()
            if is_twice or local.hour not in line.hours or local.minute not in line.minutes:
                yield local.date(), is_twice
                break


def in_words(cron: str) -> str:
    """Say a cron line as a person would: `At 03:00 every day`."""
    return CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC)).explain()
