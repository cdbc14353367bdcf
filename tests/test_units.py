"""Durations and sizes as people write them, and as they do not."""

from datetime import UTC, datetime, timedelta

import pytest

from drx.units import parse_duration, parse_size, parse_time, read_moment, show_time


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("1h30m", 5400), ("1h 30m", 5400), ("250ms", 0.25), ("1.5d", 129600), ("0s", 0)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "5",
        "s",
        "5 s x",
        "-5s",
        "1e3s",
        "1..5s",
        "\N{ARABIC-INDIC DIGIT ONE}s",
        "5S",
        "5s5",
        "9" * 1_000_000,
        "1s" * 500_000,
    ],
)
def test_what_is_no_duration_or_size_is_refused_at_once_and_quoted_in_short(text: str) -> None:
    for parse in (parse_duration, parse_size):
        with pytest.raises(ValueError, match="Write it like") as refused:
            parse(text)
        assert len(str(refused.value)) < 120


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("02:14", "2026-11-27T02:14:00.000Z"),
        ("2:14", "2026-11-27T02:14:00.000Z"),
        ("2:14:05z", "2026-11-27T02:14:05.000Z"),
        ("03:10:30", "2026-11-27T03:10:30.000Z"),
        ("03:11", "2026-11-26T03:11:00.000Z"),  # still to come today: it was yesterday's
        ("  Yesterday   23:50 UTC ", "2026-11-26T23:50:00.000Z"),
        ("yesterday 02:14", "2026-11-26T02:14:00.000Z"),
        ("today 23:50", "2026-11-27T23:50:00.000Z"),
        ("20m ago", "2026-11-27T02:50:30.000Z"),
        ("1h 30m ago", "2026-11-27T01:40:30.000Z"),
        ("now", "2026-11-27T03:10:30.000Z"),
        ("2026-11-26 02:14 UTC", "2026-11-26T02:14:00.000Z"),
        ("2026-11-26T02:14:00.250+01:00", "2026-11-26T01:14:00.250Z"),
    ],
)
def test_moments_are_read_as_people_say_them(text: str, moment: str) -> None:
    assert show_time(read_moment(text, datetime(2026, 11, 27, 3, 10, 30, tzinfo=UTC))) == moment


@pytest.mark.parametrize(
    "text",
    ["", "25:00", "2:60", "02:14pm", "yesterday", "tomorrow 02:14", "2h", "soon ago", "-5m ago", "9" * 1_000_000,
     "0001-01-01T00:00+14:00", "\N{ARABIC-INDIC DIGIT TWO}:14"],
)  # fmt: skip
def test_what_is_no_moment_is_refused_and_says_what_is_understood(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time\. Write it like 02:14, yesterday 23:50") as refused:
        read_moment(text, datetime(2026, 11, 27, 3, 10, tzinfo=UTC))
    assert len(str(refused.value)) < 150
    with pytest.raises(ValueError, match="is not a time"):
        parse_time(text)
