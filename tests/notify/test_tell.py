"""Messages to a real server: what arrives, what is said where it does not, and what is never said."""

import json
import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drx.config import read_config
from drx.config.model import About
from drx.engine.events import NotificationFailed, NotificationHeld, NotificationSent, Notified
from drx.notify.tell import Teller
from drx.reports.notices import Notice, of_readiness
from drx.reports.readiness import CUT_OFF, Due, Readiness, Stores, judge_jobs, judge_rpo
from tests.notify.listening import Listener

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
RUN = "2026-11-21T1200Z-nightly-backup-7f3a"
FAILED = Notice(
    About.FAILURE, "nightly-backup", "production", "nightly-backup in production: FAILED",
    ("The disk is full.",), "Make room", NOON, RUN, "drills/records/x/report.md",
)  # fmt: skip
HEAD = """
service: pixelcraft
objectives: {rto: 2h, rpo: 1h}
environments: {production: {protected: true}, staging: {}, practice: {sandbox: true}}
"""
TOKEN = "T0/B0/s3cr3t-token"


def _teller(folder: Path, rest: str, environ: Mapping[str, str] | None = None) -> Teller:
    config = read_config(f"{HEAD}{rest}".encode(), "drx.yaml", folder)
    return Teller(config, environ or {}, folder / "notified.json")


def _kinds(facts: object) -> list[type]:
    assert isinstance(facts, tuple)
    return [type(fact) for fact in facts]


def test_a_web_hook_hears_what_where_and_what_next(tmp_path: Path, listener: Listener) -> None:
    url = "report_url: '${RECORDS}/{run}/report.html'"
    environ = {"HOOK": f"{listener.url}/{TOKEN}", "RECORDS": "https://records.example"}
    teller = _teller(tmp_path, f"notify: {{on_failure: ['${{HOOK}}'], {url}}}", environ)
    (sent,) = teller.tell(FAILED)
    assert sent == NotificationSent("failure", "web hook 127.0.0.1")
    ((path, body),) = listener.came
    assert path == f"/{TOKEN}"
    said = json.loads(body)
    assert said["text"] == (
        "pixelcraft: nightly-backup in production: FAILED\nThe disk is full.\nWhat to do: Make room.\n"
        f"Report: https://records.example/{RUN}/report.html"
    )
    assert (said["about"], said["job"], said["environment"]) == ("failure", "nightly-backup", "production")


def test_without_an_address_of_reports_a_message_names_file_and_host(tmp_path: Path, listener: Listener) -> None:
    _teller(tmp_path, f"notify: {{on_failure: ['{listener.url}']}}").tell(FAILED)
    assert f"Report: {Path.cwd()}/drills/records/x/report.md on {socket.gethostname()}" in listener.came[0][1]


def test_what_keeps_failing_is_told_once_and_a_switch_hears_of_it_every_time(
    tmp_path: Path, listener: Listener
) -> None:
    schedule = f"{{run: nightly-backup, environment: production, cron: '0 3 * * *', ping: '{listener.url}/ping?x=1'}}"
    teller = _teller(tmp_path, f"schedules: [{schedule}]\nnotify: {{on_failure: ['{listener.url}/hook']}}")
    told: list[Notified] = []
    for hour in range(3):
        told += teller.tell(replace(FAILED, at=NOON + timedelta(hours=hour)))
    assert sorted(listener.paths) == ["/hook", *["/ping/fail?x=1"] * 3]
    assert [type(fact) for fact in told].count(NotificationHeld) == 2
    teller.tell(replace(FAILED, about=About.START))
    teller.tell(replace(FAILED, about=About.SUCCESS))
    assert listener.paths[-2:] == ["/ping/start?x=1", "/ping?x=1"]
    teller.tell(replace(FAILED, environment="staging", about=About.SUCCESS))
    assert len(listener.came) == 6, "a success elsewhere is no sign of life"


@pytest.mark.parametrize(
    ("channel", "about", "environment", "heard"),
    [
        ("", About.FAILURE, "production", True),
        ("", About.FAILURE, "practice", False),
        (", environments: [practice]", About.FAILURE, "practice", True),
        (", environments: [practice]", About.FAILURE, "production", False),
        ("", About.SUCCESS, "production", False),
        ("", About.HUMAN_NEEDED, "production", True),
        (", on: [start, success]", About.SUCCESS, "production", True),
        (", on: [start, success]", About.FAILURE, "production", False),
    ],
)
def test_a_channel_hears_what_it_asks_for(
    tmp_path: Path, listener: Listener, channel: str, about: About, environment: str, heard: bool
) -> None:
    teller = _teller(tmp_path, f"notify: {{channels: [{{url: '{listener.url}'{channel}}}]}}")
    teller.tell(replace(FAILED, about=about, environment=environment))
    assert bool(listener.came) is heard


