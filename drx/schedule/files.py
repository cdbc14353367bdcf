"""Write the files that make cron, systemd, GitHub Actions and Kubernetes run the jobs. Pure: jobs in, texts out."""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from math import ceil

from jinja2 import Environment, PackageLoader, StrictUndefined

from drx.errors import UsageError
from drx.schedule.calendar import on_calendar
from drx.schedule.cron import in_words, shortest_pause
from drx.schedule.jobs import Job, file_name, shortened
from drx.units import show_duration

_CRONJOB_LENGTH = 52
"""Kubernetes adds eleven signs for each Job, whose name is a label: at most 63."""
_LABEL_LENGTH = 63
_JOB_ID_LENGTH = 99
"""GitHub takes fewer than 100."""
_GITHUB_PAUSE = timedelta(minutes=5)
_ANY_DAY = datetime(2026, 1, 1, tzinfo=UTC)

Files = Mapping[str, str]
"""Texts by the name of their file."""


@dataclass(frozen=True)
class Place:
    """Where the jobs will run."""

    service: str
    directory: str
    """The project's directory on that machine."""
    program: str
    """Path of `drx` on that machine."""
    install: str
    """The command that installs drx on a runner that begins empty."""
    image: str
    """The container image that holds drx and the project."""
    user: str = ""
    """The account that runs the jobs, where systemd does; without it, root."""
    within: str = ""
    """The project's folder in its repository, with a slash at its end; empty where it is the whole of that."""
    tells: bool = False
    """Whether somebody hears of runs, so that it has to be remembered what was told when."""

    def head(self, form: str) -> str:
        """The first line of every file of a form, by which drx knows its own."""
        source = f"`drx schedule {form}` out of the drx.yaml of {self.service}"
        return f"# Written by {source}: change that, and write this again."

    @property
    def unit(self) -> str:
        """What names of files and units begin with."""
        return f"drx-{file_name(self.service)}"

    @property
    def settings(self) -> str:
        """The file that holds the variables, secrets among them, on a machine that stays."""
        return f"/etc/drx/{file_name(self.service)}.env"


def crontab(jobs: Sequence[Job], place: Place) -> Files:
    """One block for a crontab; an empty one without a job."""
    if not jobs:
        return {"crontab": ""}
    others, zones = {job.name: _others(jobs, job) for job in jobs}, list(dict.fromkeys(job.timezone for job in jobs))
    variables = _variables(jobs)
    return {"crontab": _render("crontab", jobs=jobs, place=place, variables=variables, others=others, zones=zones)}


def systemd(jobs: Sequence[Job], place: Place) -> Files:
    """A service and a timer for each job; systemd.timer(5). Raises UsageError for a program that it would not start."""
    if set(place.program) & set("'\"\\"):
        raise UsageError(
            f"systemd starts no program whose path holds a quote or a backslash: {place.program}",
            "Install drx elsewhere, and name that with --program",
        )
    made = {}
    for job in jobs:
        unit = f"{place.unit}-{job.name}"
        variables, others = _variables(jobs), _others(jobs, job)
        made[f"{unit}.service"] = _render("service", job=job, place=place, variables=variables, others=others)
        made[f"{unit}.timer"] = _render("timer", job=job, place=place, lines=on_calendar(job.cron, job.timezone))
    return made


def github(jobs: Sequence[Job], place: Place) -> Files:
    """A workflow for each job.

    Raises UsageError for a job in another time zone than UTC, or of every few minutes: GitHub would not run it so.
    """
    for job in jobs:
        if (pause := shortest_pause(job.cron, job.timezone, _ANY_DAY)) < _GITHUB_PAUSE:
            often = f"{job.name} comes again after {show_duration(pause)}"
            raise UsageError(
                f"GitHub runs nothing more often than every 5 minutes, and {often}",
                "Run it less often, or let cron, systemd or Kubernetes run it",
            )
        if job.timezone != "UTC":
            raise UsageError(
                f"GitHub runs schedules in UTC, and {job.name} is in {job.timezone}",
                "Write its cron in UTC, or let systemd or Kubernetes run it",
            )
    return {f"drx-{job.name}.yml": _render("workflow", job=job, place=place) for job in jobs}


def kubernetes(jobs: Sequence[Job], place: Place) -> Files:
    """A CronJob for each job, and the volume that keeps their records; the batch/v1 API.

    The volume stays when the last job goes: records are on it.
    """
    made = {f"{place.unit}.yaml": _render("volume", place=place)}
    return made | {
        f"{place.unit}-{job.name}.yaml": _render("cronjob", job=job, place=place, variables=_variables(jobs))
        for job in jobs
    }


def cronjob_name(name: str) -> str:
    """Give the name of the CronJob in a file of this name, without its ending."""
    return shortened(name, _CRONJOB_LENGTH)


FORMS: Mapping[str, Callable[[Sequence[Job], Place], Files]] = {
    "cron": crontab,
    "systemd": systemd,
    "github": github,
    "kubernetes": kubernetes,
}
"""What can run the jobs."""


def _variables(jobs: Sequence[Job]) -> Sequence[str]:
    return sorted({name for job in jobs for name in job.variables})


def _others(jobs: Sequence[Job], job: Job) -> Sequence[str]:
    """List what only other jobs need."""
    return [name for name in _variables(jobs) if name not in job.variables]


def _render(name: str, **values: object) -> str:
    return f"{_environment().get_template(f'{name}.j2').render(**values).rstrip()}\n"


@cache
def _environment() -> Environment:
    """Delimiters that none of the formats uses itself."""
    environment = Environment(
        loader=PackageLoader("drx.schedule"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        variable_start_string="<<", variable_end_string=">>", block_start_string="<%", block_end_string="%>",
        comment_start_string="<#", comment_end_string="#>", keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters["quoted"] = shlex.quote
    environment.filters["for_cron"] = lambda text: text.replace("%", r"\%")  # a bare one ends the line; crontab(5)
    environment.filters["for_systemd"] = lambda text: text.replace("%", "%%")  # a bare one is a specifier
    # YAML reads a JSON text as that text, whatever it holds.
    environment.filters["json"] = partial(json.dumps, ensure_ascii=False)
    environment.filters["short"] = shortened
    environment.filters["cronjob_name"] = cronjob_name
    environment.globals.update(label=_LABEL_LENGTH, job_id=_JOB_ID_LENGTH)
    environment.filters["seconds"] = lambda span: ceil(span.total_seconds())
    environment.filters["minutes"] = lambda span: ceil(span.total_seconds() / 60)
    environment.filters["in_words"] = lambda job: f"{in_words(job.cron)}, {job.timezone}"
    return environment
