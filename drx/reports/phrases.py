"""The words and rows that the Markdown and the HTML of a report share; each gives its own form of code. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta

from drx.engine.terms import Part
from drx.reports.shapes import ActionItem, Clock, Digest, Failure, Objective, RunFacts, StepTiming
from drx.reports.text import one_line, plural, show_measured, show_target
from drx.reports.trend import Trend
from drx.units import show_clock, show_duration, show_time

Form = Callable[[str], str]
"""Sets a word in the form of a document: as code, or strong."""

Row = tuple[object, ...]

STEP_HEADER = ("at (UTC)", "step", "what", "expected", "actual", "result")
OBJECTIVE_HEADER = ("objective", "target", "actual", "met")
ITEM_HEADER = ("item", "what is to be done", "owner", "due", "state")
TREND_HEADER = ("drill (UTC)", "run", "in", "verdict", "RTA", "RPA")


def clock_source(clock: Clock) -> str:
    """Say what set the clock."""
    return {
        "fault": "the moment of the fault",
        "input": "the moment given when the run began",
        "person": "corrected by a person",
    }.get(clock.source, "the start of the run")


def hash_lines(frozen: Iterable[tuple[str, str]]) -> list[str]:
    """The form that `sha256sum --check` reads."""
    return [f"{digest}  {one_line(name)}" for name, digest in frozen]


def failure_title(failure: Failure, code: Form) -> tuple[str, str]:
    """Name the step that failed, and what else tells the failure from others."""
    part = {Part.WORK: "", Part.VERIFY: ", verification", Part.ROLLBACK: ", rollback"}[failure.part]
    visit = f", visit {failure.visit}" if failure.visit > 1 else ""
    attempt = f", attempt {failure.attempt}" if failure.attempt > 1 else ""
    return code(failure.step), f"{visit}{attempt}{part}"


def objective_rows(facts: RunFacts, strong: Form) -> Iterator[Row]:
    """RTO and RPO, and what became of them."""
    for name, objective in (("recovery time (RTO, RTA)", facts.rto), ("recovery point (RPO, RPA)", facts.rpo)):
        target = show_target(objective.target) if objective.target is not None else ""
        yield (name, target, *_measured(objective, strong))


def _measured(objective: Objective, strong: Form) -> tuple[str, str]:
    if objective.actual is None:
        return "", "not measured"
    milliseconds = round(objective.actual / timedelta(milliseconds=1))
    actual = f"{show_clock(timedelta(seconds=milliseconds // 1000))}.{milliseconds % 1000:03d}"
    return actual, {True: "yes", False: strong("no"), None: ""}[objective.met]


def step_rows(facts: RunFacts, code: Form) -> Iterator[Row]:
    """Each visit to a step, expected against actual."""
    for step in facts.steps:
        yield (
            f"{step.started:%H:%M:%S}",
            code(step.step),
            step.title if step.title != step.step else "",
            "" if step.expected is None else show_target(step.expected),
            show_duration(step.actual),
            _result(step),
        )


def _result(step: StepTiming) -> str:
    status = step.status.value.replace("_", " ")
    words = [status if not step.rollback or status == "rolled back" else f"rollback {status}"]
    if step.visit > 1:
        words.append(f"visit {step.visit}")
    if step.attempts > 1 and not step.rollback:
        words.append(f"{step.attempts} attempts")
    if step.by:
        words.append(f"by {step.by}")
    if step.waited:
        words.append(f"waited {show_duration(step.waited)} for a person")
    if step.recovered and step.ended is not None and status == "succeeded":
        words.append("recovered")
    return ", ".join(words)


def trend_rows(trend: Trend, code: Form) -> Iterator[Row]:
    """Each drill of a runbook, oldest first."""
    for past in trend.drills:
        rta, rpa = ("not measured" if value is None else show_measured(value) for value in (past.rta, past.rpa))
        yield f"{past.at:%Y-%m-%d %H:%M}", code(past.run), code(past.environment), past.word.value, rta, rpa


def item_rows(items: Iterable[ActionItem]) -> Iterator[Row]:
    """What is to be done about what a run has shown."""
    for item in items:
        state = "open"
        if item.closed_at is not None:
            state = f"closed {item.closed_at:%Y-%m-%d} by {item.closed_by}: {item.reason}"
        yield item.number, item.text, item.owner, f"{item.due}", state


def evidence_rows(facts: RunFacts, code: Form) -> list[Row]:
    """What ties the report to its record."""
    evidence = facts.evidence
    rows: list[Row] = [
        ("run", code(facts.run)),
        ("runbook", code(facts.runbook)),
        ("drill", code(facts.drill or "")),
        ("environment", code(facts.environment)),
        ("started", show_time(facts.started)),
        ("ended", show_time(facts.ended)),
        ("drx", evidence.drx_version),
        ("who", ", ".join(evidence.people) + (", unattended" if evidence.unattended else "")),
        ("secrets read", _sources(evidence.read)),
        ("secrets to hide", _sources(evidence.read_to_hide)),
        *((f"{target.kind}: {target.target}", code(target.value), target.how) for target in evidence.targets),
        *((_digest_of(digest), code(digest.value)) for digest in evidence.digests),
        ("journal", f"{plural(evidence.events, 'event')} when this was written"),
        ("journal head", code(evidence.journal_head)),
    ]
    return [row for row in rows if row[1]]


def _sources(read: Mapping[str, str]) -> str:
    return ", ".join(dict.fromkeys(read.values()))


def _digest_of(digest: Digest) -> str:
    return f"digest: {digest.step}" + (", read back" if digest.part is Part.VERIFY else "")
