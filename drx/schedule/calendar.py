"""Say a cron line in systemd's words: OnCalendar=, systemd.time(7). Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

from cronsim import CronSim

from drx.errors import UsageError

_WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")


def on_calendar(cron: str, timezone: str) -> tuple[str, ...]:
    """Give the expressions that together mean the line: two, where cron takes either the day or the weekday.

    Raises UsageError for what systemd has no words for: the last day of a month, the second Monday.
    """
    line = CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
    days, weekdays = _numbers(cron, line.days), {each % 7 for each in _numbers(cron, line.weekdays)}
    time = f"{_listed(line.hours, range(24))}:{_listed(line.minutes, range(60))}:00 {timezone}"
    months = _listed(line.months, range(1, 13))
    named = ",".join(_WEEKDAYS[day] for day in sorted(weekdays))
    any_day, any_weekday = len(days) == 31, len(weekdays) == 7
    dates = f"*-{months}-{_listed(days, range(1, 32))} {time}"
    if any_weekday:
        return (dates,)
    if any_day or line.day_and:
        return (f"{named} {dates}",)
    return (dates, f"{named} *-{months}-* {time}")


def _numbers(cron: str, found: object) -> set[int]:
    assert isinstance(found, set)
    if not all(isinstance(each, int) and 0 <= each <= 31 for each in found):
        raise UsageError(f"systemd cannot say '{cron}'", "Use plain days and weekdays, or let cron run it")
    return found


def _listed(found: set[int], every: Sequence[int]) -> str:
    if len(found) == len(every):
        return "*"
    return ",".join(f"{each:02d}" for each in sorted(found))
