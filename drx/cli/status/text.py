"""Readiness as a person reads it. Prints; judges nothing."""

import shutil
import sys
from collections.abc import Sequence
from textwrap import wrap

from drx.cli.tables import print_table
from drx.reports.readiness import Level, Objective, Readiness
from drx.units import show_duration

_WORDS = {
    Level.OK: "ready",
    Level.WARNING: "to be looked at",
    Level.CRITICAL: "NOT READY",
    Level.UNKNOWN: "NOT KNOWN",
}


def print_readiness(readiness: Readiness) -> None:
    """Print the answer first, then what it rests on, then what to do."""
    head = f"{readiness.service}, {readiness.environment}: {_WORDS[readiness.level]}"
    print(f"{head}   {readiness.at:%Y-%m-%d %H:%M} UTC\n")
    objectives = [line for line in readiness.lines if isinstance(line, Objective)]
    rows = [
        (
            line.subject,
            show_duration(line.target),
            show_duration(line.actual) if line.actual is not None else "-",
            line.found,
            line.state,
        )
        for line in objectives
    ]
    print_table(("objective", "target", "actual", "evidence", ""), rows, folded=(3,))
    others = [(line.subject, line.found) for line in readiness.lines if not isinstance(line, Objective)]
    if others:
        print()
        _print_hanging(others)
    if readiness.troubles:
        print("\nTo do:")
        _print_hanging([(line.subject, line.remedy) for line in readiness.troubles if line.remedy])
    print(f"\nSomething broken right now?   drx run --env {readiness.environment}   choose by symptom")
    known = (line.subject for line in objectives if line.level is not Level.UNKNOWN)
    scenarios = (subject.removeprefix("RTO ") for subject in known if subject.startswith("RTO "))
    if first := next(scenarios, ""):
        print(f"Practise:                     drx drill {first}")


def _print_hanging(rows: Sequence[tuple[str, str]]) -> None:
    """Print names with their texts beside them; at a terminal, a long text goes on below itself."""
    width = max((len(name) for name, _ in rows), default=0) + 2
    room = shutil.get_terminal_size().columns - width if sys.stdout.isatty() else 10_000
    for name, text in rows:
        lines = wrap(text, max(room, 20), break_on_hyphens=False) or [""]
        print(f"{name:<{width}}" + f"\n{'':<{width}}".join(lines))
