"""How long each step took in earlier runs of a runbook, out of their reports. Reads only."""

import json
from collections.abc import Iterator
from pathlib import Path

from drx.reports.forecast import Earlier
from drx.runner.record import REPORT_JSON

_RUNS = 20
"""How many of the newest runs count: a forecast is about how things are, not about how they were."""


def step_times(records: Path, runbook: str) -> Earlier:
    """Give the seconds of each step that succeeded, newest run first; what cannot be read is passed over."""
    times: dict[str, list[float]] = {}
    for number, steps in enumerate(_runs(records, runbook)):
        if number == _RUNS:
            break
        for step, seconds in steps:
            times.setdefault(step, []).append(seconds)
    return times


def _runs(records: Path, runbook: str) -> Iterator[list[tuple[str, float]]]:
    for path in sorted(records.glob(f"*/{REPORT_JSON}"), reverse=True):
        try:
            run = json.loads(path.read_bytes())["run"]
            if run["runbook"] == runbook and run["mode"] != "tabletop":
                yield [
                    (str(step["step"]), float(step["actual"])) for step in run["steps"]
                    if step["status"] == "succeeded" and not step["rollback"] and not step["group"]
                ]  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError):
            continue
