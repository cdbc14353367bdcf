"""What drx writes for cron, systemd, GitHub Actions and Kubernetes: as expected, and as those programs read it."""

import shutil
import subprocess
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
import yaml

from drx.config.model import Schedule, Settings
from drx.errors import UsageError
from drx.runbook.model import UNATTENDED_LIMIT
from drx.schedule.block import with_block
from drx.schedule.calendar import on_calendar
from drx.schedule.cron import moments
from drx.schedule.files import FORMS, Place
from drx.schedule.jobs import Subject, jobs_of
from drx.schedule.overview import look_ahead

SETTINGS = Settings.model_validate(
    {
        "service": "pixelcraft",
        "objectives": {"rto": "2h", "rpo": "1h"},
        "environments": {
            "production": {"mongo": {"uri": "${DATABASE_URL}", "database": "p"}, "uploads": {"bucket": "u"}},
            "staging": {"mongo": {"uri": "${STAGING_URL}", "database": "p"}},
        },
        "schedules": [
            {"run": "nightly", "environment": "production", "cron": "0 3 * * *"},
            {"run": "slices", "environment": "production", "cron": "5,35 * * * *"},
            {"run": "slices", "environment": "staging", "cron": "*/20 * * * *"},
            {"drill": "db-drop", "environment": "staging", "cron": "0 4 1 * *", "timeout": "2h"},
        ],
    }
)
SUBJECTS = {
    "nightly": Subject('Take a "base", 100% of it: \\o/', timedelta(hours=1)),
    "slices": Subject("Archive the oplog", timedelta(minutes=1)),
    "db-drop": Subject("Lose the images", timedelta(minutes=30)),
}
JOBS = jobs_of(SETTINGS, SUBJECTS)
PLACE = Place(
    "pixelcraft", "/srv/pixel craft", "/usr/local/bin/drx", "pipx install drx", "registry.example/drx:1", tells=True
)
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def test_every_job_has_a_name_of_its_own_and_only_the_variables_it_needs() -> None:
    assert [job.name for job in JOBS] == ["nightly", "slices-production", "slices-staging", "drill-db-drop"]
    assert JOBS[0].variables == ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "DATABASE_URL")
    assert JOBS[2].variables == ("STAGING_URL",)
    assert JOBS[3].command == "drx drill db-drop --env staging --timeout 2h"


@pytest.mark.parametrize("form", FORMS)
def test_files_are_as_they_were_agreed(form: str, golden: Callable[[str, str], None]) -> None:
    files = FORMS[form](JOBS, PLACE)
    golden(f"schedule/{form}.txt", "\n".join(f"==> {name}\n{text}" for name, text in files.items()))


@pytest.mark.parametrize("form", ["github", "kubernetes"])
def test_yaml_is_yaml_whatever_titles_hold(form: str) -> None:
    documents = [yaml.safe_load(text) for text in FORMS[form](JOBS, PLACE).values()]
    assert all(documents)
    assert form == "kubernetes" or documents[0]["name"] == f"drx: {SUBJECTS['nightly'].title}"


@pytest.mark.parametrize("form", FORMS)
def test_a_title_of_several_lines_adds_no_line_and_continues_none(form: str) -> None:
    """As YAML's `title: >` has it, which ends with a line break; cron would run the second line as somebody's job."""
    title, hour = "Take\n* * * * * root true\x1b\\\n", timedelta(hours=1)
    titled, plain = (jobs_of(SETTINGS, {**SUBJECTS, "nightly": Subject(each, hour)}) for each in (title, "Take"))
    for name, text in FORMS[form](titled, PLACE).items():
        assert text.replace("Take * * * * * root true", "Take") == FORMS[form](plain, PLACE)[name]


def test_names_that_are_too_long_for_whoever_runs_jobs_are_cut_and_stay_apart() -> None:
    long = "a-service-with-a-name-that-says-rather-a-lot-about-what-it-does"
    jobs = [replace(JOBS[0], name=f"drill-of-a-disaster-{'-'.join(['far'] * 24)}-{end}") for end in ("one", "two")]
    manifests = [yaml.safe_load(text) for text in FORMS["kubernetes"](jobs, replace(PLACE, service=long)).values()]
    names = {each["metadata"]["name"] for each in manifests if each["kind"] == "CronJob"}
    assert len(names) == 2
    assert all(len(name) <= 52 for name in names)
    assert {len(each["metadata"]["labels"]["app.kubernetes.io/instance"]) for each in manifests} == {63}
    workflows = [yaml.safe_load(text) for text in FORMS["github"](jobs, PLACE).values()]
    assert len({next(iter(each["jobs"])) for each in workflows}) == 2
    assert all(len(name) < 100 for each in workflows for name in each["jobs"])


