"""Whether schedules of slices can keep the RPO at all."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from drx.config import read_config
from drx.errors import InvalidInput
from drx.runbook.load import load_runbook
from drx.runbook.model import Runbook
from drx.schedule.rpo import too_seldom

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
HEAD = "service: shop\nobjectives: {rto: 2h, rpo: 1h}\nenvironments: {production: {}, staging: {}}\nschedules:\n"
RUNBOOKS = {
    "slices": "timeout: 25m\nsteps: [{id: a, action: backup.slice, expect: 1m}]",
    "endless": "steps: [{id: a, action: backup.slice, expect: 7m}]",
    "base": "timeout: 18h\nsteps: [{id: a, action: backup.base, expect: 1h}]",
}


def _runbook(name: str) -> Runbook:
    if name not in RUNBOOKS:
        raise InvalidInput(f"there is no runbook '{name}'")
    found, problems = load_runbook(f"runbook: {name}\nkind: operation\ntitle: X\n{RUNBOOKS[name]}".encode(), "x")
    assert found, problems
    return found


def _said(*schedules: str) -> list[str]:
    text = HEAD + "".join(f"  - {{{each}}}\n" for each in schedules)
    return [str(each) for each in too_seldom(read_config(text.encode(), "drx.yaml", Path()), _runbook, NOW)]


def test_what_may_be_lost_is_the_pause_and_the_time_of_the_next_slice() -> None:
    assert _said('run: slices, environment: production, cron: "*/40 * * * *"') == [
        "drx.yaml:5:50: warning: up to 40m between two slices and 25m for the next one are more than the RPO of 1h."
        " Run it more often, give it a shorter timeout, or promise less"
    ]


@pytest.mark.parametrize(
    ("cron", "run", "doubtful"),
    [
        ("5,35 * * * *", "slices", False),  # 30m + 25m
        ("*/36 * * * *", "slices", True),  # 36m + 25m, and 24m
        ("0 * * * *", "endless", True),  # 60m + the 7m that it should take
        ("*/50 * * * *", "endless", False),  # 50m + 7m
        ("0 3 * * *", "base", False),  # archives no oplog
        ("0 3 * * *", "missing", False),  # is a problem of its own
    ],
)
def test_when_it_is_said(cron: str, run: str, doubtful: bool) -> None:
    assert bool(_said(f'run: {run}, environment: production, cron: "{cron}"')) is doubtful


@pytest.mark.parametrize(("timeout", "doubtful"), [("20m", False), ("21m", True), ("2h", True)])
def test_the_timeout_of_a_schedule_counts_where_it_is_shorter(timeout: str, doubtful: bool) -> None:
    schedule = f'run: slices, environment: production, cron: "*/40 * * * *", timeout: {timeout}'
    assert bool(_said(schedule)) is doubtful


def test_the_best_schedule_of_an_environment_counts() -> None:
    often, seldom = 'cron: "*/10 * * * *"', 'cron: "0 * * * *"'
    slices = "run: slices, environment"
    assert _said(f"{slices}: production, {seldom}", f"{slices}: production, {often}") == []
    (said,) = _said(f"{slices}: production, {often}", f"{slices}: staging, {seldom}")
    assert said.startswith("drx.yaml:6:")
