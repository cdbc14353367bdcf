"""Words and figures as people read them. Pure: values in, text out."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from math import ceil

from drx.engine.plan import Human, PlannedStep
from drx.reports.shapes import Scalar
from drx.units import show_clock, show_duration

_DIRECTIONS = "\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c"
"""Characters that turn the direction of text, so that it reads other than it is."""

_HARMFUL = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff{_DIRECTIONS}]")

FAULTS = frozenset({"missing", "different", "extra", "orphans"})
"""Outputs by these names count what is wrong."""


def visible(text: str) -> str:
    """Replace what a terminal or a browser would obey instead of show; tabs and line ends stay."""
    if text.isascii() and text.isprintable():
        return text
    return _HARMFUL.sub(_picture, text.replace("\r\n", "\n"))


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"


def one_line(text: str, limit: int | None = None) -> str:
    """Make harmless text of one line, cut at the limit."""
    line = " ".join(visible(text).split())
    return line if limit is None or len(line) <= limit else f"{line[: limit - 1]}…"


def sentence(text: str) -> str:
    """End a line as a sentence ends."""
    return text if not text or text.endswith((".", "!", "?", "…")) else f"{text}."


def show_target(value: timedelta) -> str:
    """Write an objective as people say it: `2h`, `1h 30m`, `5m`."""
    return re.sub(r"(?<=[dhm]) 0+[hms]$", "", show_duration(value))


def show_measured(value: timedelta) -> str:
    """Write a measured time in whole seconds, rounded up so that none is flattered: `00:14:32`."""
    return show_clock(timedelta(seconds=ceil(value.total_seconds())))


def show_moment(value: datetime) -> str:
    """Write a moment for a reader, in UTC: `2026-11-21 08:00:00`."""
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def title_of(step: PlannedStep) -> str:
    """Say what a step is: its title, what a person is asked, or at least its id."""
    return step.title or (step.work.prompt if isinstance(step.work, Human) else "") or step.id


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: `1 step`, `1,000 steps`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def counts(outputs: Mapping[str, Scalar]) -> str:
    """Say everything that a check counted, by the outputs' names: `documents 50,000, missing 0, digest equal`.

    An output named `summary` says it in the action's own words instead.
    """
    return _summary(outputs) or join(_named(name, value) for name, value in outputs.items())


def findings(outputs: Mapping[str, Scalar]) -> str:
    """Say what a verdict rests on: how many of how many were found, what was wrong with them, and truths.

    An output named `summary` says it in the action's own words instead.
    """
    if summary := _summary(outputs):
        return summary
    found, expected = outputs.get("found"), outputs.get("expected")
    compared = f"{found:,} of {expected:,} documents" if isinstance(found, int) and isinstance(expected, int) else ""
    faults = (f"{value:,} {name}" for name, value in outputs.items() if name in FAULTS and isinstance(value, int))
    truths = (_named(name, value) for name, value in outputs.items() if isinstance(value, bool))
    return join((compared, *faults, *truths))


def _summary(outputs: Mapping[str, Scalar]) -> str:
    summary = outputs.get("summary")
    return one_line(summary) if isinstance(summary, str) else ""


def _named(name: str, value: Scalar) -> str:
    words = name.replace("_", " ")
    match value:
        case bool():
            return words if value else f"not {words}"
        case int() | float():
            return f"{words} {value:,}"
        case _:
            return ""


def join(parts: Iterable[str]) -> str:
    """Join what there is with commas."""
    return ", ".join(part for part in parts if part)
