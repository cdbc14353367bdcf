"""`drx schedule cron | systemd | github | kubernetes`: print files, put them in place, see whether they are stale."""

import os
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from drx.cli.project import Project, load_project
from drx.cli.schedule.jobs import jobs_in, read_jobs
from drx.errors import ExitCode, StaleError, UsageError
from drx.files import write_atomically
from drx.notify.destinations import may_need_apprise
from drx.schedule.block import with_block
from drx.schedule.cron import missing_or_twice
from drx.schedule.files import FORMS, Place, cronjob_name
from drx.schedule.jobs import Job
from drx.yaml_source import InvalidDocument

FOLDERS = {
    "systemd": Path("/etc/systemd/system"),
    "github": Path(".github/workflows"),
    "kubernetes": Path("kubernetes"),
}
PASSING = {
    "github": "the disk of a GitHub runner goes with its job",
    "kubernetes": "a pod's disk goes with it, and a volume may go with its cluster",
}
"""Where records have to be copied elsewhere, and why."""
UNSTEADY = ("systemd", "kubernetes")
"""What does not make up for an hour that is left out where clocks are put forward."""
GONE = {
    "systemd": "What runs of it already has to be ended: systemctl stop {timers} && systemctl daemon-reload",
    "github": "Now: commit that they are gone",
    "kubernetes": "What runs of it already has to be ended: kubectl delete cronjob {cronjobs}",
}
AS_IT_IS = "surrogateescape"
"""Lets what others wrote be written again byte for byte."""
AFTER = {
    "systemd": "Now: systemctl daemon-reload && systemctl enable --now {timers}",
    "github": "Now: commit them, and set the secrets they name in the repository's settings",
    "kubernetes": "Now: kubectl apply -f {folder}",
}


def schedule_files(
    form: str,
    *,
    write: bool,
    check: bool,
    output: Path | None,
    directory: str | None = None,
    program: str | None = None,
    image: str = "",
    user: str = "",
) -> int:
    """Print the files of one form, write them, or compare them with what is in place.

    Raises StaleError where these differ, UsageError where they cannot be read or written, InvalidDocument where the
    records of the runs would be lost.
    """
    if write and check:
        raise UsageError("--write and --check exclude each other", "Use one of them")
    for text in (directory, program, image, user):
        if text is not None and not text.isprintable():
            raise UsageError(f"{text!r} holds what is no printable sign", "Give a name of one line")
    project = load_project()
    notify = project.config.settings.notify
    # Where the last schedule was taken away, what it left in place is stale, and has to go.
    jobs = jobs_in(project.config.settings, project.binder("")) if write or check else read_jobs(project)
    place = Place(
        project.config.settings.service,
        directory or str(project.root.resolve()),
        program or str(Path(sys.argv[0]).resolve()),
        _install(project, jobs),
        image,
        user,
        _within(project.root),
        tells=bool(notify.on_failure or notify.channels),
    )
    if form in PASSING:
        _require_records(project, jobs, PASSING[form])
    for job in jobs:
        _require_every_hour(job, form, datetime.now(UTC))
    files = FORMS[form](jobs, place)
    if not write and not check:
        _print(files)
    elif form == "cron":
        _crontab(files["crontab"], place, output, check=check)
    else:
        folder = output or ((_repository(project.root) if form == "github" else project.root) / FOLDERS[form])
        wanted = {name: text for name, text in files.items() if jobs or (folder / name).exists()}
        _folder(form, wanted, folder, place.head(form), check=check)
    return ExitCode.OK


def _repository(root: Path) -> Path:
    """The folder in which GitHub looks for workflows: the top of the project's working copy, else its own."""
    return next((folder for folder in root.resolve().parents if _is_top(folder)), root) if not _is_top(root) else root


def _is_top(folder: Path) -> bool:
    return (folder / ".git").exists()


def _within(root: Path) -> str:
    within = root.resolve().relative_to(_repository(root).resolve()).as_posix()
    return "" if within == "." else f"{within}/"


def _require_records(project: Project, jobs: Sequence[Job], place: str) -> None:
    """See that records outlive the disk they are written to; runs in a sandbox are practice, and not copied."""
    settings = project.config.settings
    sandboxes = {name for name, found in settings.environments.items() if found.sandbox}
    lost = [job.name for job in jobs if job.environment not in sandboxes]
    if lost and (settings.records is None or settings.records.s3 is None):
        message = f"{place}, and drx.yaml does not say where else the records of {', '.join(lost)} go"
        remedy = f"Add this line: records: {{s3: {{bucket: {settings.service}-records, region: us-east-1}}}}"
        raise InvalidDocument([project.config.document.problem(("schedules",), message, remedy)])


