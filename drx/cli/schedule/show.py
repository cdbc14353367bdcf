"""`drx schedule show`: when each job comes next, and which jobs meet. Reads files only."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from drx.cli.project import load_project
from drx.cli.schedule.jobs import read_jobs
from drx.cli.tables import print_table
from drx.errors import ExitCode
from drx.schedule.cron import in_words
from drx.schedule.overview import Overview, look_ahead
from drx.units import show_duration, show_time


def show(*, as_json: bool) -> int:
    """Show what comes."""
    overview = look_ahead(read_jobs(load_project()), datetime.now(UTC))
    if as_json:
        print(json.dumps(_as_json(overview), indent=2))
    else:
        _print(overview)
    return ExitCode.OK


def _print(overview: Overview) -> None:
    rows = [
        (job.command, in_words(job.cron), ", ".join(_local(moment, job.timezone) for moment in moments[:2]))
        for job, moments in overview.upcoming
    ]
    print_table(("what", "when", "next"), rows, folded=(0, 1))
    for job, pause in overview.overlapping:
        takes, due = show_duration(job.expected), show_duration(pause)
        print(f"\n{job.name} should take {takes}, and is due again after {due}: it would meet itself.")
        print("Run it less often, or expect less of its steps.")
    for job, pause in overview.slow:
        given_up, due = show_duration(job.timeout), show_duration(pause)
        print(
            f"\n{job.name} is given up only after {given_up}, and is due again after {due}: a slow run skips the next."
        )
        print("Give it a shorter timeout in drx.yaml, or run it less often.")
    if overview.meetings:
        print("\nAt work at the same time, in one environment; each waits for the other's lock where it needs it:")
        for met in overview.meetings:
            print(f"  {met.first.name} and {met.second.name}, first at {met.at:%Y-%m-%d %H:%M} UTC")


def _local(moment: datetime, timezone: str) -> str:
    return f"{moment.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M} {timezone}"


def _as_json(overview: Overview) -> dict[str, object]:
    return {
        "jobs": [
            {
                "name": job.name,
                "command": job.command,
                "environment": job.environment or None,
                "cron": job.cron,
                "timezone": job.timezone,
                "expected_seconds": job.expected.total_seconds(),
                "timeout_seconds": job.timeout.total_seconds(),
                "variables": list(job.variables),
                "next": [show_time(moment) for moment in moments],
            }
            for job, moments in overview.upcoming
        ],
        "overlapping": [
            {"name": job.name, "pause_seconds": pause.total_seconds()} for job, pause in overview.overlapping
        ],
        "slow": [{"name": job.name, "pause_seconds": pause.total_seconds()} for job, pause in overview.slow],
        "meetings": [
            {"names": [met.first.name, met.second.name], "at": show_time(met.at)} for met in overview.meetings
        ],
    }
