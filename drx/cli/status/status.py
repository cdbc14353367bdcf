"""`drx` and `drx status`: could we recover, now? Gathers and prints; reports/readiness.py judges. Writes nothing."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from drx.cli.project import Project, load_project
from drx.config.load import FILE_NAME, suggest_environment
from drx.errors import DrxError, UsageError
from drx.reports.readiness import (
    CUT_OFF,
    GRACE,
    Copies,
    Due,
    Level,
    Line,
    Objective,
    Oplog,
    Readiness,
    Scenario,
    Stores,
    Versions,
    judge_copies,
    judge_jobs,
    judge_oplog,
    judge_records,
    judge_rpo,
    judge_scenario,
    judge_tests,
    judge_versions,
    judge_window,
)
from drx.runbook.load import RUNBOOKS, Binder
from drx.units import show_time

if TYPE_CHECKING:
    from drx.cli.status.job_runs import Began, Seen
    from drx.schedule.jobs import Job


def status(
    environment: str | None,
    *,
    as_json: bool,
    sandbox: str = "default",
    notify: bool = False,
    prometheus: Path | None = None,
) -> int:
    """Print how ready an environment is, and give what monitoring expects as exit code."""
    project = load_project(sandbox)
    readiness = look(project, environment)
    if as_json:
        print(json.dumps(_as_json(readiness), indent=2, ensure_ascii=False))
    else:
        from drx.cli.status.text import print_readiness

        print_readiness(readiness)
    if prometheus is not None:
        _write_metrics(prometheus, readiness)
    if notify:
        from drx.cli.hearing import tell
        from drx.reports.notices import of_readiness

        for notice in of_readiness(readiness):
            tell(project, notice)
    return int(readiness.level)


def _write_metrics(path: Path, readiness: Readiness) -> None:
    """Write what was measured for Prometheus, readable by its collector; raises UsageError where that cannot be."""
    from drx.files import write_atomically
    from drx.reports.metrics import metrics_text

    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder {path.parent}", "Name a file in the folder of node_exporter's collector")
    try:
        write_atomically(path, metrics_text(readiness).encode(), 0o644)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", "Name a file that you may write") from None


def look(project: Project, environment: str | None) -> Readiness:
    """Look at everything that decides whether an environment could be recovered now.

    Raises UsageError for an environment that is none.
    """
    from drx.cli.status.atlas import ask_atlas

    settings, binder = project.config.settings, project.binder("")
    name = environment or _most_precious(project)
    if name not in settings.environments:
        raise UsageError(f"there is no environment '{name}'", suggest_environment(settings, name))
    now, (jobs, unread) = datetime.now(UTC), _jobs(project)
    asked = _ask(project, name, binder, [job for job in jobs if job.environment in ("", name)], now)
    atlas = ask_atlas(project, name, now)
    ran = _ran(project, name, jobs, now)
    proven = [*_proven(project, binder, now)]
    lines = [*asked(), *atlas()]
    found = ran()
    since = _stated_since(project) if found.whole else None
    due = tuple(_due(job, newest, since, now) for job, newest in zip(jobs, found.newest, strict=True))
    lines += [*judge_jobs(due), *unread, *judge_records(found.problem)]
    objectives = [line for line in lines if isinstance(line, Objective)]
    others = [line for line in lines if not isinstance(line, Objective)]
    return Readiness(settings.service, name, now, (*objectives, *proven, *others), due)


def _most_precious(project: Project) -> str:
    """What has to be recovered: the protected environment, or the first one."""
    environments = project.config.settings.environments
    return next((name for name, found in environments.items() if found.protected), next(iter(environments)))


def _ask(project: Project, name: str, binder: Binder, jobs: "list[Job]", now: datetime) -> Callable[[], Iterator[Line]]:
    """Ask stores and servers, side by side; what comes back waits for the answers and judges them."""
    from drx.cli.status.atlas import rests_on_atlas
    from drx.cli.status.readings import aside, read_copies, read_oplog_length, read_stores, read_versions, unreadable

    rpo = project.config.settings.objectives.rpo
    if rests_on_atlas(project, name):
        return lambda: iter(())
    slicing = next((job for job in jobs if _slices(binder, job)), None)
    slices = f"{slicing.arguments[1] if slicing else 'hourly-incremental'} --env {name}"
    try:
        target = project.resolve(project.config, name, ("mongo", "uploads", "store"))
    except DrxError as error:
        problem, remedy = unreadable(error)
        unknown = judge_rpo(rpo, Stores(problem=problem, remedy=remedy), now, slices=slices)
        return lambda: iter((unknown,))
    if target.mongo is None or target.backups is None:
        lacking = "mongo" if target.mongo is None else "backups"
        nothing = Objective("RPO", f"drx.yaml states no {lacking}", Level.CRITICAL, f"Add {lacking} to drx.yaml", rpo)
        return lambda: iter((nothing,))
    interval = _interval(slicing, now)
    stores = aside(lambda: read_stores(target), lambda problem: Stores(problem=problem))
    copies = aside(lambda: read_copies(target), lambda problem: Copies(problem, sound=False))
    oplog = aside(lambda: read_oplog_length(target, interval), lambda problem: Oplog(None, interval, problem))
    versions = aside(lambda: read_versions(target), lambda problem: Versions(None, problem)) if target.uploads else None

    def judged() -> Iterator[Line]:
        found = stores()
        yield judge_rpo(rpo, found, now, slices=slices)
        yield from judge_window(found)
        yield from judge_tests(found)
        yield judge_copies(copies())
        yield judge_oplog(oplog(), now)
        if versions:
            yield judge_versions(versions())

    return judged


def _slices(binder: Binder, job: "Job") -> bool:
    """Whether a job archives the oplog."""
    from drx.schedule.rpo import archives_oplog

    return job.arguments[0] == "run" and archives_oplog(binder.runbook(job.arguments[1]))


def _interval(job: "Job | None", now: datetime) -> timedelta | None:
    from drx.schedule.cron import longest_pause

    return longest_pause(job.cron, job.timezone, now) if job else None


def _jobs(project: Project) -> "tuple[tuple[Job, ...], list[Line]]":
    """Give the scheduled jobs, or why nobody knows them."""
    from drx.cli.schedule.jobs import read_jobs
    from drx.cli.status.readings import unreadable

    try:
        return read_jobs(project) if project.config.settings.schedules else (), []
    except DrxError as error:
        problem, remedy = unreadable(error)
        return (), [Line("next", f"the schedules cannot be read: {problem}", Level.UNKNOWN, f"drx check. {remedy}")]


def _ran(project: Project, name: str, jobs: "Sequence[Job]", now: datetime) -> "Callable[[], Seen]":
    """Look for the newest runs of jobs, beside everything else.

    Whoever practises in a sandbox need not reach what the others keep. Where nothing is copied, jobs run here if any
    of them ever did.
    """
    from drx.cli.project import shelf_of
    from drx.cli.records import of_others
    from drx.cli.status.job_runs import Records, Seen, unread_among
    from drx.cli.status.readings import aside, unreadable

    here = Records(project.records).newest(jobs, now)
    records = project.config.settings.records
    copied = records is not None and records.s3 is not None
    try:
        shelf = shelf_of(project.config, name, hurried=True) if jobs else None
    except DrxError as error:
        problem, _ = unreadable(error)
        return lambda: Seen(here, problem)
    if shelf is None:
        hidden = of_others(unread) if (unread := unread_among(project.records, here)) else ""
        return lambda: Seen(here, hidden, whole=any(here) and not copied and not hidden)
    everywhere = Records(project.records, shelf)
    return aside(lambda: Seen(everywhere.newest(jobs, now), whole=True), lambda problem: Seen(here, problem))


def _stated_since(project: Project) -> datetime:
    """Since when the schedules have been what they are, at least: nothing has changed in drx.yaml since then."""
    return datetime.fromtimestamp((project.root / FILE_NAME).stat().st_mtime, UTC)


def _due(job: "Job", began: "Began | None", since: datetime | None, now: datetime) -> Due:
    from drx.cli.status.job_runs import UNFINISHED
    from drx.schedule.cron import last_before, moments

    outcome = began.outcome if began else "succeeded"
    if began and outcome == UNFINISHED and now - began.at > job.longest:
        outcome = CUT_OFF
    return Due(
        " ".join(job.arguments[:2]),
        next(moments(job.cron, job.timezone, now), None),
        last_before(job.cron, job.timezone, now - GRACE),
        began.at if began else None,
        outcome,
        began.succeeded_at if began else None,
        began.seconds if began else None,
        job.environment,
        began.run if began else "",
        since,
    )


def _proven(project: Project, binder: Binder, now: datetime) -> Iterator[Objective]:
    """Judge every scenario; one whose files cannot be read is not known, and hides none of the others."""
    from drx.cli.status.readings import unreadable
    from drx.runner.verified import hash_of, read_verified

    for name in binder.ids(RUNBOOKS):
        rto = project.config.settings.objectives.rto
        try:
            runbook = binder.runbook(name)
            if runbook.kind == "scenario":
                rto = (runbook.objectives or project.config.settings.objectives).rto
                proof = read_verified(project.root).get(name)
                yield judge_scenario(Scenario(name, rto, hash_of(binder, name, project.root), proof), now)
        except DrxError as error:
            problem, remedy = unreadable(error)
            yield Objective(f"RTO {name}", problem, Level.UNKNOWN, f"drx check. {remedy}", rto, None, "NOT VERIFIED")


def _as_json(readiness: Readiness) -> Mapping[str, object]:
    return {
        "service": readiness.service,
        "environment": readiness.environment,
        "at": show_time(readiness.at),
        "level": readiness.level.name.lower(),
        "lines": [_line(line) for line in readiness.lines],
    }


def _line(line: Line) -> Mapping[str, object]:
    made = {**asdict(line), "level": line.level.name.lower()}
    del made["values"]
    if not line.job:
        del made["job"]
    if isinstance(line, Objective):
        del made["target"], made["actual"]
        made |= {
            "target_seconds": line.target.total_seconds(),
            "actual_seconds": line.actual.total_seconds() if line.actual is not None else None,
        }
    return made
