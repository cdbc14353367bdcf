"""Say a cron line in systemd's words: OnCalendar=, systemd.time(7). Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from drx.schedule.cron import same_every_hour

_WEEKDAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")


def on_calendar(cron: str, timezone: str) -> tuple[str, ...]:
    """Give the expressions that together mean the line: two, where cron takes either the day or the weekday.

    What goes by elapsed time is said in UTC: in another zone, systemd leaves out an hour where clocks are put back.
    """
    if same_every_hour(cron) and _has_whole_hours(timezone):
        timezone = "UTC"
    line = CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
    days, weekdays = _numbers(line.days), {each % 7 for each in _numbers(line.weekdays)}
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


def _has_whole_hours(timezone: str) -> bool:
    """Whether clocks there differ from UTC by hours, in winter as in summer: the minutes are the same then."""
    offsets = (datetime(2026, month, 1, tzinfo=ZoneInfo(timezone)).utcoffset() for month in (1, 7))
    return not any(offset is None or offset % timedelta(hours=1) for offset in offsets)


def _numbers(found: set[int] | set[int | tuple[int, int]]) -> set[int]:
    """Take the numbers; drx.yaml has no last day of a month, and no second Monday."""
    return {each for each in found if isinstance(each, int)}


def _listed(found: set[int], every: Sequence[int]) -> str:
    if len(found) == len(every):
        return "*"
    return ",".join(f"{each:02d}" for each in sorted(found))