def test_what_yaml_could_take_for_yes_or_no_stays_a_name() -> None:
    job = replace(JOBS[0], arguments=("run", "yes", "--env", "no"), variables=("ON",))
    (_, text) = FORMS["kubernetes"]([job], PLACE).values()
    (container,) = yaml.safe_load(text)["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["command"] == ["drx", "run", "yes", "--env", "no"]
    assert container["env"][0]["name"] == container["env"][0]["valueFrom"]["secretKeyRef"]["key"] == "ON"


@pytest.mark.parametrize(("cron", "taken"), [("*/5 * * * *", True), ("*/4 * * * *", False), ("0,58 1-2 * * *", False)])
def test_github_is_not_given_a_job_that_it_would_run_more_seldom(cron: str, taken: bool) -> None:
    job = replace(JOBS[1], cron=cron)
    with nullcontext() if taken else pytest.raises(UsageError, match="nothing more often than every 5 minutes"):
        assert f'cron: "{cron}"' in FORMS["github"]([job], PLACE)["drx-slices-production.yml"]


def test_a_crontab_says_which_time_zone_the_machine_has_to_have() -> None:
    berlin = replace(JOBS[0], timezone="Europe/Berlin")
    assert "keep that at Europe/Berlin.\n# It holds" in FORMS["cron"]([berlin], PLACE)["crontab"]
    assert "It would run those in UTC at other hours" in FORMS["cron"]([berlin, JOBS[1]], PLACE)["crontab"]


def test_systemd_is_not_given_a_program_that_it_would_not_start() -> None:
    with pytest.raises(UsageError, match="holds a quote or a backslash"):
        FORMS["systemd"](JOBS, replace(PLACE, program='/opt/"ours"/drx'))


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for name, text in FORMS["systemd"](JOBS, PLACE).items():
        here = text.replace(PLACE.program, "/bin/true").replace(PLACE.directory, str(tmp_path))
        (tmp_path / name).write_text(here)
    units = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(
        ["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False, timeout=60
    )
    assert [line for line in done.stderr.splitlines() if str(tmp_path) in line or "drx-" in line] == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_finds_a_program_whatever_its_path_holds(tmp_path: Path) -> None:
    program = tmp_path / "50% mine" / "drx"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    place = replace(PLACE, program=str(program), directory=str(program.parent), user="daemon")
    (path,) = [tmp_path / name for name in FORMS["systemd"](JOBS[:1], place) if name.endswith(".service")]
    path.write_text(FORMS["systemd"](JOBS[:1], place)[path.name])
    assert "\nUser=daemon\n" in path.read_text()
    done = subprocess.run(
        ["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert [line for line in done.stderr.splitlines() if path.name in line] == []


def test_cron_and_its_shell_find_a_folder_whatever_its_name_holds(tmp_path: Path) -> None:
    """cron takes a bare % for the end of the line, and takes the backslash off before the shell sees it."""
    folder = tmp_path / "50% of 'ours'"
    folder.mkdir()
    place = replace(PLACE, directory=str(folder), program="pwd")
    job = replace(JOBS[0], variables=(), arguments=())
    line = FORMS["cron"]([job], place)["crontab"].splitlines()[-1].removeprefix("0 3 * * * ")
    assert "%" not in line.replace(r"\%", "")
    shown = subprocess.run(["sh", "-c", line.replace(r"\%", "%")], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == str(folder)


def test_what_cron_starts_is_handed_no_variables_of_other_jobs(tmp_path: Path) -> None:
    settings = tmp_path / "pixelcraft.env"
    settings.write_text(
        "DATABASE_URL='mongodb://db/?a=1&b=2'\nAWS_ACCESS_KEY_ID='k'\nAWS_SECRET_ACCESS_KEY='s'\nSTAGING_URL='x'\n"
        "HTTPS_PROXY='http://proxy'\n"
    )
    place = replace(PLACE, directory=str(tmp_path), program="/usr/bin/env")
    lines = FORMS["cron"]([replace(job, arguments=()) for job in JOBS], place)["crontab"].splitlines()
    nightly, staging = (next(line for line in lines if line.startswith(cron)) for cron in ("0 3 * * *", "*/20 * * * *"))

    def handed(line: str) -> dict[str, str]:
        command = line.split(maxsplit=5)[5].replace(place.settings, str(settings))
        shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True, env={"PATH": "/bin"})
        return {
            name: value
            for name, _, value in (each.partition("=") for each in shown.stdout.splitlines())
            if name not in ("PATH", "PWD", "OLDPWD", "_", "SHLVL")
        }

    assert handed(nightly) == {
        "DATABASE_URL": "mongodb://db/?a=1&b=2", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s",
        "HTTPS_PROXY": "http://proxy",
    }  # fmt: skip
    assert handed(staging) == {"STAGING_URL": "x", "HTTPS_PROXY": "http://proxy"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize(
    ("cron", "timezone"),
    [
        ("0 3 * * *", "UTC"),
        ("5,35 * * * *", "UTC"),
        ("*/20 8-18 * * 1-5", "America/New_York"),
        ("0 4 1,15 * 0", "UTC"),
        ("30 1 */10 2-12/5 *", "Asia/Kolkata"),
        ("15 6 * * SUN", "Europe/Berlin"),
    ],
)
def test_systemd_means_the_same_moments(cron: str, timezone: str) -> None:
    _same_in_systemd(cron, timezone, NOW)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("before", [datetime(2026, 10, 24, 23, tzinfo=UTC), datetime(2027, 3, 27, 23, tzinfo=UTC)])
@pytest.mark.parametrize("cron", ["5,35 * * * *", "30 3 * * *"])
def test_systemd_leaves_nothing_out_where_clocks_are_changed(cron: str, before: datetime) -> None:
    _same_in_systemd(cron, "Europe/Berlin", before)


def _same_in_systemd(cron: str, timezone: str, now: datetime) -> None:
    found = set()
    for line in on_calendar(cron, timezone):
        command = ["systemd-analyze", "calendar", "--iterations=6", f"--base-time={now:%Y-%m-%d %H:%M:%S} UTC", line]
        shown = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=30, env={"TZ": "UTC", "LC_ALL": "C"}
        ).stdout
        times = [line.partition(": ")[2].strip() for line in shown.splitlines() if "elapse" in line or "Iter" in line]
        times += [text.strip()[6:] for text in shown.splitlines() if text.strip().startswith("(in UTC): ")]
        found |= {datetime.fromisoformat(f"{time[4:23]}+00:00") for time in times if "UTC" in time}
    assert sorted(found)[:6] == list(islice(moments(cron, timezone, now), 6))


def test_github_knows_no_zone_but_utc() -> None:
    job = replace(JOBS[0], name="x", timezone="Europe/Berlin")
    with pytest.raises(UsageError, match=r"in UTC, and x is in Europe/Berlin"):
        FORMS["github"]([job], PLACE)


def test_jobs_that_meet_are_named() -> None:
    overview = look_ahead(JOBS, NOW)
    met = {(each.first.name, each.second.name): each.at for each in overview.meetings}
    assert met[("nightly", "slices-production")] == datetime(2026, 11, 27, 3, 5, tzinfo=UTC)
    assert met[("slices-staging", "drill-db-drop")] == datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
    assert ("slices-production", "slices-staging") not in met
    assert overview.overlapping == ()


def test_a_job_that_is_due_again_before_it_ends_is_named() -> None:
    slow = jobs_of(SETTINGS, SUBJECTS | {"slices": Subject("Slow", timedelta(minutes=25))})
    found = [(job.name, pause) for job, pause in look_ahead(slow, NOW).overlapping]
    assert found == [("slices-staging", timedelta(minutes=20))]


def test_a_job_that_is_given_up_only_after_it_is_due_again_is_named() -> None:
    """Without a timeout anywhere, a run has a day."""
    found = [(job.name, pause) for job, pause in look_ahead(JOBS, NOW).slow]
    assert found == [("slices-production", timedelta(minutes=30)), ("slices-staging", timedelta(minutes=20))]
    timed = [each.model_copy(update={"timeout": timedelta(minutes=20)}) for each in SETTINGS.schedules]
    assert look_ahead(jobs_of(SETTINGS.model_copy(update={"schedules": timed}), SUBJECTS), NOW).slow == ()


@pytest.mark.parametrize(
    ("stated", "runbook", "held", "written"),
    [
        ("20m", timedelta(hours=18), timedelta(minutes=20), ("--timeout", "20m")),
        ("26h 3m", None, timedelta(hours=24), ("--timeout", "93780s")),
        ("18h", timedelta(minutes=25), timedelta(minutes=25), ("--timeout", "18h")),
        (None, timedelta(minutes=25), timedelta(minutes=25), ()),
    ],
)
def test_the_shorter_of_two_timeouts_holds(
    stated: object, runbook: timedelta | None, held: timedelta, written: tuple[str, ...]
) -> None:
    schedule = Schedule.model_validate(
        {"run": "nightly", "environment": "staging", "cron": "0 3 * * *", "timeout": stated}
    )
    subject = Subject("x", timedelta(minutes=1), UNATTENDED_LIMIT if runbook is None else runbook)
    (job,) = jobs_of(SETTINGS.model_copy(update={"schedules": (schedule,)}), {"nightly": subject})
    assert job.timeout == held
    assert job.arguments[5:] == written


def test_the_rest_of_a_crontab_stays_as_it_is() -> None:
    mine = "MAILTO=me\n0 1 * * * mine"
    once = with_block(mine, "drx-a", "one\n")
    assert once.startswith(f"{mine}\n")
    other = with_block(once, "drx-b", "other\n")
    twice = with_block(other, "drx-a", "two\n")
    assert twice == other.replace("one\n", "two\n")
    assert with_block(twice, "drx-a", "two\n") == twice
    assert with_block(with_block(twice, "drx-a", ""), "drx-b", "") == f"{mine}\n"
    assert with_block(mine, "drx-a", "") == f"{mine}\n"


@pytest.mark.parametrize("text", ["# >>> drx-a\n", "# <<< drx-a\n", "# <<< drx-a\n# >>> drx-a\n"])
def test_half_a_pair_of_marks_is_not_guessed(text: str) -> None:
    with pytest.raises(UsageError, match="no pair"):
        with_block(text, "drx-a", "one\n")
