"""Write the report of a run as Markdown. Pure: same figures, same bytes; foreign text stays text."""

from collections.abc import Iterable, Mapping
from functools import cache

from jinja2 import Environment

from drx.reports import phrases, pictures, safe
from drx.reports.shapes import Failure, RunFacts
from drx.reports.text import counts, plural, sentence, show_moment, show_target
from drx.reports.trend import NO_HISTORY, History, Trend, standing, trend_of
from drx.reports.verdict import figures
from drx.units import show_time


def report_markdown(facts: RunFacts, history: History = NO_HISTORY) -> str:
    """Write the whole report; it ends with one line end."""
    text = _environment().get_template("report.md.j2").render(
        facts=facts,
        charted=pictures.charted(facts),
        trend=trend_of(facts, history),
        history=history,
        standing=standing(history, facts.ended),
    )  # fmt: skip
    return f"{text.rstrip()}\n"


def trend_markdown(trend: Trend) -> str:
    """Write about the drills of a runbook."""
    text = _environment().get_template("trend.md.j2").render(trend=trend)
    return f"{text.rstrip()}\n"


@cache
def _environment() -> Environment:
    environment = safe.markdown_templates(
        {
            "clock_source": phrases.clock_source,
            "code": safe.code,
            "codes": _codes,
            "counts": counts,
            "evidence_table": _evidence_table,
            "failure_title": _failure_title,
            "fence": safe.fence,
            "figures": figures,
            "gantt": pictures.gantt,
            "hash_lines": phrases.hash_lines,
            "item_table": _item_table,
            "moment": show_moment,
            "objective_table": _objective_table,
            "parameters": _parameters,
            "plural": plural,
            "sentence": sentence,
            "step_table": _step_table,
            "target": show_target,
            "time": show_time,
            "time_bars": pictures.time_bars,
            "trend_table": _trend_table,
        }
    )
    environment.globals["chart_steps"] = pictures.CHART_STEPS
    return environment


def _codes(values: Iterable[str]) -> safe.Markdown:
    return safe.Markdown(", ".join(safe.code(value) for value in values))


def _parameters(values: Mapping[str, str]) -> safe.Markdown:
    return safe.Markdown("\n".join(f"- {safe.code(name)}: {safe.code(value)}" for name, value in values.items()))


def _failure_title(failure: Failure) -> safe.Markdown:
    return safe.Markdown("".join(phrases.failure_title(failure, safe.code)))


def _objective_table(facts: RunFacts) -> safe.Markdown:
    rows = phrases.objective_rows(facts, lambda word: safe.Markdown(f"**{word}**"))
    return safe.table(phrases.OBJECTIVE_HEADER, rows, right=(1, 2))


def _step_table(facts: RunFacts) -> safe.Markdown:
    return safe.table(phrases.STEP_HEADER, phrases.step_rows(facts, safe.code), right=(3, 4))


def _item_table(facts: RunFacts) -> safe.Markdown:
    return safe.table(phrases.ITEM_HEADER, phrases.item_rows(facts.action_items), right=(0,))


def _trend_table(trend: Trend) -> safe.Markdown:
    return safe.table(phrases.TREND_HEADER, phrases.trend_rows(trend, safe.code), right=(4, 5))


def _evidence_table(facts: RunFacts) -> safe.Markdown:
    rows = [(name, _with_remark(value, *how)) for name, value, *how in phrases.evidence_rows(facts, safe.code)]
    return safe.table(("what", "value"), rows)


def _with_remark(value: object, how: object = "") -> object:
    return safe.Markdown(f"{safe.escaped(value)} ({safe.escaped(how)})") if how else value
