"""The jobs of a project: its schedules, with title and time of what they run. Reads files only."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from drx.cli.project import Project
from drx.config.model import Settings
from drx.errors import UsageError
from drx.schedule.jobs import Job, Subject, jobs_of

if TYPE_CHECKING:
    from drx.runbook.load import Binder


def read_jobs(project: Project) -> tuple[Job, ...]:
    """Give the jobs of a project.

    Raises UsageError where drx.yaml states none, or what is not there.
    """
    schedules = project.config.settings.schedules
    if not schedules:
        raise UsageError("drx.yaml states no schedules", "Add for example `schedules: [{run: nightly-backup, ...}]`")
    return jobs_in(project.config.settings, project.binder(""))


def jobs_in(settings: Settings, binder: "Binder") -> tuple[Job, ...]:
    """Give the jobs of these settings; raises InvalidInput where a runbook or drill is missing or wrong."""
    found = {}
    for each in settings.schedules:
        name = each.drill or each.run or ""
        found[name] = _drill(binder, name) if each.drill else _runbook(binder, name)
    return jobs_of(settings, found)


def _runbook(binder: "Binder", name: str) -> Subject:
    from drx.actions.registry import catalogue
    from drx.runbook.model import UNATTENDED_LIMIT
    from drx.runbook.needs import needed_parts
    from drx.runbook.timing import critical_path

    runbook = binder.runbook(name)
    expected = critical_path(runbook, binder.runbook).expected
    parts = needed_parts(binder, catalogue, name)
    return Subject(runbook.title, expected, runbook.timeout or UNATTENDED_LIMIT, runbook.grace, parts)


def _drill(binder: "Binder", name: str) -> Subject:
    from drx.actions.registry import catalogue
    from drx.runbook.needs import needed_parts

    drill = binder.drill(name)
    steps = (*drill.setup, *drill.pass_, *drill.teardown)
    around = sum((step.expect for step in steps if step.expect), timedelta(0))
    recovery = _runbook(binder, drill.runbook)
    title = drill.title or f"Drill of {drill.runbook}"
    parts = needed_parts(binder, catalogue, drill.runbook, name)
    return replace(
        recovery, title=title, expected=around + recovery.expected, parts=parts, environment=drill.environment
    )
