"""Judge whether a service could be recovered now, out of what was read elsewhere. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

from drx.reports.plan.shapes import Verified
from drx.units import show_duration


class Level(IntEnum):
    """How bad it is, as monitoring plug-ins say it with their exit codes."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


CUT_OFF = "cut off"
"""What came of a run that can no longer be at work, and never ended: its process was killed."""
_FAILED = {"failed": "failed", "aborted": "was aborted", CUT_OFF: "never ended"}
GRACE = timedelta(minutes=15)
"""How late a job may begin before it counts as missed."""
_INACCURATE = timedelta(minutes=2)
"""Names of records tell the minute, and clocks differ."""
_BY_WEIGHT = (Level.OK, Level.WARNING, Level.UNKNOWN, Level.CRITICAL)


@dataclass(frozen=True)
class Line:
    """One thing that was looked at. A line that is not ok says what to do about it."""

    subject: str
    """`RPO`, `RTO db-drop`, `3-2-1`, `versions` ..."""
    found: str
    level: Level = Level.OK
    remedy: str = ""
    job: str = field(default="", kw_only=True)
    """The command of the scheduled job that it is about."""
    values: Mapping[str, float] = field(default_factory=dict, kw_only=True, compare=False)
    """What was measured, by the name of its metric."""


@dataclass(frozen=True)
class Objective(Line):
    """A line about a promise: its target, what is actually so, and whether a drill has proven it."""

    target: timedelta = timedelta(0)
    actual: timedelta | None = None
    state: str = ""
    """`VERIFIED` or `NOT VERIFIED`, of a runbook."""


@dataclass(frozen=True)
class Scenario:
    """A runbook that has to recover something."""

    id: str
    rto: timedelta
    hash: str
    """Of all that it runs now."""
    proof: Verified | None


@dataclass(frozen=True)
class Stores:
    """What the primary store restores; `problem` says why nothing is known."""

    begins: datetime | None = None
    """From here on any second can be restored, up to `reaches`."""
    reaches: datetime | None = None
    gaps: int = 0
    """Pieces of time in between that nothing restores and that no rule gave up."""
    problem: str = ""
    remedy: str = ""
    stored_bytes: int = 0
    tested_at: datetime | None = None
    """When the newest restore test of a backup was made; None where there was none."""
    test_passed: bool = False


@dataclass(frozen=True)
class Copies:
    """What was found of the rule 3-2-1, in one line."""

    sentence: str
    sound: bool
    count: int | None = None
    """How many copies there are with the live database."""


@dataclass(frozen=True)
class Oplog:
    """How far the server's own oplog reaches back."""

    since: datetime | None
    interval: timedelta | None
    """The longest time between two slices, by the schedule."""
    problem: str = ""


@dataclass(frozen=True)
class Due:
    """A scheduled job: when it comes next, when it was due last, and when it began last by the records that are seen.

    What was due less than GRACE ago may still begin, and is not asked for.
    """

    command: str
    coming: datetime | None
    last_due: datetime | None
    last_began: datetime | None
    last_outcome: str = "succeeded"
    last_success: datetime | None = None
    last_seconds: float | None = None
    """How long the newest run took that has ended."""
    environment: str = ""
    last_run: str = ""
    """The id of the newest run."""
    stated_since: datetime | None = None
    """Since when it has been on the schedule at least; None where its runs would not be seen."""

    @property
    def failed(self) -> bool:
        """Whether its newest run came to no good end."""
        return self.last_outcome in _FAILED

    @property
    def missed(self) -> bool:
        """Whether it should have run and has not; where no run was ever seen, since it has been on the schedule."""
        if self.last_due is None:
            return False
        if self.last_began is None:
            return self.stated_since is not None and self.stated_since < self.last_due
        return self.last_began < self.last_due - _INACCURATE


@dataclass(frozen=True)
class Versions:
    """Whether the uploads bucket keeps what is overwritten and deleted."""

    enabled: bool | None
    problem: str = ""


