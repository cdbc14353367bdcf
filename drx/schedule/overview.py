"""See what a set of jobs does in the coming weeks: next moments, and jobs that are at work at the same time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, islice, pairwise, takewhile

from drx.schedule.cron import moments
from drx.schedule.jobs import Job

HORIZON = timedelta(days=62)
"""How far ahead meetings of jobs are looked for: two months, so that monthly jobs come twice."""
_MOST = 5000
NEXT = 3


@dataclass(frozen=True)
class Meeting:
    """Two jobs in one environment that are at work at the same time, for the first time at this moment."""

    first: Job
    second: Job
    at: datetime


@dataclass(frozen=True)
class Overview:
    """What comes."""

    upcoming: tuple[tuple[Job, tuple[datetime, ...]], ...]
    """Each job with its next moments."""
    overlapping: tuple[tuple[Job, timedelta], ...]
    """Jobs that should still be at work when they are due again, with the shortest pause between two moments."""
    slow: tuple[tuple[Job, timedelta], ...]
    """Others that may still be at work then, as they are not given up before, with the same pause."""
    meetings: tuple[Meeting, ...]


def look_ahead(jobs: Sequence[Job], now: datetime) -> Overview:
    """Look at the jobs from now on."""
    upcoming = tuple((job, tuple(islice(moments(job.cron, job.timezone, now), NEXT))) for job in jobs)
    due = {job.name: _within(job, now) for job in jobs}
    pauses = [(job, pause) for job in jobs if (pause := _shortest_pause(due[job.name])) is not None]
    overlapping = tuple((job, pause) for job, pause in pauses if pause < job.expected)
    slow = tuple((job, pause) for job, pause in pauses if job.expected <= pause < job.timeout)
    return Overview(upcoming, overlapping, slow, tuple(_meetings(jobs, due)))


def _within(job: Job, now: datetime) -> list[datetime]:
    """List a job's moments within the horizon."""
    end = now + HORIZON
    return list(islice(takewhile(lambda moment: moment < end, moments(job.cron, job.timezone, now)), _MOST))


def _shortest_pause(times: Sequence[datetime]) -> timedelta | None:
    return min((second - first for first, second in pairwise(times)), default=None)


def _meetings(jobs: Sequence[Job], due: dict[str, list[datetime]]) -> list[Meeting]:
    found = []
    for first, second in combinations(jobs, 2):
        if first.environment == second.environment:
            at = _first_meeting(due[first.name], first.expected, due[second.name], second.expected)
            if at is not None:
                found.append(Meeting(first, second, at))
    return found


def _first_meeting(
    firsts: list[datetime], takes: timedelta, seconds: list[datetime], other_takes: timedelta
) -> datetime | None:
    """Walk both lists in order of time; give the moment from which both are at work."""
    here = there = 0
    while here < len(firsts) and there < len(seconds):
        one, other = firsts[here], seconds[there]
        if (one < other + other_takes and other < one + takes) or one == other:
            return max(one, other)
        if one < other:
            here += 1
        else:
            there += 1
    return None
