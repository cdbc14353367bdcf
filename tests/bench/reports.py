"""Measure what it costs to report a long run: its figures, and each form of its report. Asserts nothing.

Run `python -m tests.bench.reports [--steps 10000] [--rounds 3]`. CPU time, as it waits for nothing; reading the journal
is not in it.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from drx.engine.events import RunFinished
from drx.engine.terms import Outcome
from drx.reports.document import report_json
from drx.reports.facts import gather
from drx.reports.junit import report_junit
from drx.reports.markdown import report_markdown
from drx.reports.webpage import report_html
from tests.reports import runs
from tests.reports.builder import Journal, automated, drill_plan


def long_run(steps: int) -> Journal:
    """A drill of so many steps, every tenth of which fails once."""
    planned = [automated(f"step-{number}", f"Do the {number}th thing") for number in range(steps)]
    planned[-1] = replace(planned[-1], recovered=True)
    journal = Journal(drill_plan(*planned))
    for number in range(steps):
        step = f"step-{number}"
        if number % 10 == 0:
            journal.start(step).after(0.2).fails(step, "connection reset", "Try again", "line one", "line two")
            journal.start(step, attempt=2).after(1).ends(step, {"documents": number}, attempt=2)
        else:
            journal.does(step, 0.5 + number % 7, {"documents": number})
    return journal.add(RunFinished(Outcome.SUCCEEDED))


def main() -> None:
    """Print medians, and the sum of what a sealed run has to wait for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    journal = long_run(arguments.steps)
    facts = gather(journal.plan, journal.events)
    parts: dict[str, Callable[[], object]] = {
        "figures": lambda: gather(journal.plan, journal.events),
        "report.md": lambda: report_markdown(facts, runs.HISTORY),
        "report.html": lambda: report_html(facts, runs.HISTORY),
        "report.json": lambda: report_json(facts, runs.HISTORY),
    }
    medians = {name: _median(part, arguments.rounds) for name, part in parts.items()}
    print(f"{arguments.steps:,} steps, {len(journal.events):,} events, medians of CPU time")
    for name, took in medians.items():
        print(f"{name:<14} {took / timedelta(seconds=1):6.2f} s")
    print(f"{'together':<14} {sum(medians.values(), timedelta()) / timedelta(seconds=1):6.2f} s (bar: at most 2 s)")
    print(f"{'JUnit XML':<14} {_median(lambda: report_junit(facts), arguments.rounds) / timedelta(seconds=1):6.2f} s")


def _median(part: Callable[[], object], rounds: int) -> timedelta:
    taken = []
    for _ in range(rounds):
        began = time.process_time()
        part()
        taken.append(time.process_time() - began)
    return timedelta(seconds=statistics.median(taken))


if __name__ == "__main__":
    main()