@dataclass(frozen=True)
class Readiness:
    """The answer."""

    service: str
    environment: str
    at: datetime
    lines: tuple[Line, ...]
    jobs: tuple[Due, ...] = ()

    @property
    def level(self) -> Level:
        """The worst of all lines; what is not known weighs more than a warning, and less than what is critical."""
        return max((line.level for line in self.lines), key=_BY_WEIGHT.index, default=Level.UNKNOWN)

    @property
    def troubles(self) -> tuple[Line, ...]:
        """The lines that somebody should do something about, worst first."""
        found = [line for line in self.lines if line.level is not Level.OK]
        return tuple(sorted(found, key=lambda line: -_BY_WEIGHT.index(line.level)))


def judge_rpo(rpo: timedelta, stores: Stores, now: datetime, *, slices: str) -> Objective:
    """Hold what would be lost with the server now against the RPO. `slices` is the runbook that archives."""
    if stores.problem:
        remedy = stores.remedy or "Make the store readable, then look again"
        return Objective("RPO", stores.problem, Level.UNKNOWN, remedy, rpo)
    if stores.reaches is None:
        return Objective("RPO", "there is no backup", Level.CRITICAL, "drx run nightly-backup", rpo)
    actual = max(now - stores.reaches, timedelta(0))
    chain = f"any second since {stores.begins:%Y-%m-%d %H:%M}" if stores.begins != stores.reaches else "no slice since"
    found = f"restores up to {stores.reaches:%Y-%m-%d %H:%M}, {chain}"
    if actual > rpo:
        return Objective("RPO", found, Level.CRITICAL, f"drx run {slices}", rpo, actual)
    return Objective("RPO", found, target=rpo, actual=actual)


def judge_scenario(scenario: Scenario, now: datetime) -> Objective:
    """Say whether a drill has proven a runbook, and whether it still does."""
    subject, proof = f"RTO {scenario.id}", scenario.proof
    remedy = f"drx drill {scenario.id} --record"
    if proof is None:
        return Objective(subject, "never drilled", Level.WARNING, remedy, scenario.rto, None, "NOT VERIFIED")
    actual = timedelta(seconds=proof.rta_seconds)
    drilled = f"drill {proof.at:%Y-%m-%d}"
    reason = ""
    if proof.hash != scenario.hash:
        reason = f"{drilled}; it has changed since"
    elif now > proof.valid_until:
        reason = f"{drilled}; that was valid until {proof.valid_until:%Y-%m-%d}"
    if reason:
        return Objective(subject, reason, Level.WARNING, remedy, scenario.rto, actual, "NOT VERIFIED")
    found = f"{drilled} in {proof.environment}, unchanged since"
    if actual > scenario.rto:
        remedy = f"See what took so long: drx plan --what-if rto={show_duration(scenario.rto).replace(' ', '')}"
        return Objective(subject, found, Level.CRITICAL, remedy, scenario.rto, actual, "VERIFIED")
    return Objective(subject, found, Level.OK, "", scenario.rto, actual, "VERIFIED")


def judge_window(stores: Stores) -> Iterator[Line]:
    """Say which moments can be restored."""
    if stores.reaches is None or stores.begins is None:
        return
    found = f"any second from {stores.begins:%Y-%m-%d %H:%M:%S} to {stores.reaches:%Y-%m-%d %H:%M:%S}"
    if stores.begins == stores.reaches:
        found = f"{stores.reaches:%Y-%m-%d %H:%M:%S}, that moment only"
    values = {
        "restore_window_start_timestamp_seconds": stores.begins.timestamp(),
        "restore_window_end_timestamp_seconds": stores.reaches.timestamp(),
        "restore_window_gaps": float(stores.gaps),
        "stored_bytes": float(stores.stored_bytes),
    }
    if stores.gaps:
        found += f"; before that {stores.gaps} {'gap' if stores.gaps == 1 else 'gaps'}"
        remedy = "drx backups window names every gap and its cause"
        yield Line("restore to", found, Level.WARNING, remedy, values=values)
    else:
        yield Line("restore to", found, values=values)


