"""Write the page about a run that goes on: what stands, the clock, the forecast, what is done now. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from jinja2 import Environment

from drx.engine.plan import Plan
from drx.engine.terms import Mode
from drx.engine.visit import BROKEN, Status
from drx.reports.forecast import BUSY, Earlier, forecast
from drx.reports.html import html_templates, sheet
from drx.reports.shapes import RunFacts, StepTiming, Word
from drx.reports.text import one_line, sentence, show_target, title_of
from drx.units import show_clock, show_duration

REFRESH_SECONDS = 2
_WRONG = BROKEN | {Status.IGNORED}
_MARKS: Mapping[Status, tuple[str, str]] = {
    Status.SUCCEEDED: ("✓", "done"),
    Status.SKIPPED: ("·", "soft"),
    **dict.fromkeys(_WRONG, ("✗", "broken")),
    Status.RUNNING: ("▶", "now"),
    Status.RETRYING: ("↻", "now"),
    Status.WAITING: ("?", "now"),
    Status.INTERRUPTED: ("!", "broken"),
    Status.ROLLED_BACK: ("↶", "soft"),
}
_NEWEST_NOTES = 10


@dataclass(frozen=True)
class Figure:
    """One figure with its name, for reading from afar."""

    name: str
    value: str


@dataclass(frozen=True)
class Line:
    """One step in the timeline."""

    mark: str
    style: str
    title: str
    step: str
    time: str
    expected: str
    note: str = ""


def live_html(
    plan: Plan, facts: RunFacts, now: datetime, earlier: Earlier | None = None, *, going_on: bool = True
) -> str:
    """Write the whole page; while the run goes on, it loads itself anew."""
    earlier = earlier or {}
    word, tone = _word(facts, going_on)
    lines = list(_lines(plan, facts, now))
    content = _environment().get_template("live.html.j2").render(
        facts=facts,
        word=word,
        tone=tone,
        figures=list(_figures(plan, facts, now, earlier)),
        current=[line for line in lines if line.style == "now"],
        lines=lines,
        notes=facts.notes[: -_NEWEST_NOTES - 1 : -1],
        now=now,
        going_on=going_on,
    )  # fmt: skip
    refresh = REFRESH_SECONDS if going_on else None
    title = f"{word}: {one_line(facts.title)}"
    return sheet(title, content, "page.css", "report.css", "live.css", refresh_seconds=refresh)


def _word(facts: RunFacts, going_on: bool) -> tuple[str, str]:
    """Say in a word how it stands, and in which colour."""
    if facts.outcome is not None or not going_on:
        return facts.verdict.word.value, "open"
    if any(step.status is Status.WAITING for step in facts.steps):
        return "WAITING FOR A PERSON", "open"
    if facts.failures and any(failure.standing for failure in facts.failures):
        return "IN TROUBLE", "bad"
    if facts.recovered_at is not None:
        return Word.RECOVERED.value, "good"
    return "RUNNING", "open"


def _figures(plan: Plan, facts: RunFacts, now: datetime, earlier: Earlier) -> Iterator[Figure]:
    since = now - facts.clock.moment
    if facts.recovered_at is not None:
        yield Figure("recovered after", show_clock(facts.recovered_at - facts.clock.moment))
    else:
        yield Figure("elapsed", show_clock(since))
    if facts.mode is not Mode.OPERATION and facts.rto.target is not None and facts.recovered_at is None:
        left = facts.rto.target - since
        over = left < timedelta()
        yield Figure(
            f"{'over' if over else 'left of'} the RTO of {show_target(facts.rto.target)}", show_clock(abs(left))
        )
    if facts.outcome is None and facts.recovered_at is None:
        word = "done" if facts.mode is Mode.OPERATION else "recovered"
        found = forecast(plan, facts, now, earlier)
        yield Figure(f"forecast: {word} at about ({found.basis})", f"{now + found.likely:%H:%M:%S} UTC")
        if found.late > found.likely:
            yield Figure("in nine cases of ten by", f"{now + found.late:%H:%M:%S} UTC")


def _lines(plan: Plan, facts: RunFacts, now: datetime) -> Iterator[Line]:
    for step in facts.steps:
        if step.group:
            continue
        mark, style = _MARKS.get(step.status, ("·", "soft"))
        took = now - step.started if step.status in BUSY else step.actual
        expected = f"expected {show_duration(step.expected)}" if step.expected is not None else ""
        title = f"Roll back: {step.title}" if step.rollback else step.title
        yield Line(mark, style, title, step.step, show_duration(took), expected, _note(step))
    for step_id in facts.not_reached:
        planned = plan.steps[step_id]
        if planned.is_group:
            continue
        yield Line(
            "·", "soft", title_of(planned), step_id, "", show_duration(planned.expect) if planned.expect else "",
            "recovered after this" if planned.recovered else "",
        )  # fmt: skip


def _note(step: StepTiming) -> str:
    if step.status is Status.WAITING:
        return "waits for a person"
    if step.status in _WRONG or step.status is Status.SKIPPED:
        return step.status.value.replace("_", " ")
    if step.attempts > 1:
        return f"attempt {step.attempts}"
    return "recovered" if step.recovered and step.status is Status.SUCCEEDED else ""


@cache
def _environment() -> Environment:
    return html_templates({"sentence": sentence})
