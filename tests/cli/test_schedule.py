"""`drx schedule`: prints, writes, compares; what others wrote stays."""

import json
import os
import stat
from pathlib import Path

import pytest
import yaml

from drx.cli.app import run
from drx.errors import ExitCode

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).parents[2]
CONFIG = """
service: shop
objectives: {rto: 1h, rpo: 30m}
environments: {production: {mongo: {uri: "${DATABASE_URL}", database: shop}}}
schedules:
  - {run: nightly, environment: production, cron: "0 3 * * *"}
  - {run: slices, environment: production, cron: "*/10 * * * *", timezone: UTC}
"""
RECORDS = "records: {s3: {bucket: shop-records, region: us-east-1}}\n"
RUNBOOK = "runbook: {name}\nkind: operation\ntitle: Do it\nsteps: [{{id: a, action: mongo.ping, expect: 15m}}]\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "drx.yaml").write_text(CONFIG)
    for name in ("nightly", "slices"):
        (tmp_path / "runbooks" / f"{name}.yaml").write_text(RUNBOOK.format(name=name))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_show_tells_what_comes_and_what_meets_itself(capsys: Capture) -> None:
    assert run(["schedule", "show"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "At 03:00 every day" in shown
    assert "slices should take 15m, and is due again after 10m" in shown
    assert "nightly and slices, first at" in shown


def test_show_for_machines(capsys: Capture) -> None:
    assert run(["schedule", "show", "--json"]) == ExitCode.OK
    shown = json.loads(capsys.readouterr().out)
    assert [job["name"] for job in shown["jobs"]] == ["nightly", "slices"]
    assert all(len(job["next"]) == 3 for job in shown["jobs"])
    assert [job["variables"] for job in shown["jobs"]] == [["DATABASE_URL"]] * 2
    assert shown["overlapping"] == [{"name": "slices", "pause_seconds": 600.0}]


def test_workflows_are_written_compared_and_cleared_away(project: Path, capsys: Capture) -> None:
    folder = project / ".github" / "workflows"
    (project / "drx.yaml").write_text(CONFIG + RECORDS)
    assert run(["schedule", "github", "--check"]) == ExitCode.STALE
    assert run(["schedule", "github", "--write"]) == ExitCode.OK
    assert run(["schedule", "github", "--check"]) == ExitCode.OK
    (folder / "ci.yml").write_text("name: mine\n")
    changed = CONFIG.replace("*/10", "*/20").replace("run: nightly", "run: slices")
    (project / "drx.yaml").write_text(changed + RECORDS)
    capsys.readouterr()
    assert run(["schedule", "github", "--check"]) == ExitCode.STALE
    assert "drx-nightly.yml (no job any more)" in capsys.readouterr().err
    assert run(["schedule", "github", "--write"]) == ExitCode.OK
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["ci.yml", "drx-slices-production-2.yml", "drx-slices-production.yml"]


@pytest.mark.parametrize("form", [["github"], ["kubernetes", "--image", "registry.example/drx:1"]])
def test_where_disks_do_not_last_records_have_to_go_elsewhere(form: list[str], project: Path, capsys: Capture) -> None:
    assert run(["schedule", *form]) == ExitCode.INVALID
    said = capsys.readouterr()
    assert not said.out
    assert "does not say where else the records of nightly, slices go" in said.err
    line = said.err.partition("Add this line: ")[2]
    (project / "drx.yaml").write_text(CONFIG + line)
    assert run(["schedule", *form]) == ExitCode.OK
    practice = CONFIG.replace('{mongo: {uri: "${DATABASE_URL}", database: shop}}', "{sandbox: true}")
    (project / "drx.yaml").write_text(practice)
    assert run(["schedule", *form]) == ExitCode.OK, "runs in a sandbox are not copied"


@pytest.mark.parametrize(
    ("more", "installed"),
    [
        ("", "pipx install drx"),
        ('notify: {on_failure: ["${HOOK}"]}', "pipx install 'drx[notify]'"),
        ('notify: {on_failure: ["https://example.org/hook"]}', "pipx install drx"),
        (
            'notify: {channels: [{url: "https://example.org/hook"}, {url: "ntfy://topic"}]}',
            "pipx install 'drx[notify]'",
        ),
    ],
)
def test_a_runner_installs_what_the_jobs_need(more: str, installed: str, project: Path, capsys: Capture) -> None:
    (project / "drx.yaml").write_text(CONFIG + RECORDS + more + "\n")
    assert run(["schedule", "github"]) == ExitCode.OK
    assert f'- run: "{installed}"\n' in capsys.readouterr().out
    practice = (CONFIG + more).replace("environments: {", "environments: {lab: {sandbox: true}, ")
    (project / "drx.yaml").write_text(practice.replace("environment: production", "environment: lab"))
    assert run(["schedule", "github"]) == ExitCode.OK
    extras = "[notify,sandbox]" if "notify" in installed else "[sandbox]"
    assert f"- run: \"pipx install 'drx{extras}'\"\n" in capsys.readouterr().out


def test_a_run_in_a_place_that_does_not_last_is_given_its_own_limits(project: Path, capsys: Capture) -> None:
    path = project / "runbooks" / "slices.yaml"
    path.write_text(path.read_text() + "timeout: 7h\ngrace: 5m\n")
    (project / "drx.yaml").write_text(CONFIG + RECORDS)
    run(["schedule", "github"])
    assert "timeout-minutes: 433" in (shown := capsys.readouterr().out)
    assert "GitHub's own runners end a job after six hours" in shown
    run(["schedule", "kubernetes", "--image", "x"])
    assert "terminationGracePeriodSeconds: 540" in (shown := capsys.readouterr().out)
    assert "activeDeadlineSeconds: 25980" in shown
    run(["schedule", "systemd"])
    assert "TimeoutStartSec=25980" in (shown := capsys.readouterr().out)
    assert "TimeoutStopSec=540" in shown


def test_a_schedule_may_give_its_run_less_time(project: Path, capsys: Capture) -> None:
    path = project / "runbooks" / "nightly.yaml"
    path.write_text(path.read_text() + "timeout: 7h\n")
    (project / "drx.yaml").write_text(CONFIG.replace('"0 3 * * *"', '"0 3 * * *", timeout: 20m') + RECORDS)
    assert run(["check", "drx.yaml"]) == ExitCode.OK
    run(["schedule", "github"])
    shown = capsys.readouterr().out
    assert "exec drx run nightly --env production --unattended --timeout 20m" in shown
    assert "timeout-minutes: 29" in shown, "longer than drx itself gives the run: its report is written first"
    run(["schedule", "kubernetes", "--image", "x"])
    assert "activeDeadlineSeconds: 1740" in capsys.readouterr().out
    run(["schedule", "systemd"])
    assert "TimeoutStartSec=1740" in capsys.readouterr().out
    run(["schedule", "show"])
    assert "slices should take 15m" in (shown := capsys.readouterr().out)
    assert "is given up" not in shown
    (project / "drx.yaml").write_text(CONFIG.replace('"*/10 * * * *"', '"*/20 * * * *", timeout: 10m'))
    run(["check", "drx.yaml"])
    assert "drx.yaml:7:75: warning: slices is given up after 10m, but should take 15m" in capsys.readouterr().out
    (project / "drx.yaml").write_text(CONFIG.replace('"*/10 * * * *"', '"*/20 * * * *", timeout: 30m'))
    run(["schedule", "show"])
    assert "slices is given up only after 30m, and is due again after 20m" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("form", "cron", "zone", "what"),
    [
        ("systemd", "30 2 * * *", "Europe/Berlin", "systemd leaves {} out on "),
        ("systemd", "30 1 * * *", "America/New_York", None),
        ("kubernetes", "30 2 * * *", "Europe/Berlin", "kubernetes leaves {} out on |kubernetes runs {} twice on "),
        ("kubernetes", "30 1 * * *", "America/New_York", "kubernetes runs {} twice on "),
        ("kubernetes", "30 4 * * *", "America/New_York", None),
        ("cron", "30 2 * * *", "Europe/Berlin", None),
    ],
)
def test_a_run_that_clocks_would_take_or_double_is_refused(
    form: str, cron: str, zone: str, what: str | None, project: Path, capsys: Capture
) -> None:
    config = CONFIG.replace('cron: "0 3 * * *"', f'cron: "{cron}", timezone: {zone}')
    (project / "drx.yaml").write_text(config + RECORDS)
    code = run(["schedule", form, *(["--image", "drx"] if form == "kubernetes" else [])])
    said = capsys.readouterr().err
    assert code == (ExitCode.OK if what is None else ExitCode.USAGE), said
    assert what is None or any(each.format("nightly") in said for each in what.split("|"))
    assert what is None or "Write its cron for another hour, or in UTC" in said


def test_a_crontab_keeps_what_others_wrote(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`crontab` is played by a small program that keeps its file as the real one does."""
    kept = project / "kept"
    kept.write_text("MAILTO=me\n")
    _play_crontab(project, monkeypatch, f'if [ "$1" = -l ]; then cat {kept}; else cat > {kept}; fi')
    assert run(["schedule", "cron", "--write"]) == ExitCode.OK
    assert kept.read_text().startswith("MAILTO=me\n# >>> drx-shop\n")
    assert run(["schedule", "cron", "--check"]) == ExitCode.OK
    kept.write_text(kept.read_text().replace("0 3 *", "0 4 *"))
    assert run(["schedule", "cron", "--check"]) == ExitCode.STALE


def test_a_file_of_crontabs_keeps_every_byte_of_others_and_its_mode(project: Path, capsys: Capture) -> None:
    kept, link = project / "kept", project / "link"
    link.symlink_to(kept)
    others = b"# caf\xe9 # >>> drx-shop\n0 1 * * * mine\r\n"
    kept.write_bytes(others)
    kept.chmod(0o600)
    for _ in range(2):
        assert run(["schedule", "cron", "--write", "--output", str(link)]) == ExitCode.OK
    assert kept.read_bytes().startswith(others + b"# >>> drx-shop\n")
    assert kept.read_bytes().count(b"SHELL=") == 1
    assert (link.is_symlink(), stat.S_IMODE(kept.stat().st_mode)) == (True, 0o600)
    kept.unlink()
    kept.mkdir()
    assert run(["schedule", "cron", "--write", "--output", str(kept)]) == ExitCode.USAGE
    assert "cannot be read: Is a directory" in capsys.readouterr().err


@pytest.mark.parametrize("others", [b"name: mine\n", b"\xff", b"# Written by `drx schedule github` for another\n"])
def test_a_file_that_others_wrote_is_not_written_over(others: bytes, project: Path, capsys: Capture) -> None:
    (project / "drx.yaml").write_text(CONFIG + RECORDS)
    path = project / "made" / "drx-nightly.yml"
    path.parent.mkdir()
    path.write_bytes(others)
    assert run(["schedule", "github", "--write", "--output", str(path.parent)]) == ExitCode.USAGE
    assert "not written by drx for this service" in capsys.readouterr().err
    assert [each.read_bytes() for each in path.parent.iterdir()] == [others]


def test_workflows_of_a_project_in_a_folder_stand_where_github_looks(project: Path) -> None:
    inner = project / "ops" / "drx"
    inner.mkdir(parents=True)
    (project / ".git").mkdir()
    for name in ("drx.yaml", "runbooks"):
        (project / name).rename(inner / name)
    (inner / "drx.yaml").write_text(CONFIG + RECORDS)
    os.chdir(inner)
    assert run(["schedule", "github", "--write"]) == ExitCode.OK
    workflow = yaml.safe_load((project / ".github" / "workflows" / "drx-nightly.yml").read_text())
    (job,) = workflow["jobs"].values()
    assert job["defaults"]["run"]["working-directory"] == "ops/drx/"
    assert job["steps"][-1]["with"]["path"] == "ops/drx/drills/records"


def test_a_crontab_that_cannot_be_read_is_not_written_over(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    _play_crontab(project, monkeypatch, f'[ "$1" = -l ] || cat > {project}/kept\necho cannot open >&2; exit 1')
    assert run(["schedule", "cron", "--write"]) == ExitCode.USAGE
    assert "the crontab cannot be read: cannot open" in capsys.readouterr().err
    assert not (project / "kept").exists()


@pytest.mark.parametrize(
    ("form", "left", "ended"),
    [
        ("github", [], "commit that they are gone"),
        ("systemd", [], "systemctl stop drx-shop-nightly.timer drx-shop-slices.timer && systemctl daemon-reload"),
        ("kubernetes", ["drx-shop.yaml"], "kubectl delete cronjob drx-shop-nightly drx-shop-slices"),
        ("cron", ["crontab"], ""),
    ],
)
def test_what_the_last_schedule_left_is_stale_and_goes(
    form: str, left: list[str], ended: str, project: Path, capsys: Capture
) -> None:
    folder = project / "made"
    folder.mkdir()
    in_place = ["--output", str(folder / "crontab" if form == "cron" else folder)]
    command = ["schedule", form, *(["--image", "x"] if form == "kubernetes" else []), *in_place]
    (project / "drx.yaml").write_text(CONFIG.partition("schedules:")[0])
    assert run([*command, "--check"]) == ExitCode.OK
    assert run([*command, "--write"]) == ExitCode.OK
    assert [path.read_text() for path in folder.iterdir()] == ([""] if form == "cron" else [])
    (project / "drx.yaml").write_text(CONFIG + RECORDS)
    assert run([*command, "--write"]) == ExitCode.OK
    (project / "drx.yaml").write_text(CONFIG.partition("schedules:")[0])
    assert run([*command, "--check"]) == ExitCode.STALE
    assert run([*command, "--write"]) == ExitCode.OK
    assert ended in capsys.readouterr().out
    assert [path.name for path in folder.iterdir()] == left
    assert run([*command, "--check"]) == ExitCode.OK


@pytest.mark.parametrize("form", [["systemd"], ["kubernetes", "--image", "x"]])
def test_the_files_of_another_service_stay(form: list[str], project: Path) -> None:
    folder = project / "units"
    for service in ("shop-eu", "shop"):
        (project / "drx.yaml").write_text(CONFIG.replace("service: shop", f"service: {service}") + RECORDS)
        assert run(["schedule", *form, "--write", "--output", str(folder)]) == ExitCode.OK
    names = {path.stem.removesuffix("-nightly") for path in folder.iterdir()}
    assert {"drx-shop", "drx-shop-eu"} <= names
    assert run(["schedule", *form, "--check", "--output", str(folder)]) == ExitCode.OK


def test_without_crontab_the_remedy_is_said(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setenv("PATH", "")
    assert run(["schedule", "cron", "--write"]) == ExitCode.USAGE
    assert "add --output FILE" in capsys.readouterr().err


def test_nothing_to_run_and_nothing_of_that_name(project: Path, capsys: Capture) -> None:
    (project / "drx.yaml").write_text(CONFIG.partition("schedules:")[0])
    assert run(["schedule", "show"]) == ExitCode.USAGE
    assert "states no schedules" in capsys.readouterr().err
    (project / "drx.yaml").write_text(CONFIG.replace("run: slices", "run: silces"))
    assert run(["schedule", "cron"]) == ExitCode.INVALID
    assert "silces" in capsys.readouterr().err


def test_this_repository_commits_its_own_workflows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert run(["schedule", "github", "--check"]) == ExitCode.OK


def _play_crontab(project: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = project / "bin" / "crontab"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
