"""Every kind of page that drx writes for a browser, as files to be looked at or measured."""

from pathlib import Path

import pytest

from drx.cli.plan.plan import make_plan
from drx.cli.project import load_project
from drx.reports.facts import gather
from drx.reports.livepage import live_html
from drx.reports.plan.markdown import plan_html
from drx.reports.webpage import report_html
from tests.reports import runs

ROOT = Path(__file__).parents[2]


def every_page() -> dict[str, str]:
    """Give each page by its name: reports of runs that went well and badly, the trend, the plan, a run under way."""
    found = {path.stem: path.read_text() for path in (ROOT / "tests" / "golden" / "reports").glob("*.html")}
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(ROOT)
        found["plan"] = plan_html(make_plan(load_project(), None))
    found["failed_drill"] = report_html(gather(runs.DRILL, runs.failed_drill().events), runs.HISTORY)
    found["aborted"] = report_html(gather(runs.INCIDENT, runs.aborted_incident().events))
    journal = runs.incident()
    found["hostile"] = report_html(gather(runs.INCIDENT, runs.hostile_incident().events))
    begun = journal.events[: len(journal.events) // 2]
    found["live"] = live_html(journal.plan, gather(journal.plan, begun), begun[-1].at)
    return found
