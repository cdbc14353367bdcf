"""Messages about a run: what, where, what next. Pure: texts out of figures; nothing is sent here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from drx.config.model import About
from drx.errors import DrxError, ExitCode
from drx.reports.readiness import Level, Readiness
from drx.reports.shapes import RunFacts
from drx.reports.text import one_line, sentence
from drx.reports.verdict import figures


@dataclass(frozen=True)
class Notice:
    """One message, before anybody decides who hears of it."""

    about: About
    job: str
    """Id of the runbook or the drill; empty where it is about none."""
    environment: str
    title: str
    """One line that says it all: it may be all that a telephone shows."""
    what: tuple[str, ...]
    """Why, and the figures; a line each."""
    remedy: str
    """What to do now."""
    at: datetime
    run: str = ""
    report: str = ""
    """Where more can be read."""
    attended: bool = False
    """Somebody sees it anyway."""

    @property
    def text(self) -> str:
        """The message below its title."""
        remedy = f"What to do: {sentence(self.remedy)}" if self.remedy else ""
        report = f"Report: {self.report}" if self.report else ""
        return "\n".join(line for line in (*self.what, remedy, report) if line)


def about_start(run: str, job: str, environment: str, at: datetime, *, attended: bool) -> Notice:
    """Tell that a run has begun."""
    title = f"{job} has begun in {environment}"
    return Notice(About.START, job, environment, title, (f"Run: {run}",), "", at, run, attended=attended)


def about_end(facts: RunFacts, code: ExitCode, report: str) -> Notice:
    """Tell what came of a run. `code` is its exit code."""
    job, word = facts.drill or facts.runbook, facts.verdict.word.value
    reason = one_line(facts.verdict.reason)
    about = _about(code)
    missed = ", an objective was missed" if about is About.OBJECTIVE_MISSED else ""
    remedy = facts.verdict.remedy
    if not remedy and about is not About.SUCCESS:
        remedy = f"Read the report, or see every step: drx show {facts.run}"
    return Notice(
        about,
        job,
        facts.environment,
        f"{job} in {facts.environment}: {word}{missed}",
        tuple(line for line in (sentence(reason) if reason else "", *figures(facts), f"Run: {facts.run}") if line),
        remedy,
        facts.ended,
        facts.run,
        report,
        attended=not facts.evidence.unattended,
    )


def about_refusal(job: str, environment: str, error: Exception, at: datetime) -> Notice:
    """Tell that a run was not begun, since it may only be with somebody there."""
    return _without_record(About.HUMAN_NEEDED, "waits for a person", job, environment, error, at)


def about_trouble(job: str, environment: str, error: Exception, at: datetime) -> Notice:
    """Tell that a run could not begin, or could not go on and left no report."""
    return _without_record(About.FAILURE, "could not run", job, environment, error, at)


def _without_record(about: About, what: str, job: str, environment: str, error: Exception, at: datetime) -> Notice:
    where = f" in {environment}" if environment else ""
    if isinstance(error, DrxError):
        reason, remedy = error.message, error.remedy
    else:
        reason, remedy = f"a bug in drx: {type(error).__name__}", "Run it by hand: the details are said there"
    return Notice(about, job, environment, f"{job}{where} {what}", (sentence(reason),), remedy, at)


_UNTOLD = {"missed": About.MISSED, "killed": About.FAILURE}


def of_readiness(readiness: Readiness) -> Iterator[Notice]:
    """Tell what nobody would hear of otherwise: jobs that were missed or killed, and an RPO that does not hold now.

    Jobs that failed have told of it themselves.
    """
    for line in readiness.lines:
        title = f"{line.subject} in {readiness.environment}: {line.found}"
        if line.subject in _UNTOLD:
            about, job = _UNTOLD[line.subject], line.job
        elif line.subject == "RPO" and line.level is Level.CRITICAL:
            about, job = About.OBJECTIVE_MISSED, ""
        else:
            continue
        yield Notice(about, job, readiness.environment, title, (), line.remedy, readiness.at)


def _about(code: ExitCode) -> About:
    match code:
        case ExitCode.OK:
            return About.SUCCESS
        case ExitCode.OBJECTIVE_MISSED:
            return About.OBJECTIVE_MISSED
        case ExitCode.HUMAN_NEEDED:
            return About.HUMAN_NEEDED
        case _:
            return About.FAILURE
