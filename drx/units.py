"""Durations, moments and sizes as people write them: 90s, 02:14, 16MiB. Text in, values out."""

import re
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

_AMOUNT = r"[0-9]+(?:\.[0-9]+)?"
_DURATION_PART = re.compile(rf"({_AMOUNT})(ms|d|h|m|s)")
_DURATION = re.compile(rf"(?:{_AMOUNT}(?:ms|d|h|m|s))+")
_LONGEST_TEXT = 40
"""More characters than any duration or size needs: text longer than that is neither read nor quoted whole."""
_DURATION_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_LONGEST_SECONDS = 100 * 366 * 86400.0
_CLOCK = re.compile(r"(?:(?P<day>today|yesterday) )?(?P<hour>[0-9]{1,2})(?P<rest>(?::[0-9]{2}){1,2})z?")
_AGO = re.compile(r"(.+) ago")
_SIZE = re.compile(rf"({_AMOUNT})\s*(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)")
_SIZE_UNITS = {
    "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12,
    "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40,
}  # fmt: skip


@lru_cache(maxsize=256)
def parse_duration(text: str) -> timedelta:
    """Read `1d`, `1h 30m`, `90s`, `250ms`.

    Raises ValueError, which says how to write one.
    """
    compact = text.replace(" ", "")
    if len(text) > _LONGEST_TEXT or not _DURATION.fullmatch(compact):
        raise ValueError(f"'{_quoted(text)}' is not a duration. Write it like 30s, 5m, 1h30m or 7d")
    seconds = sum(float(amount) * _DURATION_UNITS[unit] for amount, unit in _DURATION_PART.findall(compact))
    if seconds > _LONGEST_SECONDS:
        raise ValueError(f"'{text}' is longer than a hundred years")
    return timedelta(seconds=seconds)


def parse_size(text: str) -> int:
    """Read `500MB` or `16MiB` as bytes.

    Raises ValueError, which says how to write one.
    """
    match = _SIZE.fullmatch(text.strip())
    if not match or len(text) > _LONGEST_TEXT:
        raise ValueError(f"'{_quoted(text)}' is not a size. Write it like 500MB or 16MiB")
    return int(float(match[1]) * _SIZE_UNITS[match[2]])


def _quoted(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else text[:_LONGEST_TEXT] + "..."


def show_size(size_bytes: int) -> str:
    """Write a size for a person: `812 B`, `4.2 MB`, `310 GB`."""
    size, unit = float(size_bytes), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if size < 999.5:
            break
        size, unit = size / 1000, larger
    return f"{size:.1f} {unit}" if unit != "B" and size < 9.95 else f"{size:.0f} {unit}"


def show_duration(value: timedelta) -> str:
    """Write a duration for a person: `0.4s`, `41s`, `3m 12s`, `2h`, `3d 4h`."""
    seconds = abs(value.total_seconds())
    sign = "-" if value.total_seconds() < 0 else ""
    if seconds < 10:
        return f"{sign}{seconds:.1f}s".replace(".0s", "s")
    whole = round(seconds)
    if whole < 60:
        return f"{sign}{whole}s"
    if whole < 3600:
        return sign + _two_units(whole // 60, "m", whole % 60, "02d", "s")
    if whole < 86400:
        return sign + _two_units(whole // 3600, "h", whole % 3600 // 60, "02d", "m")
    return sign + _two_units(whole // 86400, "d", whole % 86400 // 3600, "d", "h")


def _two_units(large: int, large_unit: str, small: int, form: str, small_unit: str) -> str:
    return f"{large}{large_unit} {small:{form}}{small_unit}" if small else f"{large}{large_unit}"


def show_clock(value: timedelta) -> str:
    """Write a duration as a clock shows it: `00:14:32`."""
    whole = int(abs(value.total_seconds()))
    sign = "-" if value.total_seconds() <= -1 else ""
    return f"{sign}{whole // 3600:02d}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def show_time(value: datetime) -> str:
    """Write a moment as stored: UTC, ISO 8601, milliseconds, `Z`."""
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 moment; without a zone it is UTC.

    Raises ValueError.
    """
    try:
        value = datetime.fromisoformat(text.strip())
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"'{_quoted(text)}' is not a time. Write it like 2026-11-21T08:00:00Z (UTC)") from None


SPOKEN = "02:14, yesterday 23:50, 20m ago or 2026-11-21 02:14"
"""How a person may say a moment."""


def read_moment(text: str, now: datetime) -> datetime:
    """Read a moment as a person says it, in UTC: a time alone is the last such one, `20m ago` counts from now.

    Raises ValueError, which says how to write one.
    """
    said = " ".join(text.split()).removesuffix(" UTC")
    try:
        if clock := _CLOCK.fullmatch(said.lower()):
            return _at_clock(clock["day"], time.fromisoformat(f"{clock['hour']:0>2}{clock['rest']}"), now)
        if ago := _AGO.fullmatch(said):
            return now - parse_duration(ago[1])
        return now if said.lower() == "now" else parse_time(said)
    except ValueError:
        raise ValueError(f"'{_quoted(text)}' is not a time. Write it like {SPOKEN}, in UTC") from None


def _at_clock(day: str | None, clock: time, now: datetime) -> datetime:
    today = datetime.combine(now, clock, UTC)
    if day == "yesterday" or (day is None and today > now):
        return today - timedelta(days=1)
    return today
