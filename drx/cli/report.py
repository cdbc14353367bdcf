"""`drx report`: the report of a run again, and what reports say over many runs. Thin: others render."""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from drx.cli.evidence import opened_record
from drx.cli.plan.plan import write
from drx.cli.project import Project, load_project
from drx.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from drx.reports.trend import Trend

RUN_FORMS = ("md", "html", "json", "junit")
FORMS = ("md", "html", "json")


def choose(
    run: str | None, runbook: str | None, form: str | None, output: str | None, *, open_items: bool, show: bool
) -> int:
    """Render the one thing that was asked for; raises UsageError where that is none, or more than one."""
    if [run is not None, runbook is not None, open_items].count(True) != 1:
        raise UsageError("name one run, or --trend RUNBOOK, or --open-items", "See: drx report --help")
    form = form or ("html" if show else "md")
    if open_items:
        return lessons(form, output, show=show)
    if run is not None:
        return report(run, form, output, show=show)
    assert runbook is not None, "one of the two is given"
    return trend(runbook, form, output, show=show)


def report(run: str, form: str, output: str | None, *, show: bool) -> int:
    """Render the report of a run out of its journal.

    Raises UsageError where there is no such run or format, JournalError for a damaged record.
    """
    _require(form, RUN_FORMS)
    with opened_record(run) as record:
        text, name = render(record, form), f"{record.name}.{'xml' if form == 'junit' else form}"
    return _deliver(text, name, output, show=show)


def render(record: Path, form: str) -> str:
    """Write the report of the run of a record, finished or not, in one of RUN_FORMS."""
    from drx.reports.document import report_json
    from drx.reports.junit import report_junit
    from drx.reports.markdown import report_markdown
    from drx.reports.trend import NO_HISTORY
    from drx.reports.webpage import report_html
    from drx.runner.finish import reported_history
    from drx.runner.rereading import facts_of

    facts, history = facts_of(record), reported_history(record) or NO_HISTORY
    match form:
        case "html":
            return report_html(facts, history)
        case "json":
            return report_json(facts, history)
        case "junit":
            return report_junit(facts)
        case _:
            return report_markdown(facts, history)


def trend(runbook: str, form: str, output: str | None, *, show: bool) -> int:
    """Put all drills of a runbook beside each other; raises as `report` does, or for an unknown runbook."""
    from drx.reports.document import trend_json
    from drx.reports.markdown import trend_markdown
    from drx.reports.webpage import trend_html

    _require(form, FORMS)
    writers: dict[str, Callable[[Trend], str]] = {"md": trend_markdown, "html": trend_html, "json": trend_json}
    text = writers[form](_trend(load_project(), runbook))
    return _deliver(text, f"trend-{Path(runbook).stem}.{form}", output, show=show)


def _trend(project: Project, reference: str) -> "Trend":
    from drx.reports.trend import Trend
    from drx.runner.history import newest_drills

    runbook = project.binder(reference).runbook(reference)
    stated = runbook.objectives or project.config.settings.objectives
    drills = sorted(newest_drills(project.records, runbook.runbook), key=lambda past: (past.at, past.run))
    return Trend(runbook.runbook, stated.rto, stated.rpo, tuple(drills))


def lessons(form: str, output: str | None, *, show: bool) -> int:
    """Tell what is still to be done over all runs, the most urgent first; raises as `report` does."""
    from drx.cli.review import today
    from drx.reports.lessons import lessons_html, lessons_json, lessons_markdown
    from drx.runner.open_items import open_items

    _require(form, FORMS)
    found = open_items(load_project().records)
    for problem in found.unreadable:
        print(f"not looked at: {problem}", file=sys.stderr)
    if form == "json":
        text = lessons_json(found.items)
    else:
        text = (lessons_html if form == "html" else lessons_markdown)(found.items, today())
    return _deliver(text, f"open-items.{form}", output, show=show)


def _require(form: str, forms: tuple[str, ...]) -> None:
    if form not in forms:
        raise UsageError(f"'{form}' is no format of this report", f"Use {', '.join(forms[:-1])} or {forms[-1]}")


def _deliver(text: str, name: str, output: str | None, *, show: bool) -> int:
    """Print a document, or write it into a file; with `show`, open it with what opens such files here."""
    if output is None and not show:
        sys.stdout.write(text)
        return ExitCode.OK
    path = Path(output) if output else Path(tempfile.mkdtemp(prefix="drx-report-")) / name
    write(path, text)
    if show:
        _open(path)
    else:
        print(path)
    return ExitCode.OK


def _open(path: Path) -> None:
    import webbrowser

    opened = webbrowser.open(path.resolve().as_uri())
    print(path if opened else f"nothing here can open it: {path}")
