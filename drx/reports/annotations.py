"""Say what went wrong in the form of workflow commands, which GitHub Actions shows beside the run. Pure.

The form: https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

from collections.abc import Iterable, Iterator

from drx.reports.shapes import RunFacts, Word
from drx.reports.text import join, one_line, sentence
from drx.reports.verdict import figures
from drx.yaml_source import Problem

MOST = 9
"""GitHub shows ten annotations of a kind for each step of a workflow; one is the verdict's."""

_GOOD = frozenset({Word.PASSED, Word.RECOVERED, Word.SUCCEEDED})


def annotations(facts: RunFacts) -> Iterator[str]:
    """Give the verdict, and the failures that nothing overcame, a line each."""
    verdict = facts.verdict
    what = facts.drill or facts.runbook
    remedy = f"What to do: {sentence(verdict.remedy)}" if verdict.remedy else ""
    words = [sentence(verdict.reason) if verdict.reason else "", remedy, join(figures(facts))]
    kind = "notice" if verdict.word in _GOOD and not facts.objective_missed else "error"
    yield _command(kind, f"{what}: {verdict.word.value}", " ".join(word for word in words if word))
    for failure in [each for each in facts.failures if each.standing][:MOST]:
        remedy = f" What to do: {sentence(failure.remedy)}" if failure.remedy else ""
        yield _command("error" if kind == "error" else "warning", failure.step, sentence(failure.error) + remedy)


def of_problems(problems: Iterable[Problem]) -> Iterator[str]:
    """Give each problem at its line of its file; errors first, since GitHub shows only so many."""
    for problem in sorted(problems, key=lambda problem: problem.severity != "error"):
        place = f"file={_escaped(problem.source, ':,')},line={problem.line},col={problem.column}"
        yield f"::{problem.severity} {place}::{_escaped(f'{problem.message}. {problem.remedy}')}"


def _command(kind: str, title: str, text: str) -> str:
    return f"::{kind} title={_escaped(title, ':,')}::{_escaped(text)}"


def _escaped(text: str, separators: str = "") -> str:
    """Keep text from ending the line, or the property, that it stands in."""
    shown = one_line(text).replace("%", "%25")
    for sign in separators:
        shown = shown.replace(sign, f"%{ord(sign):02X}")
    return shown
