"""Whole documents against committed ones: report.md, report.json, and the last lines at a terminal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from drx.reports.document import read_report, report_json, report_schema
from drx.reports.facts import gather
from drx.reports.markdown import report_markdown
from drx.reports.verdict import verdict_lines
from tests.reports import runs
from tests.reports.builder import Journal

RUNS = (runs.passed_drill, runs.failed_drill, runs.incident, runs.aborted_incident)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: str(run.__name__))
def test_documents_are_as_committed(run: Callable[[], Journal], golden: Callable[[str, str], None]) -> None:
    journal = run()
    facts = gather(journal.plan, journal.events, journal_head="5e" * 32)
    golden(f"reports/{run.__name__}.md", report_markdown(facts))
    golden(f"reports/{run.__name__}.txt", "\n".join(verdict_lines(facts)) + "\n")


def test_report_json_is_as_committed(golden: Callable[[str, str], None]) -> None:
    journal = runs.passed_drill()
    golden("reports/passed_drill.json", report_json(gather(journal.plan, journal.events, journal_head="5e" * 32)))


@pytest.mark.parametrize("run", RUNS, ids=lambda run: str(run.__name__))
def test_report_json_has_its_own_shape(run: Callable[[], Journal]) -> None:
    journal = run()
    facts = gather(journal.plan, journal.events)
    assert read_report(report_json(facts)) == facts


def test_report_json_of_another_shape_is_refused() -> None:
    journal = runs.passed_drill()
    text = report_json(gather(journal.plan, journal.events))
    for changed in (text.replace("drx-report/1", "drx-report/2"), text.replace('"rto"', '"rto_"'), text[:-20]):
        with pytest.raises(ValueError, match="validation error"):
            read_report(changed)


def test_the_committed_schema_is_the_one_written() -> None:
    committed = Path(__file__).parents[2] / "docs" / "schema" / "report.json"
    assert committed.read_text(encoding="utf-8") == report_schema()


def test_verdict_fits_a_terminal_of_80_columns() -> None:
    for run in RUNS:
        journal = run()
        assert all(len(line) <= 80 for line in verdict_lines(gather(journal.plan, journal.events)))
