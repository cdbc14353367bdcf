"""What drx.yaml wants to run by itself, as jobs with a name and a command line. Pure."""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from drx.config.model import Schedule, Settings
from drx.config.target import PARTS
from drx.runbook.model import UNATTENDED_LIMIT
from drx.schedule.variables import variables_of
from drx.units import parse_duration, show_duration

_MARGIN = timedelta(minutes=4)
"""What a run may need beyond its own limits: to start, and to write and copy its report."""


@dataclass(frozen=True)
class Job:
    """One schedule of drx.yaml."""

    name: str
    """Unique in its project, and good for file names: `nightly-backup`, `drill-db-drop-staging`."""
    arguments: tuple[str, ...]
    """What `drx` is called with."""
    environment: str
    cron: str
    timezone: str
    title: str
    expected: timedelta
    """How long it takes when every step takes as long as it should."""
    timeout: timedelta
    """After this long the run gives up."""
    grace: timedelta
    """How long it may clean up after that, or after a signal."""
    variables: tuple[str, ...]
    """Environment variables that drx.yaml refers to for what it uses, secrets among them: no others are needed."""

    @property
    def command(self) -> str:
        """The command line."""
        return " ".join(("drx", *self.arguments))

    @property
    def patience(self) -> timedelta:
        """How long what runs the job has to wait after SIGTERM: longer than the run needs, or it is killed half-way."""
        return self.grace + _MARGIN

    @property
    def longest(self) -> timedelta:
        """After this long the job does not answer any more, and may be ended."""
        return self.timeout + self.grace + 2 * _MARGIN

    @property
    def limits(self) -> str:
        """Say the run's own limits: what ends it from outside comes after them."""
        return f"The run gives up after {show_duration(self.timeout)}, and cleans up within {show_duration(self.grace)}"


@dataclass(frozen=True)
class Subject:
    """What a schedule runs: its title, how long that should take, and the limits that its runbook sets."""

    title: str
    expected: timedelta
    timeout: timedelta = UNATTENDED_LIMIT
    grace: timedelta = timedelta(minutes=1)
    parts: frozenset[str] = frozenset(PARTS)
    """What it can touch of its environment."""
    environment: str = ""
    """Where it runs when the schedule does not say: a drill's own."""


def jobs_of(settings: Settings, subjects: Mapping[str, Subject]) -> tuple[Job, ...]:
    """Give the jobs of a project in the order of drx.yaml; `subjects` by the id of runbook or drill."""
    wanted = [_plain_name(each) for each in settings.schedules]
    often = Counter(wanted)
    seen: Counter[str] = Counter()
    made = []
    for schedule, plain in zip(settings.schedules, wanted, strict=True):
        subject = subjects[schedule.drill or schedule.run or ""]
        environment = schedule.environment or subject.environment
        name = plain if often[plain] == 1 or not schedule.environment else f"{plain}-{environment}"
        seen[name] += 1
        name = name if seen[name] == 1 else f"{name}-{seen[name]}"
        limit = limit_of(schedule, subject.timeout)
        variables = variables_of(settings, environment, schedule, subject.parts)
        made.append(
            Job(
                name, tuple(_arguments(schedule)), environment, schedule.cron, schedule.timezone,
                _in_a_line(subject.title), subject.expected, limit, subject.grace, variables,
            )
        )  # fmt: skip
    return tuple(made)


def _plain_name(schedule: Schedule) -> str:
    return f"drill-{schedule.drill}" if schedule.drill else str(schedule.run)


def _arguments(schedule: Schedule) -> Iterator[str]:
    yield from ("drill", str(schedule.drill)) if schedule.drill else ("run", str(schedule.run))
    if schedule.environment:
        yield from ("--env", schedule.environment)
    if schedule.run:
        yield "--unattended"
    if schedule.timeout is not None:
        yield from ("--timeout", _written(schedule.timeout))


def limit_of(schedule: Schedule, runbook: timedelta | None) -> timedelta:
    """After how long a job gives up, given what its runbook allows: the shorter of the two holds."""
    allowed = UNATTENDED_LIMIT if runbook is None else runbook
    return allowed if schedule.timeout is None else min(schedule.timeout, allowed)


def _written(span: timedelta) -> str:
    """Write a duration for a command line: as people do, where that means the same."""
    short = show_duration(span).replace(" ", "")
    return short if parse_duration(short) == span else f"{span.total_seconds():g}s"


def _in_a_line(title: str) -> str:
    """Write a title so that it ends no comment, and continues no line."""
    plain = "".join(sign if sign.isprintable() else " " for sign in title)
    return " ".join(plain.split()).rstrip("\\ ")


def shortened(name: str, limit: int) -> str:
    """Make a name that is too long for whoever runs jobs as short as it has to be, and still one of its own."""
    if len(name) <= limit:
        return name
    own = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: limit - 9].rstrip('-')}-{own}"


def file_name(text: str) -> str:
    """Make a name that is good for files and units everywhere."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
