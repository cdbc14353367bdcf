"""Durations and sizes as people write them, and as they do not."""

from datetime import timedelta

import pytest

from drx.units import parse_duration, parse_size


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
