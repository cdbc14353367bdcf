"""Whole documents against committed ones: report.md, .html, .json, JUnit XML, and the last lines at a terminal."""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from drx.reports.annotations import annotations
from drx.reports.document import read_history, read_past, read_report, report_json, report_schema, trend_json
from drx.reports.facts import gather
from drx.reports.junit import report_junit
from drx.reports.markdown import report_markdown, trend_markdown
from drx.reports.trend import NO_HISTORY, Trend, past_of
from drx.reports.verdict import verdict_lines
from drx.reports.webpage import report_html, trend_html
from tests.reports import runs
from tests.reports.builder import Journal

REPORT_SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / "report.json"
RUNS = (runs.passed_drill, runs.failed_drill, runs.incident, runs.aborted_incident)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: str(run.__name__))
def test_documents_are_as_committed(run: Callable[[], Journal], golden: Callable[[str, str], None]) -> None:
    journal = run()
    facts = gather(journal.plan, journal.events, journal_head="5e" * 32)
    golden(f"reports/{run.__name__}.md", report_markdown(facts))
    golden(f"reports/{run.__name__}.xml", report_junit(facts))
    golden(f"reports/{run.__name__}.txt", "\n".join(verdict_lines(facts)) + "\n")
    golden(f"reports/{run.__name__}.github.txt", "\n".join(annotations(facts)) + "\n")


@pytest.mark.parametrize("run", [runs.passed_drill, runs.incident], ids=lambda run: str(run.__name__))
def test_pages_are_as_committed(run: Callable[[], Journal], golden: Callable[[str, str], None]) -> None:
    journal = run()
    facts = gather(journal.plan, journal.events, journal_head="5e" * 32)
    golden(f"reports/{run.__name__}.html", report_html(facts, runs.HISTORY))


def test_a_report_with_a_history_is_as_committed(golden: Callable[[str, str], None]) -> None:
    journal = runs.passed_drill()
    facts = gather(journal.plan, journal.events, journal_head="5e" * 32)
    golden("reports/with_history.md", report_markdown(facts, runs.HISTORY))
    golden("reports/with_history.json", report_json(facts, runs.HISTORY))


def test_trends_are_as_committed(golden: Callable[[str, str], None]) -> None:
    trend = Trend("db-drop", timedelta(hours=2), timedelta(hours=1), runs.HISTORY.drills)
    golden("reports/trend.md", trend_markdown(trend))
    golden("reports/trend.html", trend_html(trend))
    golden("reports/trend.json", trend_json(trend))
    none = replace(trend, drills=())
    assert "None has been run yet" in trend_markdown(none)
    assert "None has been run yet" in trend_html(none)


def test_report_json_is_as_committed(golden: Callable[[str, str], None]) -> None:
    journal = runs.passed_drill()
    golden("reports/passed_drill.json", report_json(gather(journal.plan, journal.events, journal_head="5e" * 32)))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: str(run.__name__))
def test_report_json_has_its_own_shape(run: Callable[[], Journal]) -> None:
    journal = run()
    facts = gather(journal.plan, journal.events)
    assert read_report(report_json(facts)) == facts


@pytest.mark.parametrize("run", RUNS, ids=lambda run: str(run.__name__))
def test_what_others_need_of_a_report_is_read_back(run: Callable[[], Journal]) -> None:
    journal = run()
    facts = gather(journal.plan, journal.events)
    text = report_json(facts, runs.HISTORY)
    assert read_history(text) == runs.HISTORY
    assert read_past(text) == past_of(facts)
    assert read_history(text.replace('"history"', '"another"')) == NO_HISTORY
    for wrong in (text.replace('"valid_for": 7776000.0', '"valid_for": "soon"'), "[]", "null", ""):
        with pytest.raises(ValueError, match=r"."):
            read_history(wrong)


def test_report_json_of_another_shape_is_refused() -> None:
    journal = runs.passed_drill()
    text = report_json(gather(journal.plan, journal.events))
    for changed in (text.replace("drx-report/1", "drx-report/2"), text.replace('"rto"', '"rto_"'), text[:-20]):
        with pytest.raises(ValueError, match="validation error"):
            read_report(changed)


def test_the_committed_schema_is_the_one_written() -> None:
    assert REPORT_SCHEMA.read_text(encoding="utf-8") == report_schema()


def test_a_report_is_what_its_schema_says(tmp_path: Path) -> None:
    made = []
    for run in (*RUNS, runs.hostile_incident):
        journal = run()
        made.append(tmp_path / f"{run.__name__}.json")
        made[-1].write_text(report_json(gather(journal.plan, journal.events), runs.HISTORY), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("check-jsonschema")), "--schemafile", str(REPORT_SCHEMA)]

    done = subprocess.run([*command, *made], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    text = made[0].read_text(encoding="utf-8")
    made[0].write_text(re.sub(r'"total": [0-9.]+', '"total": "PT1S"', text), encoding="utf-8")
    assert subprocess.run([*command, made[0]], capture_output=True, check=False).returncode


def test_verdict_fits_a_terminal_of_80_columns() -> None:
    for run in RUNS:
        journal = run()
        assert all(len(line) <= 80 for line in verdict_lines(gather(journal.plan, journal.events)))
