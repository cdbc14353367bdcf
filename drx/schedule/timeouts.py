"""Hold the timeouts of schedules against the time that their jobs should take. Pure."""

from collections.abc import Iterator, Sequence

from drx.config.load import Config
from drx.schedule.jobs import Job
from drx.units import show_duration
from drx.yaml_source import Problem


def too_short(config: Config, jobs: Sequence[Job]) -> Iterator[Problem]:
    """Warn of every schedule that gives its job up before that should be done; `jobs` in the order of drx.yaml."""
    for index, (schedule, job) in enumerate(zip(config.settings.schedules, jobs, strict=True)):
        if schedule.timeout is not None and schedule.timeout < job.expected:
            given_up, takes = show_duration(schedule.timeout), show_duration(job.expected)
            yield config.document.warning(
                ("schedules", index, "timeout"),
                f"{job.name} is given up after {given_up}, but should take {takes}",
                "Give it more time, or expect less of its steps",
            )
