"""`drx plan --what-if rpo=5m`: what another objective would take. Reads committed files only."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from drx.cli.plan.plan import make_plan
from drx.cli.project import Project, load_project
from drx.errors import ExitCode, UsageError
from drx.reports.plan.what_if import Cadence, what_if_rpo, what_if_rto
from drx.runbook.model import Runbook, Step
from drx.schedule.cron import longest_pause
from drx.units import parse_duration

_MAKES = {"slices": "backup.slice", "bases": "backup.base", "copies": "backup.copy", "uploads": "s3.backup"}
"""Which action makes what."""
_DAY_ZERO = datetime(2000, 1, 1, tzinfo=UTC)
"""From here on pauses are measured: the same drx.yaml gives the same answer on every day."""


def what_if(environment: str | None, question: str) -> int:
    """Print what another objective would take.

    Raises UsageError for a question that is none.
    """
    name, _, value = question.partition("=")
    try:
        wanted = parse_duration(value) if value != "0" else timedelta(0)
    except ValueError as error:
        raise UsageError(f"'{question}' is no objective: {error}", "Ask for example --what-if rpo=5m") from None
    if name not in ("rpo", "rto"):
        raise UsageError(f"'{name}' is no objective", "Ask for example --what-if rpo=5m, or --what-if rto=30m")
    project = load_project()
    plan = make_plan(project, environment)
    if name == "rto":
        sys.stdout.write(what_if_rto(plan, wanted))
    else:
        sys.stdout.write(what_if_rpo(plan, wanted, dict(_cadences(project, plan.environment))))
    return ExitCode.OK


def _cadences(project: Project, environment: str) -> Iterator[tuple[str, Cadence]]:
    """Find for each thing that is made the schedule that makes it most often."""
    binder = project.binder("")
    for made, action in _MAKES.items():
        found = []
        for each in project.config.settings.schedules:
            if each.run is None or each.environment not in (None, environment):
                continue
            runbook = binder.runbook(each.run)
            pause = longest_pause(each.cron, each.timezone, _DAY_ZERO)
            if pause is not None and _calls(runbook.steps, action):
                found.append(Cadence(each.run, each.cron, pause, _limit(runbook, action)))
        if found:
            yield made, min(found, key=lambda cadence: cadence.worst)


def _calls(steps: tuple[Step, ...], action: str) -> bool:
    return any(getattr(step, "action", "") == action for step in steps)


def _limit(runbook: Runbook, action: str) -> timedelta:
    """Say how long a runbook may take up to the end of the step that calls the action."""
    total = timedelta(0)
    for step in runbook.steps:
        total += step.timeout or step.expect or timedelta(0)
        if getattr(step, "action", "") == action:
            break
    return total
