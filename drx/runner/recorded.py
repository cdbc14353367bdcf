"""What earlier runs of a runbook took and gave, step by step, out of their records. Reads only."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pydantic import JsonValue, TypeAdapter

from drx.engine.events import StepSucceeded
from drx.engine.terms import Mode, Part
from drx.errors import JournalError
from drx.journal import JOURNAL, read_journal
from drx.runner.record import REPORT_JSON

_VALUES = TypeAdapter(dict[str, JsonValue])
_RUNS = 20
"""How many of the newest runs are looked at."""


@dataclass(frozen=True)
class Recorded:
    """What is known of a runbook's steps; nothing where it has never run."""

    seconds: Mapping[str, float]
    """The median time of each step that succeeded."""
    outputs: Mapping[str, Mapping[str, JsonValue]]
    """What each step gave in the newest run."""


def recorded(records: Path, runbook: str) -> Recorded:
    """Look at the newest incidents and drills of a runbook; what cannot be read is passed over."""
    times: dict[str, list[float]] = {}
    outputs: Mapping[str, Mapping[str, JsonValue]] = {}
    for number, (record, run) in enumerate(_runs(records, runbook)):
        for step, seconds in _times(run):
            times.setdefault(step, []).append(seconds)
        outputs = outputs or _outputs(record)
        if number + 1 == _RUNS:
            break
    return Recorded({step: median(found) for step, found in times.items()}, outputs)


def _runs(records: Path, runbook: str) -> Iterator[tuple[Path, Mapping[str, object]]]:
    for path in sorted(records.glob(f"*/{REPORT_JSON}"), reverse=True):
        try:
            run = json.loads(path.read_bytes())["run"]
            if run["runbook"] == runbook and run["mode"] in (Mode.INCIDENT, Mode.DRILL, Mode.OPERATION):
                yield path.parent, run
        except (OSError, ValueError, KeyError, TypeError):
            continue


def _times(run: Mapping[str, object]) -> Iterator[tuple[str, float]]:
    steps = run.get("steps")
    for step in steps if isinstance(steps, list) else ():
        if step["status"] == "succeeded" and not step["rollback"] and not step["group"]:
            yield str(step["step"]), float(step["actual"])


def _outputs(record: Path) -> Mapping[str, Mapping[str, JsonValue]]:
    try:
        facts = [event.fact for event in read_journal(record / JOURNAL)]
    except JournalError:
        return {}
    done = (fact for fact in facts if isinstance(fact, StepSucceeded) and fact.part is Part.WORK)
    return {fact.step: _VALUES.validate_python(fact.outputs) for fact in done}
