"""Find the newest runs of jobs: among the records here, and in the bucket that others copy theirs to. Reads only."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from drx.files import open_regular
from drx.journal import JOURNAL
from drx.reports.readiness import GRACE
from drx.runner.fetching import newest_runs

if TYPE_CHECKING:
    from drx.runner.copying import Shelf
    from drx.schedule.jobs import Job

_LOOKED_AT = 50
"""How many of the newest records of a job are opened."""
_REPORT = "report.json"
UNREAD = "not read"
"""What came of a run whose record is for another account alone."""
UNFINISHED = "unfinished"
"""What came of a run that has not ended, or was killed."""


@dataclass(frozen=True)
class Began:
    """The newest run of a job that left a record."""

    run: str
    at: datetime
    outcome: str
    """`succeeded`, `failed`, `aborted`, UNFINISHED or UNREAD."""
    succeeded_at: datetime | None = None
    """When the newest one began that succeeded, among those that were looked at."""
    seconds: float | None = None
    """How long the newest one took that has ended."""


@dataclass(frozen=True)
class Seen:
    """What was found out of the runs of jobs."""

    newest: "Sequence[Began | None]"
    """The newest run of each job."""
    problem: str = ""
    """Why the runs of other hosts could not be seen."""
    whole: bool = False
    """Whether every place was looked at where they leave records: a job without any has never run."""


def unread_among(folder: Path, newest: "Sequence[Began | None]") -> Sequence[Path]:
    """Name the records of these runs that are for another account alone, or the folder of all where that is."""
    if folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK):
        return [folder]
    return [folder / began.run for began in newest if began and began.outcome == UNREAD]


@dataclass(frozen=True)
class Records:
    """The records of a project; with a shelf, those of other hosts too."""

    folder: Path
    shelf: "Shelf | None" = None

    def newest(self, jobs: "Sequence[Job]", now: datetime) -> "Sequence[Began | None]":
        """Find the newest run of each job.

        A bucket is asked for the runs of this month and the last; for all, where a job has none among these.
        Raises StoreError where it does not answer.
        """
        last_month = now.replace(day=1) - timedelta(days=1)
        names = self._names(f"{now:%Y-%m}", f"{last_month:%Y-%m}")
        found = [self._newest(names, job, now) for job in jobs]
        if self.shelf is None or None not in found:
            return found
        names = self._names("20")
        return [before or self._newest(names, job, now) for before, job in zip(found, jobs, strict=True)]

    def _names(self, *beginnings: str) -> Sequence[str]:
        """List the records here, and in the bucket those whose names begin like that; newest first."""
        names = set(_record_names(self.folder))
        if self.shelf is not None:
            for beginning in beginnings:
                names.update(newest_runs(self.shelf, beginning=beginning))
        return sorted(names, reverse=True)

    def _newest(self, names: Sequence[str], job: "Job", now: datetime) -> Began | None:
        """Names tell what was run and when: only the newest few of the job are opened, however many there are.

        What is named for a time to come was begun by a clock that was wrong, and tells nothing.
        """
        subject = job.arguments[1][:40]
        newest: Began | None = None
        runs = ((name, at) for name in names if name[17:-5] == subject and (at := _moment_of(name)))
        for name, at in islice(((name, at) for name, at in runs if at <= now + GRACE), _LOOKED_AT):
            report = self._report(name)
            environment = report.get("environment") if report else self._environment(name)
            if job.environment and environment not in (job.environment, None):
                continue
            newest = newest or Began(name, at, str(report.get("outcome")) if report else self._without_report(name))
            if report and newest.seconds is None:
                newest = replace(newest, seconds=_seconds(report))
            if report and report.get("outcome") == "succeeded":
                return replace(newest, succeeded_at=at)
        return newest

    def _without_report(self, name: str) -> str:
        return UNFINISHED if os.access(self.folder / name, os.X_OK) or self.shelf is not None else UNREAD

    def _report(self, name: str) -> dict[str, object] | None:
        """Give what a report says of its run; None where the run is not over, or its report is damaged."""
        return _part(self._read(name, _REPORT), "run")

    def _environment(self, name: str) -> object:
        """Give where a run is at work that has no report; None where nobody can tell."""
        started = _part(self._read(name, JOURNAL), "data")
        return started.get("environment") if started else None

    def _read(self, name: str, file: str) -> bytes:
        """Read the report or the first line of the journal: here, else in the bucket."""
        try:
            with open_regular(self.folder / name / file) as opened:
                return opened.readline() if file == JOURNAL else opened.read()
        except OSError:
            if self.shelf is None or (self.folder / name).exists():
                return b""
        key = self.shelf.run_key(name) if file == JOURNAL else self.shelf.file_prefix(name) + file
        found = self.shelf.store.find(key)
        return found.data if found else b""


def _moment_of(name: str) -> datetime | None:
    """When a run began, by the name of its record; None where that is no run's."""
    try:
        return datetime.strptime(name[:16], "%Y-%m-%dT%H%MZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _part(data: bytes, key: str) -> dict[str, object] | None:
    try:
        part = json.loads(data)[key]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return part if isinstance(part, dict) else None


def _seconds(report: dict[str, object]) -> float | None:
    whole = report.get("whole")
    total = whole.get("total") if isinstance(whole, dict) else None
    return float(total) if isinstance(total, int | float) else None


def _record_names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir() if path.name[:2] == "20"]
    except OSError:
        return []
