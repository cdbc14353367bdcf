"""What every picture is drawn on: escaped text, the same bytes for the same figures, ticks people can read. Pure."""

from collections.abc import Sequence
from datetime import timedelta

import drawsvg
from markupsafe import Markup, escape

from drx.reports.text import one_line

WIDTH = 960
"""Of every picture, in its own units; the page scales it."""

LETTER = 7.2
"""About the width of a letter of the pictures' text."""

_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


class Canvas:
    """A picture under way. `label` says in words what it shows, for whoever cannot see it."""

    def __init__(self, height: float, label: str) -> None:
        name = str(escape(one_line(label)))  # the library escapes text, but no attributes
        self._drawing = drawsvg.Drawing(WIDTH, round(height, 1), role="img", aria_label=name)

    def text(self, text: str, x: float, y: float, style: str = "", anchor: str = "start") -> None:
        """Write one line of text; `style` is a class of the page's."""
        shown = drawsvg.Text(one_line(text), 13, _n(x), _n(y), text_anchor=anchor, **_class(style))
        self._drawing.append(shown)

    def bar(self, x: float, y: float, width: float, height: float, style: str) -> None:
        """Draw a bar, never so thin that it vanishes."""
        self._drawing.append(drawsvg.Rectangle(_n(x), _n(y), _n(max(width, 1.5)), _n(height), rx=2, **_class(style)))

    def line(self, points: Sequence[tuple[float, float]], style: str) -> None:
        """Draw a line through the points; a single one has none."""
        if len(points) < 2:
            return
        flat = [_n(value) for point in points for value in point]
        self._drawing.append(drawsvg.Lines(*flat, fill="none", **_class(style)))

    def dot(self, x: float, y: float, style: str) -> None:
        """Draw a point."""
        self._drawing.append(drawsvg.Circle(_n(x), _n(y), 4, **_class(style)))

    def svg(self) -> Markup:
        """Give the picture as an element for a page."""
        return Markup(self._drawing.as_svg(header="", skip_js=True, skip_css=True).strip())


def width_of(text: str) -> float:
    """About how wide a text is."""
    return len(one_line(text)) * LETTER


def ticks(span: timedelta, most: int = 8) -> list[timedelta]:
    """Round moments from zero to the end of a span, at most so many."""
    seconds = span.total_seconds()
    step = next((step for step in _STEPS if seconds / step < most), None)
    if step is None:
        step = 86400.0 * -(-seconds // (86400 * (most - 1)))
    return [timedelta(seconds=step * index) for index in range(int(seconds / step + 1e-9) + 1)]


def _n(value: float) -> float:
    rounded = round(value, 1)
    return int(rounded) if rounded == int(rounded) else rounded


def _class(style: str) -> dict[str, str]:
    return {"class": style} if style else {}
