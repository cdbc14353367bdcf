"""Draw where the time went: a bar for each category, which add up to the whole. Pure."""

from markupsafe import Markup

from drx.reports.drawing.canvas import WIDTH, Canvas
from drx.reports.pictures import time_shares
from drx.reports.shapes import Split

_ROW = 26
_FIGURE, _PERCENT, _LEFT = 165, 215, 235
"""Where the figures end, left of the bars, so that a narrow screen shows them before anybody scrolls."""


def split_bars(split: Split, what: str) -> Markup:
    """Draw a split of time; `what` names the span for whoever cannot see the picture."""
    shares, total = time_shares(split, WIDTH - _LEFT)
    said = ", ".join(f"{share.name} {share.figure} ({share.percent}%)" for share in shares)
    canvas = Canvas(_ROW * (len(shares) + 1), f"Where the time went, {what}: {said or 'nothing'}; total {total}")
    for row, share in enumerate(shares):
        y = row * _ROW
        canvas.text(share.name, 0, y + 17)
        canvas.bar(_LEFT, y + 5, share.bar, 16, f"time {share.name}")
        canvas.text(share.figure, _FIGURE, y + 17, "figure", "end")
        canvas.text(f"{share.percent}%", _PERCENT, y + 17, "figure", "end")
    canvas.text("total", 0, len(shares) * _ROW + 17, "strong")
    canvas.text(total, _FIGURE, len(shares) * _ROW + 17, "figure strong", "end")
    return canvas.svg()
