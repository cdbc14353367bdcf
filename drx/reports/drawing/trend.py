"""Draw RTA and RPA over the drills of a runbook, against the objectives. Pure."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from math import log10

from markupsafe import Markup

from drx.reports.drawing.canvas import WIDTH, Canvas
from drx.reports.shapes import Word
from drx.reports.text import show_measured, show_target
from drx.reports.trend import Past, Trend
from drx.units import show_duration

_PANEL, _LEFT, _RIGHT, _TOP, _BOTTOM = 190, 70, 30, 34, 30
_MOST_LABELS = 7
_MARKS = tuple(
    timedelta(seconds=seconds) for seconds in (0.1, 1, 10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400, 70 * 86400)
)


def trend_lines(trend: Trend) -> Markup:
    """Draw a panel for each objective; the scale is logarithmic, as minutes and hours stand beside each other."""
    panels = [
        ("RTA", "RTO", trend.rto, [past.rta for past in trend.drills]),
        ("RPA", "RPO", trend.rpo, [past.rpa for past in trend.drills]),
    ]
    said = "; ".join(f"{actual} {_said(values)}, {name} {_shown(target)}" for actual, name, target, values in panels)
    canvas = Canvas(2 * _PANEL, f"Trend over the drills of {trend.runbook}, oldest first: {said}")
    for place, (actual, name, target, values) in enumerate(panels):
        points = list(zip(trend.drills, values, strict=True))
        _panel(canvas, place * _PANEL, f"{actual} of each drill", (name, target), points)
    return canvas.svg()


def _said(values: Sequence[timedelta | None]) -> str:
    return ", ".join(_shown(value) for value in values) or "never measured"


def _shown(value: timedelta | None) -> str:
    return "none" if value is None else show_duration(value)


def _panel(
    canvas: Canvas,
    top: float,
    title: str,
    objective: tuple[str, timedelta | None],
    points: Sequence[tuple[Past, timedelta | None]],
) -> None:
    name, target = objective
    measured = [value for _, value in points if value is not None]
    marks = _marks([*measured, *([target] if target is not None else [])])

    def y(value: timedelta) -> float:
        low, high = _height(marks[0]), _height(marks[-1])
        return top + _PANEL - _BOTTOM - (_height(value) - low) / (high - low) * (_PANEL - _TOP - _BOTTOM)

    canvas.text(title, 0, top + 16, "strong")
    for mark in marks:
        canvas.line([(_LEFT, y(mark)), (WIDTH - _RIGHT, y(mark))], "grid")
        canvas.text(show_target(mark), _LEFT - 8, y(mark) + 4, "soft", "end")
    if target is not None:
        canvas.line([(_LEFT, y(target)), (WIDTH - _RIGHT, y(target))], "objective")
        canvas.text(f"{name} {show_target(target)}", WIDTH - _RIGHT, y(target) - 5, "halo", "end")
    placed = [(past, value, _x(index, len(points))) for index, (past, value) in enumerate(points)]
    for (_, before, first), (_, value, x) in pairwise(placed):
        if before is not None and value is not None:  # no line leads over a drill that measured nothing
            canvas.line([(first, y(before)), (x, y(value))], "trend")
    every = -(-len(points) // _MOST_LABELS)
    for index, (past, value, x) in enumerate(placed):
        if (len(points) - 1 - index) % every == 0:
            canvas.text(f"{past.at:%Y-%m-%d %H:%M}", x, top + _PANEL - 10, "soft", "middle")
        if past.word is not Word.PASSED:
            canvas.text(past.word.value, x, top + _PANEL - _BOTTOM - 6, "halo broken", "middle")
        if value is not None:
            canvas.dot(x, y(value), "point" if past.word is Word.PASSED else "point broken")
            if (len(points) - 1 - index) % every == 0:
                canvas.text(show_measured(value), x, y(value) - 9, "halo", "middle")


def _x(index: int, count: int) -> float:
    """Drills stand in their order, evenly; a single one in the middle."""
    left, right = _LEFT + 45, WIDTH - _RIGHT - 45
    return (left + right) / 2 if count == 1 else left + (right - left) * index / (count - 1)


def _height(value: timedelta) -> float:
    return log10(max(value, _MARKS[0]).total_seconds())


def _marks(values: Sequence[timedelta]) -> list[timedelta]:
    """The marks around all values, at least two."""
    lowest, highest = min(values, default=_MARKS[1]), max(values, default=_MARKS[3])
    first = max((index for index, mark in enumerate(_MARKS) if mark <= lowest), default=0)
    last = min((index for index, mark in enumerate(_MARKS) if mark >= highest), default=len(_MARKS) - 1)
    first = min(first, len(_MARKS) - 2)
    return list(_MARKS[first : max(last, first + 1) + 1])
