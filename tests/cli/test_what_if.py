"""`drx plan --what-if`: from the files of a project, the same answer on every day."""

from pathlib import Path

import pytest

from drx.cli.app import run
from drx.errors import ExitCode

Capture = pytest.CaptureFixture[str]
CONFIG = """
service: shop
objectives: {rto: 2h, rpo: 1h}
environments: {production: {protected: true, mongo: {uri: "${DATABASE_URL}", database: shop}}}
backups: {primary: {directory: store}, copies: [{directory: copy}]}
schedules:
  - {run: slices, environment: production, cron: "5,35 * * * *"}
  - {run: copies, environment: production, cron: "0 3 * * *"}
"""
SLICES = "runbook: slices\nkind: operation\ntitle: S\nsteps: [{id: a, action: backup.slice, expect: 1s, timeout: 2m}]\n"
COPIES = "runbook: copies\nkind: operation\ntitle: C\nsteps: [{id: a, action: backup.copy, expect: 5m}]\n"
OUTAGE = """
runbook: outage
title: It is down
steps:
  - {id: tell, confirm: Tell them., expect: 10m}
  - id: both
    parallel:
      quick: [{id: ping, action: mongo.ping, expect: 1m}]
      slow:
        - id: restore
          action: mongo.restore
          with: {into: new}
          expect: 40m
          rollback: {action: mongo.drop, with: {database: new}}
  - {id: up, action: mongo.ping, expect: 1m, recovered: true}
  - {id: after, confirm: Clean up., expect: 5h}
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "drx.yaml").write_text(CONFIG)
    for name, text in (("slices", SLICES), ("copies", COPIES), ("outage", OUTAGE)):
        (tmp_path / "runbooks" / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(question: str, capsys: Capture) -> str:
    assert run(["plan", "--what-if", question]) == ExitCode.OK
    return " ".join(capsys.readouterr().out.split())


def test_what_is_lost_by_schedule(capsys: Capture) -> None:
    shown = answer("rpo=1h", capsys)
    assert "| the database server | 32m | slices runs every 30m, and may take 2m | yes |" in shown
    assert "| the server and the primary store | 1d | copies runs every 1d, and may take 5m | NO |" in shown
    assert "Run copies more often" in shown
    assert "Run slices more often" not in shown


@pytest.mark.parametrize(("question", "line"), [("rpo=10m", '"*/5 * * * *"'), ("rpo=25m", '"*/12 * * * *"')])
def test_the_line_of_drx_yaml_that_would_do(question: str, line: str, capsys: Capture) -> None:
    assert f"- {{run: slices, environment: production, cron: {line}}}" in answer(question, capsys)


@pytest.mark.parametrize("question", ["rpo=0", "rpo=0s", "rpo=0.5ms", "rpo=59s"])
def test_no_schedule_is_fast_enough_for_nothing_lost(question: str, capsys: Capture) -> None:
    shown = answer(question, capsys)
    assert "No schedule is that fast" in shown
    assert (
        "a write counts once it is elsewhere too | twice the infrastructure: a second set of servers | this one"
        in shown
    )


def test_what_another_rto_takes(capsys: Capture) -> None:
    assert "- `outage`: drill it." in answer("rto=1h", capsys)
    shown = answer("rto=45m", capsys)
    assert "6m too long. Its longest steps: `restore` 40m, `tell` 10m" in shown
    assert "let fewer things wait for people" in shown
    assert "what it restores has to stand ready" in answer("rto=30m", capsys)


def test_ways_that_exclude_each_other_are_not_added_up(project: Path, capsys: Capture) -> None:
    way = "{type: choice, choices: [quick, slow], ask: Which?}"
    steps = "".join(
        f"  - {{id: {name}, confirm: Do it., expect: {expect}, when: \"inputs.way == '{name}'\"}}\n"
        for name, expect in (("quick", "50m"), ("slow", "80m"))
    )
    up = "  - {id: up, action: mongo.ping, expect: 1m, recovered: true}\n"
    text = f"runbook: outage\ntitle: Down\ninputs: {{way: {way}}}\nsteps:\n{steps}{up}"
    (project / "runbooks" / "outage.yaml").write_text(text)
    shown = answer("rto=1h", capsys)
    assert "`outage`: 21m too long. Its longest steps: `slow` 1h 20m, `up` 1m; people have 1h 20m of it." in shown


def test_a_nightly_base_is_enough_where_two_days_may_be_lost(project: Path, capsys: Capture) -> None:
    bases = "runbook: slices\nkind: operation\ntitle: B\nsteps: [{id: a, action: backup.base, expect: 1h}]\n"
    (project / "runbooks" / "slices.yaml").write_text(bases)
    (project / "drx.yaml").write_text(CONFIG.replace("5,35 * * * *", "0 2 * * *"))
    assert "change: - Nothing. Ways" in answer("rpo=2d", capsys)
    assert "Archive the oplog by schedule" in answer("rpo=24h", capsys)


def test_without_schedules_everything_is_lost(project: Path, capsys: Capture) -> None:
    (project / "drx.yaml").write_text(CONFIG.partition("schedules:")[0])
    shown = answer("rpo=1h", capsys)
    assert "| the database server | everything | nothing is scheduled | NO |" in shown
    assert "Archive the oplog by schedule" in shown


@pytest.mark.parametrize("question", ["rpo", "rpo=5", "speed=5m", "=5m", "rto=-1m", "rpo=soon", "rto=99999999999d"])
def test_what_is_no_question(question: str, capsys: Capture) -> None:
    assert run(["plan", "--what-if", question]) == ExitCode.USAGE
    assert "what-if rpo=5m" in capsys.readouterr().err


def test_uploads_that_are_too_far_behind_are_not_answered_by_nothing(project: Path, capsys: Capture) -> None:
    uploads = "runbook: uploads\nkind: operation\ntitle: U\nsteps: [{id: a, action: s3.backup, expect: 1h}]\n"
    (project / "runbooks" / "uploads.yaml").write_text(uploads)
    target = "uploads: {bucket: shop}, mongo:"
    config = CONFIG.replace("mongo:", target, 1) + '  - {run: uploads, environment: production, cron: "0 3 * * *"}\n'
    (project / "drx.yaml").write_text(config)

    shown = answer("rpo=24h10m", capsys)

    assert "| the uploads bucket | 1d 1h | uploads runs every 1d, and may take 1h | NO |" in shown
    assert "The uploads are 1d 1h behind at worst: run uploads more often" in shown
    assert "Nothing." not in shown
    assert "- Nothing." in answer("rpo=2d", capsys)
