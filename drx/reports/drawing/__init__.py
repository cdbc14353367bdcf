"""Pictures for reports in HTML, as SVG: colours come from the page, words from the figures. Pure."""

from drx.reports.drawing.gantt import gantt
from drx.reports.drawing.split import split_bars
from drx.reports.drawing.trend import trend_lines

__all__ = ["gantt", "split_bars", "trend_lines"]
