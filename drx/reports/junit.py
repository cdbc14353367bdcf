"""Write a run as JUnit XML, which every CI server reads: a test for each step, one for each objective. Pure."""

from collections.abc import Iterator
from datetime import timedelta
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from drx.engine.plan import Phase
from drx.engine.visit import BROKEN, SETTLED, Status
from drx.reports.phrases import failure_title
from drx.reports.shapes import Failure, Objective, RunFacts, StepTiming, Word
from drx.reports.text import join, one_line, show_measured, show_target, visible
from drx.reports.verdict import verdict_lines

_GOOD = frozenset({Word.PASSED, Word.RECOVERED, Word.SUCCEEDED})


def report_junit(facts: RunFacts) -> str:
    """Write one suite. It has a failure or an error exactly where the run did not do what it should."""
    suite = Element("testsuite", name=_said(facts.drill or facts.runbook), hostname=_said(_host(facts)))
    cases = [*_steps(facts), *_objectives(facts), _verdict(facts)]
    suite.extend(cases)
    for kind in ("failure", "error", "skipped"):
        name = {"failure": "failures", "error": "errors"}.get(kind, kind)
        suite.set(name, str(sum(case.find(kind) is not None for case in cases)))
    suite.set("tests", str(len(cases)))
    suite.set("time", _seconds(facts.whole.total))
    suite.set("timestamp", f"{facts.started:%Y-%m-%dT%H:%M:%S}")
    properties = Element("properties")
    for name, value in (("run", facts.run), ("environment", facts.environment), ("mode", facts.mode.value)):
        SubElement(properties, "property", name=name, value=_said(value))
    suite.insert(0, properties)
    suites = Element("testsuites")
    suites.append(suite)
    indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(suites, encoding="unicode")}\n'


def _steps(facts: RunFacts) -> Iterator[Element]:
    failed: dict[tuple[str, int, bool], list[Failure]] = {}
    for failure in facts.failures:
        key = (failure.step, failure.visit, failure.part.value == "rollback")
        failed.setdefault(key, []).append(failure)
    for step in facts.steps:
        if step.group:
            continue
        case = _case(facts, _name(step), step.phase.value, step.actual)
        status = step.status.value.replace("_", " ")
        found = failed.get((step.step, step.visit, step.rollback), [])
        if step.status in BROKEN and step.phase is Phase.CLEANUP:
            SubElement(case, "system-out").text = _written(_output(found)) or status  # a deviation: the run stands
        elif step.status in BROKEN:
            _add(case, "failure", found[-1].error if found else status, _output(found))
        elif step.status is Status.SKIPPED:
            SubElement(case, "skipped", message="skipped")
        elif step.status not in SETTLED and step.status is not Status.ROLLED_BACK:
            _add(case, "error", f"it has not ended: {status}", "")
        yield case
    for name in facts.not_reached:
        case = _case(facts, name, "step", timedelta())
        SubElement(case, "skipped", message="never reached")
        yield case


def _name(step: StepTiming) -> str:
    visit = f" (visit {step.visit})" if step.visit > 1 else ""
    return f"{'roll back ' if step.rollback else ''}{step.step}{visit}: {step.title}"


def _output(failures: list[Failure]) -> str:
    """Everything that failed in a step, with the end of its output."""
    blocks = []
    for failure in failures:
        title = "".join(failure_title(failure, str))
        remedy = [f"What to do: {failure.remedy}"] if failure.remedy and failure.standing else []
        blocks.append("\n".join([f"{title}: {failure.error}", *remedy, *failure.lines]))
    return "\n\n".join(blocks)


def _objectives(facts: RunFacts) -> Iterator[Element]:
    for actual, name, objective in (("RTA", "RTO", facts.rto), ("RPA", "RPO", facts.rpo)):
        if objective.target is not None:
            yield _objective(facts, f"{actual} within {name} {show_target(objective.target)}", actual, objective)


def _objective(facts: RunFacts, name: str, actual: str, objective: Objective) -> Element:
    case = _case(facts, name, "objective", objective.actual or timedelta())
    if objective.met is False and objective.actual is not None:
        _add(case, "failure", f"{actual} {show_measured(objective.actual)}", "")
    elif objective.actual is None and facts.objective_missed:
        _add(case, "failure", f"{actual} was not measured", "")
    elif objective.actual is None:
        SubElement(case, "skipped", message="not measured")
    return case


def _verdict(facts: RunFacts) -> Element:
    """The run as a whole, so that a suite whose every step was mended still fails where the run did."""
    case = _case(facts, "verdict", "verdict", facts.whole.total)
    if facts.verdict.word not in _GOOD:
        reason = join((facts.verdict.word.value, facts.verdict.reason))
        _add(case, "failure", reason, "\n".join(verdict_lines(facts)))
    return case


def _case(facts: RunFacts, name: str, part: str, took: timedelta) -> Element:
    """One test; the class name puts the parts of a run beside each other."""
    classname = f"drx.{_said(facts.drill or facts.runbook)}.{part}"
    return Element("testcase", name=_said(name), classname=classname, time=_seconds(took))


def _add(case: Element, kind: str, message: str, text: str) -> None:
    child = SubElement(case, kind, message=_said(message), type=kind)
    child.text = _written(text) or None


def _host(facts: RunFacts) -> str:
    return facts.evidence.people[0].rpartition("@")[2] if facts.evidence.people else ""


def _said(text: str) -> str:
    return _written(one_line(text))


def _written(text: str) -> str:
    """XML knows no control characters, and nothing beyond what Unicode gives to characters."""
    return "".join(sign for sign in visible(text) if sign not in "\ufffe\uffff")


def _seconds(value: timedelta) -> str:
    return f"{value.total_seconds():.3f}"
