"""Write the report of a run as Markdown. Pure: same figures, same bytes; foreign text stays text."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import cache

from jinja2 import Environment

from drx.engine.terms import Part
from drx.reports import pictures, safe
from drx.reports.shapes import Clock, Digest, Failure, Objective, RunFacts, StepTiming, Target
from drx.reports.text import counts, one_line, plural, sentence, show_moment, show_target
from drx.reports.verdict import figures
from drx.units import show_clock, show_duration, show_time


def report_markdown(facts: RunFacts) -> str:
    """Write the whole report; it ends with one line end."""
    text = _environment().get_template("report.md.j2").render(facts=facts, charted=pictures.charted(facts))
    return f"{text.rstrip()}\n"


@cache
def _environment() -> Environment:
    environment = safe.markdown_templates(
        {
            "clock_source": _clock_source,
            "code": safe.code,
            "codes": _codes,
            "counts": counts,
            "evidence_table": _evidence_table,
            "failure_title": _failure_title,
            "fence": safe.fence,
            "figures": figures,
            "gantt": pictures.gantt,
            "hash_lines": _hash_lines,
            "moment": show_moment,
            "objective_table": _objective_table,
            "parameters": _parameters,
            "plural": plural,
            "sentence": sentence,
            "step_table": _step_table,
            "time": show_time,
            "time_bars": pictures.time_bars,
        }
    )
    environment.globals["chart_steps"] = pictures.CHART_STEPS
    return environment


def _codes(values: Iterable[str]) -> safe.Markdown:
    return safe.Markdown(", ".join(safe.code(value) for value in values))


def _parameters(values: Mapping[str, str]) -> safe.Markdown:
    return safe.Markdown("\n".join(f"- {safe.code(name)}: {safe.code(value)}" for name, value in values.items()))


def _hash_lines(frozen: Iterable[tuple[str, str]]) -> list[str]:
    """The form that `sha256sum --check` reads."""
    return [f"{digest}  {one_line(name)}" for name, digest in frozen]


def _clock_source(clock: Clock) -> str:
    return {
        "fault": "the moment of the fault",
        "input": "the moment given when the run began",
        "person": "corrected by a person",
    }.get(clock.source, "the start of the run")


def _failure_title(failure: Failure) -> safe.Markdown:
    part = {Part.WORK: "", Part.VERIFY: ", verification", Part.ROLLBACK: ", rollback"}[failure.part]
    visit = f", visit {failure.visit}" if failure.visit > 1 else ""
    attempt = f", attempt {failure.attempt}" if failure.attempt > 1 else ""
    return safe.Markdown(f"{safe.code(failure.step)}{visit}{attempt}{part}")


def _objective_table(facts: RunFacts) -> safe.Markdown:
    rows = [
        (name, show_target(objective.target) if objective.target is not None else "", *_measured(objective))
        for name, objective in (("recovery time (RTO, RTA)", facts.rto), ("recovery point (RPO, RPA)", facts.rpo))
    ]
    return safe.table(("objective", "target", "actual", "met"), rows, right=(1, 2))


def _measured(objective: Objective) -> tuple[str, str]:
    if objective.actual is None:
        return "", "not measured"
    milliseconds = round(objective.actual / timedelta(milliseconds=1))
    actual = f"{show_clock(timedelta(seconds=milliseconds // 1000))}.{milliseconds % 1000:03d}"
    return actual, {True: "yes", False: safe.Markdown("**no**"), None: ""}[objective.met]


def _digest_of(digest: Digest) -> str:
    return f"digest: {digest.step}" + (", read back" if digest.part is Part.VERIFY else "")


def _evidence_table(facts: RunFacts) -> safe.Markdown:
    evidence = facts.evidence
    rows: list[tuple[str, object]] = [
        ("run", safe.code(facts.run)),
        ("runbook", safe.code(facts.runbook)),
        ("drill", safe.code(facts.drill or "")),
        ("environment", safe.code(facts.environment)),
        ("started", show_time(facts.started)),
        ("ended", show_time(facts.ended)),
        ("drx", evidence.drx_version),
        ("who", ", ".join(evidence.people) + (", unattended" if evidence.unattended else "")),
        *((f"{target.kind}: {target.target}", _target(target)) for target in evidence.targets),
        *((_digest_of(digest), safe.code(digest.value)) for digest in evidence.digests),
        ("journal", f"{plural(evidence.events, 'event')} when this was written"),
        ("journal head", safe.code(evidence.journal_head)),
    ]
    return safe.table(("what", "value"), [row for row in rows if row[1]])


def _target(target: Target) -> safe.Markdown:
    how = f" ({safe.escaped(target.how)})" if target.how else ""
    return safe.Markdown(f"{safe.code(target.value)}{how}")


def _step_table(facts: RunFacts) -> safe.Markdown:
    rows = [
        (
            f"{step.started:%H:%M:%S}",
            safe.code(step.step),
            step.title if step.title != step.step else "",
            "" if step.expected is None else show_target(step.expected),
            show_duration(step.actual),
            _result(step),
        )
        for step in facts.steps
    ]
    return safe.table(("at (UTC)", "step", "what", "expected", "actual", "result"), rows, right=(3, 4))


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
