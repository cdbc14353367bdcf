"""Hold the schedules of slices against the RPO, which they can only keep when they are close enough. Pure."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from drx.config.load import Config
from drx.config.model import Schedule
from drx.errors import DrxError
from drx.runbook.model import ActionStep, Runbook
from drx.runbook.timing import critical_path
from drx.schedule.cron import longest_pause
from drx.schedule.jobs import limit_of
from drx.units import show_duration
from drx.yaml_source import Problem

SLICE = "backup.slice"


def archives_oplog(runbook: Runbook) -> bool:
    """Whether a runbook archives a slice of the oplog."""
    return any(isinstance(step, ActionStep) and step.action == SLICE for step in runbook.steps)


def too_seldom(config: Config, runbook: Callable[[str], Runbook], now: datetime) -> Iterator[Problem]:
    """Warn of every environment whose slices cannot keep the RPO, even when nothing fails.

    The newest slice is as old as the pause between two, and as long as the next one may take.
    """
    promised = config.settings.objectives.rpo
    best: dict[str | None, tuple[timedelta, timedelta, int]] = {}
    for index, schedule in enumerate(config.settings.schedules):
        pause, takes = _span(schedule, runbook, now)
        known = best.get(schedule.environment)
        if pause is not None and (known is None or pause + takes < known[0] + known[1]):
            best[schedule.environment] = (pause, takes, index)
    for pause, takes, index in best.values():
        if pause + takes > promised:
            yield config.document.warning(
                ("schedules", index, "cron"),
                f"up to {show_duration(pause)} between two slices and {show_duration(takes)} for the next one"
                f" are more than the RPO of {show_duration(promised)}",
                "Run it more often, give it a shorter timeout, or promise less",
            )


def _span(schedule: Schedule, runbook: Callable[[str], Runbook], now: datetime) -> tuple[timedelta | None, timedelta]:
    """Give the longest pause of a schedule of slices, and what one may take; no pause for any other schedule."""
    if schedule.run is None:
        return None, timedelta(0)
    try:
        found = runbook(schedule.run)
    except DrxError:
        return None, timedelta(0)  # it is a problem of its own, and said where it stands
    if not archives_oplog(found):
        return None, timedelta(0)
    if found.timeout is None and schedule.timeout is None:
        takes = critical_path(found, lambda name: None).expected
    else:
        takes = limit_of(schedule, found.timeout)
    return longest_pause(schedule.cron, schedule.timezone, now), takes