def test_who_never_answers_is_not_waited_for_and_nobody_else_suffers(tmp_path: Path, listener: Listener) -> None:
    listener.hangs = True
    urls = f"'{listener.url}/{TOKEN}', 'http://127.0.0.1:9/{TOKEN}', '${{MISSING}}'"
    teller = _teller(tmp_path, f"notify: {{on_failure: [{urls}], timeout: 200ms}}")
    failed = teller.tell(FAILED)
    assert _kinds(failed) == [NotificationFailed] * 3
    errors = [fact.error for fact in failed if isinstance(fact, NotificationFailed)]
    assert "within 0.2s" in errors[0]
    assert errors[1:] == ["it cannot be reached: Connection refused", "the variable MISSING is not set"]
    assert TOKEN not in repr(failed)
    assert not (tmp_path / "notified.json").exists(), "nobody has heard of it, so the next failure is told at once"


def test_a_refusal_is_said_with_its_status(tmp_path: Path, listener: Listener) -> None:
    listener.status = 404
    (failed,) = _teller(tmp_path, f"notify: {{on_failure: ['{listener.url}']}}").tell(FAILED)
    assert failed == NotificationFailed("failure", "web hook 127.0.0.1", "it answered 404 Not Found")


@pytest.mark.parametrize(
    "damage", ['["{', '{"failure nightly production": {"at": "yesterday", "held": 0}}', '{"x": {"at": 1, "held": 0}}']
)
def test_a_damaged_memory_is_an_empty_one(tmp_path: Path, listener: Listener, damage: str) -> None:
    (tmp_path / "notified.json").write_text(damage)
    teller = _teller(tmp_path, f"notify: {{on_failure: ['{listener.url}']}}")
    assert _kinds(teller.tell(FAILED)) == [NotificationSent]
    assert _kinds(teller.tell(FAILED)) == [NotificationHeld]


def test_a_memory_whose_times_lost_their_zone_is_read_in_utc(tmp_path: Path, listener: Listener) -> None:
    teller = _teller(tmp_path, f"notify: {{on_failure: ['{listener.url}']}}")
    teller.tell(FAILED)
    memory = tmp_path / "notified.json"
    memory.write_text(memory.read_text().replace("+00:00", ""))
    assert _kinds(teller.tell(FAILED)) == [NotificationHeld]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_apprise_sends_to_what_it_knows(tmp_path: Path, listener: Listener, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("apprise", reason="the extra 'notify' is not installed")
    address = listener.url.replace("http://", "json://")
    urls = f"{{url: '{address}/{TOKEN}'}}, {{url: 'nonsense://{TOKEN}'}}, {{url: '{address}/gone'}}"
    teller = _teller(tmp_path, f"notify: {{channels: [{urls}]}}")
    sent = teller.tell(FAILED)
    assert _kinds(sent) == [NotificationSent, NotificationFailed, NotificationSent]
    assert json.loads(dict(listener.came)[f"/{TOKEN}"])["title"] == "pixelcraft: nightly-backup in production: FAILED"
    listener.status = 500
    failed = teller.tell(replace(FAILED, job="other"))
    assert _kinds(failed) == [NotificationFailed] * 3
    assert TOKEN not in repr((sent, failed))
    assert TOKEN not in "".join(capfd.readouterr())


def test_readiness_tells_of_missed_and_killed_jobs_and_a_broken_rpo_only() -> None:
    due = NOON - timedelta(hours=2)
    jobs = judge_jobs([
        Due("run nightly-backup", None, due, due - timedelta(days=1)),
        Due("run hourly-incremental", None, due, due, "failed"),
        Due("run restore-test", None, due, due, CUT_OFF, last_run="r-7f3a"),
    ])  # fmt: skip
    rpo = judge_rpo(timedelta(hours=1), Stores(NOON - timedelta(days=1), due), NOON, slices="hourly-incremental")
    missed, killed, objective = of_readiness(Readiness("pixelcraft", "production", NOON, (*jobs, rpo)))
    assert (missed.about, missed.job) == (About.MISSED, "run nightly-backup")
    assert "was due 2026-11-21 10:00" in missed.title
    assert (killed.about, killed.job, killed.remedy) == (
        About.FAILURE,
        "run restore-test",
        "Look at that run: drx show r-7f3a",
    )
    assert (objective.about, objective.remedy) == (About.OBJECTIVE_MISSED, "drx run hourly-incremental")
