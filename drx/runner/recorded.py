"""What earlier runs of a runbook took and gave, step by step, out of their records. Reads only."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from pydantic import JsonValue, TypeAdapter

from drx.engine.events import StepSucceeded
from drx.engine.terms import Mode, Part
from drx.errors import JournalError
from drx.files import read_regular
from drx.journal import JOURNAL, read_journal
from drx.reports.forecast import Earlier
from drx.runner.record import REPORT_JSON

_VALUES = TypeAdapter(dict[str, JsonValue])
_RUNS = 20
"""How many of the newest runs count: it is about how things are, not about how they were."""


def step_times(records: Path, runbook: str) -> Earlier:
    """Give the seconds of each step that succeeded, newest run first; what cannot be read is passed over."""
    times: dict[str, list[float]] = {}
    for _, steps in islice(_runs(records, runbook), _RUNS):
        for step, seconds in steps:
            times.setdefault(step, []).append(seconds)
    return times


def newest_outputs(records: Path, runbook: str) -> Mapping[str, Mapping[str, JsonValue]]:
    """Give what each step gave in the newest run of which that can be read."""
    found = (_outputs(record) for record, _ in islice(_runs(records, runbook), _RUNS))
    return next((outputs for outputs in found if outputs), {})


def _runs(records: Path, runbook: str) -> Iterator[tuple[Path, list[tuple[str, float]]]]:
    """Give the records of incidents, drills and operations, newest first, each with the times of its steps."""
    for path in sorted(records.glob(f"*/{REPORT_JSON}"), reverse=True):
        try:
            run = json.loads(read_regular(path))["run"]
            if run["runbook"] == runbook and run["mode"] != Mode.TABLETOP:
                yield path.parent, [
                    (str(step["step"]), float(step["actual"])) for step in run["steps"]
                    if step["status"] == "succeeded" and not step["rollback"] and not step["group"]
                ]  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue


def _outputs(record: Path) -> Mapping[str, Mapping[str, JsonValue]]:
    try:
        facts = [event.fact for event in read_journal(record / JOURNAL)]
    except JournalError:
        return {}
    done = (fact for fact in facts if isinstance(fact, StepSucceeded) and fact.part is Part.WORK)
    return {fact.step: _VALUES.validate_python(fact.outputs) for fact in done}
