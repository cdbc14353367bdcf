"""Moments of cron lines, where clocks are changed too."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drx.schedule.cron import last_before, longest_pause, missing_or_twice, moments

BERLIN = "Europe/Berlin"
AUTUMN, SPRING = datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 3, 28, 12, tzinfo=UTC)


def upcoming(cron: str, timezone: str, after: datetime, count: int) -> list[str]:
    return [f"{moment:%d %H:%M}" for moment in islice(moments(cron, timezone, after), count)]


@pytest.mark.parametrize(
    ("cron", "timezone", "after", "expected"),
    [
        ("0 3 * * *", "UTC", AUTUMN, ["25 03:00", "26 03:00"]),
        ("30 2 * * *", BERLIN, AUTUMN, ["25 00:30", "26 01:30"]),  # two o'clock comes twice: once is enough
        ("30 2 * * *", BERLIN, SPRING, ["29 01:00", "30 00:30"]),  # half past two does not come: right after it would
        ("0 * * * *", BERLIN, AUTUMN.replace(hour=23), ["25 00:00", "25 01:00"]),  # every hour goes by elapsed time
        ("0 0 1,15 * 1", "UTC", AUTUMN, ["26 00:00", "01 00:00", "02 00:00"]),  # day or weekday
    ],
)
def test_moments(cron: str, timezone: str, after: datetime, expected: list[str]) -> None:
    assert upcoming(cron, timezone, after, len(expected)) == expected


@pytest.mark.parametrize(
    ("cron", "timezone", "expected"),
    [
        ("30 2 * * *", BERLIN, ["2027-03-28 missing", "2027-10-31 twice", "2028-03-26 missing", "2028-10-29 twice"]),
        ("0 1-5 * * *", BERLIN, ["2027-10-31 twice", "2028-10-29 twice"]),  # three o'clock comes at that moment anyway
        ("30 1 * * 0", "America/New_York", ["2027-11-07 twice", "2028-11-05 twice"]),
        ("30 1 * * 1", "America/New_York", []),  # clocks are changed on Sundays
        ("30 3 * * *", BERLIN, []),
        ("30 2 1 * *", BERLIN, []),
        ("*/20 * * * *", BERLIN, []),
        ("30 2 * * *", "UTC", []),
        ("15 2 * * *", "Australia/Lord_Howe", ["2027-10-03 missing", "2028-10-01 missing"]),  # half an hour is left out
    ],
)
def test_days_on_which_clocks_are_changed_in_an_hour_that_is_named(
    cron: str, timezone: str, expected: list[str]
) -> None:
    found = missing_or_twice(cron, timezone, datetime(2026, 11, 27, 12, tzinfo=UTC))
    assert [f"{day} {'twice' if is_twice else 'missing'}" for day, is_twice in found] == expected


def test_the_longest_pause_knows_short_days_and_uneven_lines() -> None:
    assert longest_pause("5,35 * * * *", "UTC", AUTUMN) == timedelta(minutes=30)
    assert longest_pause("* * * * *", "UTC", AUTUMN) == timedelta(minutes=1)
    assert longest_pause("*/25 * * * *", "UTC", AUTUMN) == timedelta(minutes=25)
    assert longest_pause("0-58 * * * *", "UTC", AUTUMN) == timedelta(minutes=2)
    assert longest_pause("0 3 * * *", BERLIN, AUTUMN) == timedelta(hours=25)
    assert longest_pause("0 9-17 * * 1-5", "UTC", AUTUMN) == timedelta(days=2, hours=16)


@given(
    minute=st.integers(0, 59),
    hour=st.sampled_from(["*", "*/3", "0", "7,19"]),
    now=st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(["UTC", BERLIN, "America/New_York", "Asia/Kolkata"]),
)
def test_the_last_moment_lies_before_and_the_next_after(minute: int, hour: str, now: datetime, zone: str) -> None:
    cron = f"{minute} {hour} * * *"
    last, coming = last_before(cron, zone, now), next(moments(cron, zone, now))
    assert last is not None
    assert last < now < coming
    assert coming - last <= timedelta(hours=50)  # `now` itself may be one, and a day may have 25 hours
