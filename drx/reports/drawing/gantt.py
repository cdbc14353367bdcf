"""Draw expected against actual: two bars for each step, on the clock of the run. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from drx.engine.visit import BROKEN
from drx.reports.drawing.canvas import WIDTH, Canvas, ticks, width_of
from drx.reports.pictures import charted, step_name
from drx.reports.shapes import RunFacts, StepTiming
from drx.reports.text import one_line, plural, show_target
from drx.units import show_duration

_ROW = 34
_LEFT, _TOP = 210, 26
_LABEL_LETTERS = 28
_GAP = 6


@dataclass(frozen=True)
class _Scale:
    """Where a moment of the run stands in the picture."""

    start: datetime
    end: datetime

    def x(self, moment: datetime) -> float:
        whole = max(self.end - self.start, timedelta(milliseconds=1))
        share = (min(max(moment, self.start), self.end) - self.start) / whole
        return _LEFT + share * (WIDTH - _LEFT)


def gantt(facts: RunFacts) -> Markup:
    """Draw the steps that took longest; what is expected past the end of the run is cut, and gets an arrow."""
    steps = charted(facts)
    scale = _Scale(min((step.started for step in steps), default=facts.started), facts.ended)
    bottom = _TOP + _ROW * len(steps)
    canvas = Canvas(bottom + 4, f"Expected against actual time of {plural(len(steps), 'step')}; the table has the same")
    for offset in ticks(scale.end - scale.start):
        x = scale.x(scale.start + offset)
        canvas.line([(x, _TOP - 6), (x, bottom)], "grid")
        anchor = "end" if x > WIDTH - 20 else "middle" if offset else "start"
        canvas.text(f"+{show_target(offset)}" if offset else f"{scale.start:%H:%M:%S}", x, 14, "soft", anchor)
    if facts.recovered_at is not None and scale.start <= facts.recovered_at <= scale.end:
        x = scale.x(facts.recovered_at)
        canvas.line([(x, _TOP - 6), (x, bottom)], "recovered")
    for row, step in enumerate(steps):
        _step(canvas, scale, step, _TOP + _ROW * row)
    return canvas.svg()


def _step(canvas: Canvas, scale: _Scale, step: StepTiming, y: float) -> None:
    ended = step.ended or scale.end
    first, last = scale.x(step.started), scale.x(ended)
    canvas.text(one_line(step_name(step), _LABEL_LETTERS), 0, y + 20, "code")
    said, cut = show_duration(step.actual), ""
    if step.expected is not None:
        planned = step.started + step.expected
        end = scale.x(planned)
        canvas.bar(first, y + 4, end - first, 9, "expected")
        said += f" of {show_target(step.expected)}"
        cut = " →" if planned > scale.end else ""
        last = max(last, end)
    broken = step.status in BROKEN
    canvas.bar(first, y + 15, scale.x(ended) - first, 11, "actual broken" if broken else "actual")
    result = f", {step.status.value.replace('_', ' ')}" if broken else ""
    _beside(canvas, f"{said}{result}{cut}", first, last, y + 20)


def _beside(canvas: Canvas, text: str, first: float, last: float, y: float) -> None:
    """Write where there is room: after the bars, before them, or over their end."""
    room = width_of(text) + _GAP
    if last + room <= WIDTH:
        canvas.text(text, last + _GAP, y, "halo")
    elif first - room >= _LEFT:
        canvas.text(text, first - _GAP, y, "halo", "end")
    else:
        canvas.text(text, WIDTH - _GAP, y, "halo", "end")
