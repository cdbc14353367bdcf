"""The lines at the foot of the terminal: where, the clocks, where the time went, what is done now."""

from datetime import timedelta

import pytest

from drx.engine.events import ClockStarted, Fact, RunStarted, StepStarted, StepSucceeded
from drx.engine.terms import Mode, Part
from drx.reports.facts import gather
from drx.ui.header import Progress, header
from tests.ui.screens import AT, PLAN, event

STARTED = RunStarted("2026-11-21T0800Z-story-7f3a", Mode.INCIDENT, "story", "production", False, "0.1.0", {})
RESTORE = StepStarted("restore", 1, 1, Part.WORK, {})


def lines(
    *facts: Fact,
    later: float = 0,
    protected: tuple[str, ...] = (),
    earlier: dict[str, list[float]] | None = None,
    **progress: Progress,
) -> list[str]:
    """The header this many seconds after the last event."""
    gathered = gather(PLAN, [event(fact) for fact in (STARTED, ClockStarted(AT, "run"), *facts)], "")
    return header(PLAN, gathered, AT + timedelta(seconds=later), protected, progress, earlier or {})


def test_a_protected_environment_is_unmistakable_without_colour() -> None:
    assert lines()[0] == "INCIDENT story in production"
    assert lines(protected=("production",))[0] == "INCIDENT story in *** PRODUCTION (protected) ***"


def test_the_clocks_and_the_step_under_way() -> None:
    _, clocks, spent, step = lines(RESTORE, later=65)
    assert "elapsed 00:01:05" in clocks
    assert "forecast 08:05 UTC (as planned)" in clocks
    assert spent == "automation 01:05"
    assert step == "> restore  1m 05s (expected 5m)"


def test_a_step_that_takes_longer_moves_the_forecast() -> None:
    assert "forecast 08:10 UTC" in lines(RESTORE, later=600)[1]


def test_earlier_runs_tell_more_than_the_plan() -> None:
    times = {"restore": [60.0, 120.0, 180.0, 240.0, 300.0, 360.0, 420.0, 480.0, 540.0, 600.0, 660.0]}
    assert "forecast 08:06 - 08:10 UTC (11 runs)" in lines(RESTORE, earlier=times)[1]
    assert "forecast 08:02 UTC (1 run)" in lines(RESTORE, earlier={"restore": [120.0]})[1]


@pytest.mark.parametrize(
    ("progress", "shown"),
    [
        (Progress(31204, 50000, "docs", AT, 0), "31,204 / 50,000 docs  3,120/s  00:00:06 left"),
        (Progress(31204, None, "docs", AT, 0), "31,204 docs  3,120/s"),
        (Progress(50000, 50000, "docs", AT, 0), "50,000 / 50,000 docs  5,000/s"),
        (Progress(3, 9, "docs", AT, 3), "3 / 9 docs"),
        (Progress(31204, 50000, "docs", AT + timedelta(seconds=10), 0), "31,204 / 50,000 docs"),
    ],
)
def test_progress_tells_rate_and_time_left(progress: Progress, shown: str) -> None:
    assert lines(RESTORE, later=10, restore=progress)[-1] == f"> restore  10s (expected 5m)  {shown}"


def test_nothing_is_under_way_any_more() -> None:
    assert len(lines(RESTORE, StepSucceeded("restore", 1, 1, Part.WORK, {}), later=1)) == 3