def _require_every_hour(job: Job, form: str, now: datetime) -> None:
    """See that no run is left out, or comes twice, because clocks are changed: cron knows that, others do not."""
    for day, is_twice in missing_or_twice(job.cron, job.timezone, now) if form in UNSTEADY else ():
        if is_twice and form != "kubernetes":
            continue
        what = "runs {} twice" if is_twice else "leaves {} out"
        when = f"on {day}, when the clocks of {job.timezone} are put {'back' if is_twice else 'forward'}"
        raise UsageError(f"{form} {what.format(job.name)} {when}", "Write its cron for another hour, or in UTC")


def _install(project: Project, jobs: Sequence[Job]) -> str:
    """Say how a runner installs drx, with no more than the jobs need.

    A checkout of drx installs itself; any other project installs what is released.
    """
    settings = project.config.settings
    sandboxes = {name for name, found in settings.environments.items() if found.sandbox}
    needed = {"notify": may_need_apprise(settings.notify), "sandbox": any(job.environment in sandboxes for job in jobs)}
    extras = ",".join(name for name, is_needed in needed.items() if is_needed)
    try:
        made = tomllib.loads((project.root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        made = {}
    own = made.get("project", {}).get("name") == "drx"
    name = "." if own else "drx"
    return f"pipx install '{name}[{extras}]'" if extras else f"pipx install {name}"


def _print(files: Mapping[str, str]) -> None:
    for position, (name, text) in enumerate(files.items()):
        if len(files) > 1:
            print(f"{'---' if name.endswith('.yaml') and position else ''}\n# {name}".lstrip("\n"))
        print(text, end="" if position == len(files) - 1 else "\n")


def _folder(form: str, files: Mapping[str, str], folder: Path, head: str, *, check: bool) -> None:
    """Write or compare the files of a folder, and those that drx wrote there for jobs that are no more."""
    ours = _matching(folder, head)
    left_over = [path for path in ours if path.name not in files]
    stale = [name for name, text in files.items() if _read(folder / name) != text]
    if check:
        if stale or left_over:
            names = ", ".join([*stale, *(f"{path.name} (no job any more)" for path in left_over)])
            raise StaleError(f"in {folder} are stale: {names}", f"Run `drx schedule {form} --write`")
        return
    others = [str(path) for name in stale if (path := folder / name) not in ours and os.path.lexists(path)]
    if others:
        raise UsageError(
            f"not written by drx for this service: {', '.join(others)}", "Move that away, or add --output FOLDER"
        )
    try:
        for name in stale:
            write_atomically(folder / name, files[name].encode(), mode=0o644)
        for path in left_over:
            path.unlink()
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}", "Run it as root, or add --output") from None
    for name in stale:
        print(f"wrote {folder / name}")
    for path in left_over:
        print(f"removed {path}: there is no such job any more")
    if not stale and not left_over:
        print("nothing has changed")
    if stale:
        print(AFTER[form].format(timers=_timers(files), folder=folder))
    if left_over:
        gone = [path.name for path in left_over]
        cronjobs = " ".join(cronjob_name(path.stem) for path in left_over)
        print(GONE[form].format(timers=_timers(gone), cronjobs=cronjobs))


def _timers(names: Iterable[str]) -> str:
    return " ".join(name for name in names if name.endswith(".timer"))


def _matching(folder: Path, head: str) -> list[Path]:
    """List the files that this command wrote, by their first line."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and (_read(path) or "").startswith(f"{head}\n"))


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _read_whole(path: Path) -> str:
    """Read somebody's file, in whatever way it is encoded; one that is not there is empty.

    Raises UsageError where it cannot be read, or it would be written over.
    """
    try:
        return path.read_bytes().decode(errors=AS_IT_IS)
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "Name a file of yours") from None


def _crontab(block: str, place: Place, output: Path | None, *, check: bool) -> None:
    before = _read_whole(output) if output else _installed()
    after = with_block(before, place.unit, block)
    where = str(output) if output else "this user's crontab"
    if check:
        if before != after:
            raise StaleError(f"{where} is stale", "Run `drx schedule cron --write`")
        return
    if output:
        try:
            mode = stat.S_IMODE(output.stat().st_mode) if output.exists() else 0o644
            write_atomically(output.resolve(), after.encode(errors=AS_IT_IS), mode)
        except OSError as error:
            raise UsageError(f"{output} cannot be written: {error.strerror}", "Name a file of yours") from None
    else:
        done = _call(["crontab", "-"], after)
        if done.returncode:
            raise UsageError(f"crontab refused it: {done.stderr.strip()}", "Print the block, and correct drx.yaml")
    print(f"wrote {where}")


def _installed() -> str:
    """The crontab as it is; a user without one has an empty one.

    Raises UsageError where it cannot be read, or it would be written over.
    """
    done = _call(["crontab", "-l"], "")
    if done.returncode and "no crontab for" not in done.stderr:
        raise UsageError(f"the crontab cannot be read: {done.stderr.strip()}", "Mend that, or add --output FILE")
    return done.stdout if done.returncode == 0 else ""


def _call(command: list[str], text: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors=AS_IT_IS,
            check=False,
            timeout=30,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise UsageError("there is no `crontab` here", "Install cron, or add --output FILE") from None
