"""Pictures made of text: where the time went, and expected against actual as a Mermaid Gantt chart. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from drx.engine.visit import BROKEN
from drx.reports.shapes import RunFacts, Split, StepTiming
from drx.reports.text import one_line, show_target
from drx.reports.timeline import Category
from drx.units import show_clock, show_duration

BAR = 40
"""Columns of a whole bar."""

CHART_STEPS = 40
"""Steps in a Gantt chart: more cannot be read, and GitHub draws no more than 50,000 characters."""

ORDER = (
    Category.DETECTION,
    Category.AUTOMATION,
    Category.VERIFICATION,
    Category.RETRIES,
    Category.PEOPLE,
    Category.GAPS,
)


@dataclass(frozen=True)
class Share:
    """What one category took of a span."""

    name: str
    bar: int
    """Length of its bar."""
    figure: str
    percent: int


def time_shares(split: Split, longest: int) -> tuple[list[Share], str]:
    """Give what each category took, and the total; all are rounded so that they still add up."""
    spent = [getattr(split, category.value) for category in ORDER]
    unit = timedelta(seconds=0.1) if split.total < timedelta(minutes=1) else timedelta(seconds=1)
    figures = _shares(spent, round(split.total / unit))
    bars, percent = _shares(spent, longest), _shares(spent, 100)
    shares = [
        Share(category.value, bar, _figure(figure, unit), part)
        for category, figure, bar, part in zip(ORDER, figures, bars, percent, strict=True)
        if figure or bar or part
    ]
    return shares, _figure(sum(figures), unit)


def time_bars(split: Split) -> tuple[str, ...]:
    """Draw where the time went, a line each."""
    shares, total = time_shares(split, BAR)
    rows = [(share.name, "█" * share.bar, share.figure, f"{share.percent}%") for share in shares]
    rows.append(("total", "", total, ""))
    return tuple(f"{name:<12}  {bar:<{BAR}}  {figure:>8}  {part:>4}".rstrip() for name, bar, figure, part in rows)


def _shares(values: Sequence[timedelta], whole: int) -> list[int]:
    """Share out a whole in proportion, in whole numbers that add up to it: the largest remainders get one more."""
    total = sum(values, timedelta())
    if not total:
        return [0 for _ in values]
    exact = [whole * value / total for value in values]
    shares = [int(share) for share in exact]
    largest = sorted(range(len(values)), key=lambda index: (shares[index] - exact[index], index))
    for index in largest[: whole - sum(shares)]:
        shares[index] += 1
    return shares


def _figure(count: int, unit: timedelta) -> str:
    return f"{count / 10:.1f}s" if unit < timedelta(seconds=1) else show_clock(count * unit)


def charted(facts: RunFacts) -> tuple[StepTiming, ...]:
    """Choose the steps that a chart shows: those that took longest, in the order in which they began."""
    single = [step for step in facts.steps if not step.group and step.actual > timedelta()]
    longest = sorted(single, key=lambda step: step.actual, reverse=True)[:CHART_STEPS]
    chosen = {id(step) for step in longest}
    return tuple(step for step in single if id(step) in chosen)


def gantt(facts: RunFacts) -> tuple[str, ...]:
    """Draw expected against actual as Mermaid; what is expected past the end is cut and gets an arrow."""
    lines = ["gantt", "    dateFormat YYYY-MM-DDTHH:mm:ss.SSS", "    axisFormat %H:%M:%S"]
    for step in charted(facts):
        lines.append(f"    section {_label(step)}")
        if step.expected is not None:
            planned = step.started + step.expected
            arrow = " →" if planned > facts.ended else ""
            text = f"expected {show_target(step.expected)}{arrow}"
            lines.append(_bar(text, "done", step.started, min(planned, facts.ended)))
        mark = "crit" if step.status in BROKEN else "active"
        lines.append(_bar(f"actual {show_duration(step.actual)}", mark, step.started, step.ended or facts.ended))
    return tuple(lines)


def step_name(step: StepTiming) -> str:
    """Name a row of a chart."""
    visit = f" (visit {step.visit})" if step.visit > 1 else ""
    return one_line(f"{'roll back ' if step.rollback else ''}{step.step}{visit}")


def _label(step: StepTiming) -> str:
    """Name a section without the signs that Mermaid reads as syntax."""
    return re.sub(r"[:;#%\"<>{}]", " ", step_name(step))


def _bar(text: str, mark: str, start: datetime, end: datetime) -> str:
    end = max(end, start + timedelta(milliseconds=1))
    return f"    {text} :{mark}, {_moment(start)}, {_moment(end)}"


def _moment(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