def judge_tests(stores: Stores) -> Iterator[Line]:
    """Say what the newest restore test came to; nothing where none was made."""
    if stores.tested_at is None:
        return
    at = f"{stores.tested_at:%Y-%m-%d %H:%M}"
    if stores.test_passed:
        yield Line("restore test", f"passed {at}: that backup is VERIFIED")
    else:
        remedy = "drx backups list says which backup; the report of that run says why"
        yield Line("restore test", f"FAILED {at}", Level.CRITICAL, remedy)


def judge_copies(copies: Copies) -> Line:
    """Say whether the rule 3-2-1 is kept."""
    values = {} if copies.count is None else {"copies": float(copies.count), "copies_sound": float(copies.sound)}
    if copies.sound:
        return Line("3-2-1", copies.sentence, values=values)
    return Line("3-2-1", copies.sentence, Level.WARNING, "drx backups copies says what is lacking", values=values)


def judge_oplog(oplog: Oplog, now: datetime) -> Line:
    """Hold the length of the server's oplog against the time between two slices: what it drops first is lost."""
    if oplog.problem or oplog.since is None:
        return Line("oplog", oplog.problem or "not read", Level.UNKNOWN, "Let drx reach the server, then look again")
    length = max(now - oplog.since, timedelta(0))
    found = f"the server keeps {show_duration(length)}"
    if oplog.interval is None:
        return Line("oplog", found)
    found += f", slices come every {show_duration(oplog.interval)}"
    if length < oplog.interval:
        return Line("oplog", found, Level.CRITICAL, "Enlarge the oplog, or archive it more often: slices leave gaps")
    if length < 2 * oplog.interval:
        return Line("oplog", found, Level.WARNING, "Enlarge the oplog: one missed slice leaves a gap")
    return Line("oplog", found)


def judge_versions(versions: Versions) -> Line:
    """Say whether a deleted object could be brought back from the bucket itself."""
    if versions.enabled is None:
        return Line("versions", versions.problem, Level.UNKNOWN, "Let drx read the bucket's configuration")
    if versions.enabled:
        return Line("versions", "the uploads bucket keeps them")
    remedy = "aws s3api put-bucket-versioning --versioning-configuration Status=Enabled --bucket ..."
    return Line("versions", "the uploads bucket keeps none: what is deleted there is gone", Level.WARNING, remedy)


def judge_jobs(jobs: Sequence[Due]) -> Iterator[Line]:
    """Name what comes next, and what should have run and has not."""
    coming = sorted((job.coming, job.command) for job in jobs if job.coming)
    if coming:
        yield Line("next", " · ".join(f"{command} {moment:%Y-%m-%d %H:%M}" for moment, command in coming))
    for job in jobs:
        if job.missed:
            ran = f"ran last {job.last_began:%Y-%m-%d %H:%M}" if job.last_began else "no run of it was ever seen"
            found = f"{job.command} was due {job.last_due:%Y-%m-%d %H:%M}, and {ran}"
            remedy = "Look at what should have started it: drx schedule show"
            yield Line("missed", found, Level.WARNING, remedy, job=job.command)
        elif job.last_began is not None and job.failed:
            found = f"{job.command} began {job.last_began:%Y-%m-%d %H:%M} and {_FAILED[job.last_outcome]}"
            subject, remedy = "killed" if job.last_outcome == CUT_OFF else "failed", f"drx show {job.last_run}"
            yield Line(subject, found, Level.WARNING, f"Look at that run: {remedy}", job=job.command)


def judge_records(problem: str) -> Iterator[Line]:
    """Say that runs of others could not be seen: a job of theirs may be missed, and nobody knows."""
    if problem:
        found = f"those of others are not seen: {problem}"
        yield Line("records", found, Level.UNKNOWN, "Mend that, or see what they run by its dead man's switch")
