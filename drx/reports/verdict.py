"""The last lines of a run at a terminal: the verdict. Plain text, 80 columns where the words allow it."""

from collections.abc import Iterator
from textwrap import wrap

from drx.engine.visit import Status
from drx.reports.shapes import Objective, RunFacts
from drx.reports.text import findings, join, one_line, sentence, show_measured, show_target

GAP = "   "


def verdict_lines(facts: RunFacts, width: int = 80) -> tuple[str, ...]:
    """Write the verdict: the word, then why and what to do where something is wrong, then the figures."""
    word = facts.verdict.word.value
    room = max(width - len(word) - len(GAP), 20)
    lines: list[str] = []
    if facts.verdict.reason:
        lines += _wrapped(facts.verdict.reason, room)
    if facts.verdict.remedy:
        lines += _wrapped(f"What to do: {sentence(facts.verdict.remedy)}", room)
    lines += _filled(figures(facts), room)
    first, *others = lines or [""]
    indent = " " * (len(word) + len(GAP))
    return (f"{word}{GAP}{first}".rstrip(), *(f"{indent}{line}" for line in others))


def figures(facts: RunFacts) -> tuple[str, ...]:
    """Give RTA, RPA and counts, each as a phrase: `RTA 00:00:14 (RTO 2h)`."""
    counted = join(findings(check.counts) for check in facts.checks if check.status is Status.SUCCEEDED)
    phrases = (_figure("RTA", "RTO", facts.rto), _figure("RPA", "RPO", facts.rpo), counted)
    return tuple(phrase for phrase in phrases if phrase)


def _figure(actual: str, target: str, objective: Objective) -> str:
    if objective.actual is None:
        return "" if objective.target is None else f"{actual} not measured ({target} {show_target(objective.target)})"
    measured = f"{actual} {show_measured(objective.actual)}"
    if objective.target is None:
        return measured
    return f"{measured} ({target} {show_target(objective.target)}{'' if objective.met else ', missed'})"


def _wrapped(text: str, room: int) -> list[str]:
    return wrap(one_line(text), room, break_long_words=False, break_on_hyphens=False)


def _filled(phrases: tuple[str, ...], room: int) -> Iterator[str]:
    """Set phrases side by side while they fit; only a phrase longer than a line is broken."""
    line = ""
    for phrase in phrases:
        if line and len(line) + len(GAP) + len(phrase) <= room:
            line += GAP + phrase
        else:
            if line:
                yield line
            *full, line = _wrapped(phrase, room)
            yield from full
    if line:
        yield line
