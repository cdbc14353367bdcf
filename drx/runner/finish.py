"""Close a finished run: reports, their seal, the verdict, the exit code. It changes nothing of the run itself."""

from collections.abc import Callable
from pathlib import Path

from drx.engine.events import Author, ReportWritten, StepFailed
from drx.engine.plan import Phase, Plan
from drx.engine.state import State
from drx.engine.terms import FailureKind, Outcome
from drx.engine.visit import BROKEN, Status
from drx.errors import DrxError, ExitCode
from drx.files import file_mode, read_regular, write_atomically
from drx.journal import Journal
from drx.reports.document import read_history, report_json
from drx.reports.markdown import report_markdown
from drx.reports.shapes import RunFacts, Word
from drx.reports.trend import History
from drx.reports.verdict import verdict_lines
from drx.runner.record import REPORT, REPORT_HTML, REPORT_JSON, hash_files
from drx.ui.port import Ui

LookBack = Callable[[RunFacts], History]
"""Says what came before a run."""


def show_verdict(facts: RunFacts, record: Path, ui: Ui) -> None:
    """Show the verdict, and where the report lies."""
    ui.verdict((*verdict_lines(facts), f"report   {record / REPORT}"))


def seal(facts: RunFacts, journal: Journal, record: Path, operator: Author, look_back: LookBack) -> None:
    """Write the reports of what the journal tells, and the hash of every file of the record.

    Nothing is done where the newest event has done so. What came before the run is told as it was when the first report
    was written. Raises DrxError where the disk refuses.
    """
    if not isinstance(journal.events[-1].fact, ReportWritten):
        history = reported_history(record)
        _write(record, facts, look_back(facts) if history is None else history)
        journal.append(ReportWritten(hash_files(record)), operator)
        journal.sync()


def reports_of(facts: RunFacts, history: History) -> dict[str, bytes]:
    """Render every report of a run, by the name of its file."""
    from drx.reports.webpage import report_html  # what draws pictures is not wanted before a run has ended

    rendered = {
        REPORT: report_markdown(facts, history),
        REPORT_HTML: report_html(facts, history),
        REPORT_JSON: report_json(facts, history),
    }
    return {name: text.encode() for name, text in rendered.items()}


def reported_history(record: Path) -> History | None:
    """Give what came before a run as its report.json tells it; None where there is none that can be read."""
    try:
        return read_history(read_regular(record / REPORT_JSON))
    except (OSError, ValueError):
        return None


def _write(record: Path, facts: RunFacts, history: History) -> None:
    try:
        for name, content in reports_of(facts, history).items():
            write_atomically(record / name, content, file_mode(record))
    except OSError as error:
        message = f"{record}: the report cannot be written: {error.strerror}"
        raise DrxError(message, f"Make room, then run: drx resume {record.name}") from None


def exit_code(plan: Plan, state: State, facts: RunFacts) -> ExitCode:
    """Give the exit code of a run that has finished."""
    if state.outcome is Outcome.SUCCEEDED and facts.verdict.word is not Word.NOT_RECOVERED:
        return ExitCode.OBJECTIVE_MISSED if facts.objective_missed else ExitCode.OK
    kinds = {
        visit.failure.kind
        for step in state.visits
        if plan.steps[step].phase is not Phase.CLEANUP  # a deviation, and not why the run failed
        and (visit := state.latest(step))
        and visit.status in (*BROKEN, Status.ROLLED_BACK)  # what was rolled back may have failed first
        and isinstance(visit.failure, StepFailed)
    }
    if FailureKind.HUMAN_NEEDED in kinds:
        return ExitCode.HUMAN_NEEDED
    if FailureKind.REFUSED in kinds:
        return ExitCode.REFUSED
    return ExitCode.LOCKED if FailureKind.BUSY in kinds else ExitCode.FAILED
