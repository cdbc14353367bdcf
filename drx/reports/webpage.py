"""Write the report of a run as one HTML file, with its pictures. Pure: same figures, same bytes."""

from collections.abc import Iterable, Sequence
from functools import cache

from jinja2 import Environment
from markupsafe import Markup, escape

from drx.reports import drawing, phrases, pictures
from drx.reports.html import html_templates, sheet
from drx.reports.shapes import RunFacts, Word
from drx.reports.text import counts, one_line, plural, sentence, show_moment, visible
from drx.reports.trend import NO_HISTORY, History, Trend, standing, trend_of
from drx.reports.verdict import figures
from drx.units import show_time

Cell = object
Rows = Iterable[Sequence[Cell]]

_TONES = {
    Word.PASSED: "good", Word.RECOVERED: "good", Word.SUCCEEDED: "good",
    Word.FAILED: "bad", Word.NOT_RECOVERED: "bad", Word.ABORTED: "bad",
}  # fmt: skip
"""The colour of a verdict, beside its word; what is not over yet has none."""


def report_html(facts: RunFacts, history: History = NO_HISTORY) -> str:
    """Write the whole page."""
    content = _environment().get_template("report.html.j2").render(
        facts=facts,
        charted=pictures.charted(facts),
        tone=_TONES.get(facts.verdict.word, "open"),
        trend=trend_of(facts, history),
        history=history,
        standing=standing(history, facts.ended),
    )  # fmt: skip
    return sheet(f"{facts.verdict.word.value}: {one_line(facts.title)}", content, "page.css", "report.css")


def trend_html(trend: Trend) -> str:
    """Write the page about the drills of a runbook."""
    content = _environment().get_template("trend.html.j2").render(trend=trend)
    return sheet(f"Drills of {one_line(trend.runbook)}", content, "page.css", "report.css")


@cache
def _environment() -> Environment:
    environment = html_templates(
        {
            "clock_source": phrases.clock_source,
            "code": _code,
            "codes": lambda values: Markup(", ").join(_code(value) for value in values),
            "counts": counts,
            "evidence_rows": _evidence_rows,
            "failure_title": lambda failure: phrases.failure_title(failure, _code),
            "figures": figures,
            "gantt": drawing.gantt,
            "hash_lines": phrases.hash_lines,
            "item_rows": phrases.item_rows,
            "moment": show_moment,
            "objective_rows": lambda facts: phrases.objective_rows(facts, _strong),
            "plural": plural,
            "sentence": sentence,
            "split_bars": drawing.split_bars,
            "step_rows": lambda facts: phrases.step_rows(facts, _code),
            "time": show_time,
            "trend_lines": drawing.trend_lines,
            "trend_rows": lambda trend: phrases.trend_rows(trend, _code),
        }
    )
    environment.globals |= {
        "chart_steps": pictures.CHART_STEPS,
        "item_header": phrases.ITEM_HEADER,
        "objective_header": phrases.OBJECTIVE_HEADER,
        "step_header": phrases.STEP_HEADER,
        "table": _table,
        "trend_header": phrases.TREND_HEADER,
    }
    return environment


def _code(value: object) -> Markup:
    text = one_line(str(value))
    return Markup("<code>{}</code>").format(text) if text else Markup("")


def _evidence_rows(facts: RunFacts) -> Rows:
    for name, value, *how in phrases.evidence_rows(facts, _code):
        yield name, Markup("{} ({})").format(value, *how) if how and how[0] else value


def _strong(value: str) -> Markup:
    return Markup("<strong>{}</strong>").format(value)


def _table(caption: str, header: Sequence[str], rows: Rows, right: Sequence[int] = (), heads: int = -1) -> Markup:
    """Set rows as a table; `right` names the columns of figures, `heads` the one that names its row."""
    styles = [' class="figure"' if column in right else "" for column in range(len(header))]
    parts = [f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table>\n<thead><tr>']
    parts += [f'<th scope="col"{style}>{escape(name)}</th>' for name, style in zip(header, styles, strict=True)]
    parts.append("</tr></thead>\n<tbody>\n")
    for row in rows:
        parts.append("<tr>")
        for column, value in enumerate(row):
            tag, scope = ("th", ' scope="row"') if column == heads else ("td", "")
            parts.append(f"<{tag}{scope}{styles[column]}>{_cell(value)}</{tag}>")
        parts.append("</tr>\n")
    parts.append("</tbody></table></div>\n")
    return Markup("".join(parts))


def _cell(value: Cell) -> str:
    return value if isinstance(value, Markup) else escape(visible(str(value)))
