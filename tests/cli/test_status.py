"""`drx status`: from real files and a real store; what cannot be asked is unknown, never fine."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress
from drx.cli.app import run
from drx.cli.status import readings
from tests.actions.service import Said, Service, serving
from tests.backup.pieces import SERVICE, put_base, put_slice
from tests.terminal import Size, drx

Capture = pytest.CaptureFixture[str]
CONFIG = f"""
service: {SERVICE}
objectives: {{rto: 1h, rpo: 1h}}
environments:
  production: {{protected: true, mongo: {{uri: "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100", database: db}}}}
  other: {{mongo: {{uri: "${{NOT_SET}}", database: db}}}}
backups: {{primary: {{directory: store}}}}
schedules: [{{run: slices, environment: production, cron: "*/30 * * * *"}}]
"""
OUTAGE = "runbook: outage\ntitle: It is down\nsteps: [{id: a, action: mongo.ping, expect: 1s, recovered: true}]\n"
SLICES = "runbook: slices\nkind: operation\ntitle: Slices\nsteps: [{id: a, action: backup.slice, expect: 1s}]\n"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "store").mkdir()
    (tmp_path / "drx.yaml").write_text(CONFIG)
    (tmp_path / "runbooks" / "outage.yaml").write_text(OUTAGE)
    (tmp_path / "runbooks" / "slices.yaml").write_text(SLICES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("drx.cli.status.live._ANSWER_MS", 100)  # nobody answers at that address, however long one waits
    return tmp_path


def looked(capsys: Capture, *arguments: str) -> tuple[int, dict[str, dict[str, object]]]:
    """Exit code and the lines by subject."""
    code = run(["status", "--json", *arguments])
    return code, {line["subject"]: line for line in json.loads(capsys.readouterr().out)["lines"]}


def test_the_stores_say_what_would_be_lost(project: Path, capsys: Capture) -> None:
    store = open_store(DirectoryAddress(project / "store"))
    begin = int((datetime.now(UTC) - timedelta(minutes=40)).timestamp())
    put_base(store, "b1", begin, {"dump/oplog.bson": b"o"})
    put_slice(store, begin, begin + 600)
    code, lines = looked(capsys)
    assert code == 3  # the server does not answer: nobody knows its oplog
    assert lines["RPO"]["level"] == "ok"
    actual = lines["RPO"]["actual_seconds"]
    assert isinstance(actual, float)
    assert 29 * 60 < actual < 32 * 60
    assert lines["oplog"]["level"] == "unknown"
    assert lines["3-2-1"]["level"] == "warning"
    assert lines["RTO outage"]["state"] == "NOT VERIFIED"
    assert str(lines["next"]["found"]).startswith("run slices ")


def test_without_a_backup_it_is_critical(capsys: Capture) -> None:
    code, lines = looked(capsys)
    assert code == 2
    assert lines["RPO"] == {
        "subject": "RPO", "found": "there is no backup", "level": "critical", "remedy": "drx run nightly-backup",
        "state": "", "target_seconds": 3600.0, "actual_seconds": None,
    }  # fmt: skip


def test_a_variable_that_is_not_set_is_unknown_and_the_rest_is_shown(capsys: Capture) -> None:
    code, lines = looked(capsys, "--env", "other")
    assert code == 3
    assert "NOT_SET" in str(lines["RPO"]["found"])
    assert "RTO outage" in lines


def test_many_variables_that_are_not_set_take_one_line(project: Path, capsys: Capture) -> None:
    config = (project / "drx.yaml").read_text().replace("${NOT_SET}", "mongodb://${NOT_SET}:${NOR_THIS}@h/")
    (project / "drx.yaml").write_text(config)
    assert run(["status", "--env", "other"]) == 3
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if line.startswith("RPO ") and " 1h " in line]
    assert line.rstrip().endswith("the variable NOT_SET is not set, and 1 more")
    assert "Mend these: the variable NOT_SET is not set; the variable NOR_THIS is not set" in shown


GROUP = "5f1b2c3d4e5f6a7b8c9d0e1f"
NAIVE = {"id": "a", "status": "completed", "createdAt": "2026-01-01T00:00:00"}
CLUSTER = f"GET /api/atlas/v2/groups/{GROUP}/clusters/prod"


@pytest.fixture
def atlas(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Atlas, as it answers for a cluster that is well, and an environment that names it."""
    now = datetime.now(UTC)
    taken = [
        {"id": str(hours), "status": status, "createdAt": f"{now - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"}
        for hours, status in ((90, "completed"), (3, "completed"), (2, "inProgress"), (5, "failed"))
    ]
    with serving() as service:
        service.routes["POST /api/oauth/token"] = [Said(value={"access_token": "t"})]
        service.routes[CLUSTER] = [
            Said(value={"id": "1", "name": "prod", "stateName": "IDLE", "backupEnabled": True, "pitEnabled": True})
        ]
        service.routes[f"{CLUSTER}/backup/snapshots"] = [Said(value={"results": taken})]
        service.routes[f"{CLUSTER}/backup/schedule"] = [Said(value={"restoreWindowDays": 2, "policies": []})]
        (project / "drx.yaml").write_text(CONFIG.replace(
            "database: db}}\n  other",
            f"database: db}}, atlas: {{project: {GROUP}, cluster: prod, client_id: me, client_secret: \"${{ATLAS}}\", "
            f'api: "{service.url}"}}}}\n  other', 1,
        ))  # fmt: skip
        monkeypatch.setenv("ATLAS", "s3cret-of-atlas")
        monkeypatch.setattr(readings, "PATIENCE_SECONDS", 2.5)
        monkeypatch.setattr("drx.actions.providers.api._FIRST_PAUSE", 0.001)
        yield service


def test_what_atlas_keeps_is_shown(atlas: Service, project: Path, capsys: Capture) -> None:
    line = looked(capsys)[1]["Atlas"]
    assert line["level"] == "ok"
    newest, begins = (datetime.now(UTC) - timedelta(hours=hours) for hours in (3, 48))
    words = (
        str(line["found"]).replace(f"{newest:%Y-%m-%d %H:%M}", "NEWEST").replace(f"{begins:%Y-%m-%d %H:%M}", "SINCE")
    )
    assert words == "newest snapshot NEWEST, 3h ago; any second since SINCE, as Atlas says"
    atlas.routes[CLUSTER] = [
        Said(value={"id": "1", "name": "prod", "stateName": "IDLE", "backupEnabled": True, "pitEnabled": False})
    ]
    run(["status", "--prometheus", str(project / "drx.prom")])
    shown = capsys.readouterr().out
    assert "no second between snapshots can be restored" in shown
    assert "A restore there would lose more than the RPO allows" in shown
    assert "drx_atlas_snapshot_timestamp_seconds{" in (project / "drx.prom").read_text()


@pytest.mark.parametrize(
    ("path", "said", "found"),
    [
        ("", Said(401, {"detail": "You are not authorized"}), "401 Unauthorized: You are not authorized"),
        ("", Said(403, {"detail": "IP address is not on the access list"}), "not on the access list"),
        ("", Said(404, {"detail": "No cluster named prod"}), "No cluster named prod"),
        ("", Said(500), "500 Internal Server Error"),
        ("", Said(302, headers={"Location": "https://elsewhere"}), "302 Found"),
        ("", Said(raw=b"<html>Log in</html>"), "something that is no JSON"),
        ("", Said(value=[]), "a form that drx does not know"),
        ("", Said(cut=True), "it closed the connection"),
        ("", Said(raw=b" " * 1000, drip=True), "answer within"),
        ("/backup/snapshots", Said(value={}), "results: Field required"),
        ("/backup/snapshots", Said(value={"results": [NAIVE]}), "timezone"),
        ("/backup/schedule", Said(value={"restoreWindowDays": 10**12}), "restoreWindowDays"),
        ("/backup/schedule", Said(value={}), "restoreWindowDays: Field required"),
    ],
)  # fmt: skip
def test_what_atlas_does_not_answer_is_not_known(
    atlas: Service, capsys: Capture, path: str, said: Said, found: str
) -> None:
    atlas.routes[CLUSTER + path] = [said]
    line = looked(capsys)[1]["Atlas"]
    assert line["level"] == "unknown"
    assert found in str(line["found"])
    assert line["remedy"]
    assert "s3cret-of-atlas" not in json.dumps(line)


def test_nobody_at_atlas_and_no_key_to_it(
    atlas: Service, project: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = project / "drx.yaml"
    config.write_text(config.read_text().replace(atlas.url, "http://127.0.0.1:9"))
    code, lines = looked(capsys)
    assert (code, lines["Atlas"]["level"]) == (2, "unknown"), "no backup at all weighs more than what is not known"
    assert "127.0.0.1:9" in str(lines["Atlas"]["found"])
    monkeypatch.delenv("ATLAS")
    _, lines = looked(capsys)
    assert lines["Atlas"]["found"] == "the variable ATLAS is not set"
    assert lines["RPO"]["found"] == "there is no backup", "the rest is shown"


def test_without_backups_of_drx_the_rpo_rests_on_atlas(atlas: Service, project: Path, capsys: Capture) -> None:
    config = project / "drx.yaml"
    config.write_text(config.read_text().replace("backups: {primary: {directory: store}}\n", ""))
    code, lines = looked(capsys)
    assert (code, lines["RPO"]["level"], lines["RPO"]["actual_seconds"]) == (1, "ok", None)
    assert str(lines["RPO"]["found"]).startswith("by Atlas alone: newest snapshot ")
    assert "Atlas" not in lines
    assert atlas.calls(f"{CLUSTER}/backup/schedule")


def test_a_job_that_was_missed_here(project: Path, capsys: Capture) -> None:
    long_ago = datetime.now(UTC) - timedelta(hours=5)
    record = project / "drills" / "records" / f"{long_ago:%Y-%m-%dT%H%MZ}-slices-7f3a"
    record.mkdir(parents=True)
    (record / "report.json").write_text('{"run": {"environment": "production", "outcome": "succeeded"}}')
    _, lines = looked(capsys)
    assert lines["missed"]["level"] == "warning"


def test_a_job_that_was_killed_has_failed_once_it_cannot_be_at_work_any_more(project: Path, capsys: Capture) -> None:
    schedule = 'cron: "*/30 * * * *"'
    (project / "drx.yaml").write_text(CONFIG.replace(schedule, 'cron: "0 0 1 1 *", timeout: 1h'))
    for hours, failed in ((3, True), (1, False)):
        at = datetime.now(UTC) - timedelta(hours=hours)
        record = project / "drills" / "records" / f"{at:%Y-%m-%dT%H%MZ}-slices-{hours:04}"
        record.mkdir(parents=True)
        (record / "journal.jsonl").write_text('{"data": {"environment": "production"}}\n')
        lines = looked(capsys)[1]
        assert ("killed" in lines) is failed
        assert not failed or str(lines["killed"]["found"]).endswith("and never ended")


def test_a_job_that_never_ran_is_missed_where_others_are_seen(project: Path, capsys: Capture) -> None:
    """It has been on the schedule since drx.yaml was changed last, at least."""
    (project / "runbooks" / "other.yaml").write_text(SLICES.replace("runbook: slices", "runbook: other"))
    never = '[{run: other, environment: production, cron: "*/30 * * * *"}, '
    (project / "drx.yaml").write_text(CONFIG.replace("schedules: [", f"schedules: {never}"))
    long_ago = (datetime.now(UTC) - timedelta(hours=5)).timestamp()
    os.utime(project / "drx.yaml", (long_ago, long_ago))
    assert "missed" not in looked(capsys)[1], "where no job was ever seen, they run elsewhere"
    record = project / "drills" / "records" / f"{datetime.now(UTC):%Y-%m-%dT%H%MZ}-slices-7f3a"
    record.mkdir(parents=True)
    (record / "report.json").write_text('{"run": {"environment": "production", "outcome": "succeeded"}}')
    missed = looked(capsys)[1]["missed"]
    assert str(missed["found"]).startswith("run other was due ")
    assert str(missed["found"]).endswith("and no run of it was ever seen")
    os.utime(project / "drx.yaml")
    assert "missed" not in looked(capsys)[1], "it was put on the schedule only now"


def test_alone_it_is_the_same_and_an_error_is_unknown(
    project: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run([]) == 2
    shown = capsys.readouterr().out
    assert shown.startswith(f"{SERVICE}, production: NOT READY")
    assert "To do:" in shown
    assert run(["status", "--env", "nowhere"]) == 3
    assert run(["status", "--nothing"]) == 3
    (project / "drx.yaml").write_text("service: [")
    assert run([]) == 3
    monkeypatch.chdir("/")
    assert run([]) == 0
    assert "Usage: drx" in capsys.readouterr().out


def test_files_that_cannot_be_read_hide_nothing_else(project: Path, capsys: Capture) -> None:
    (project / "runbooks" / "bad.yaml").write_text("runbook: bad\nsteps: [\n")
    (project / "drills").mkdir()
    (project / "drills" / "verified.json").write_text("{")
    code, lines = looked(capsys)
    assert code == 2, "that there is no backup is known, and weighs more"
    assert lines["RPO"]["found"] == "there is no backup"
    for subject, words in (
        ("RTO bad", "a value is missing"),
        ("RTO outage", "is not what `drx drill --record` writes"),
    ):
        assert (lines[subject]["level"], lines[subject]["state"]) == ("unknown", "NOT VERIFIED")
        assert words in str(lines[subject]["found"])
        assert lines[subject]["remedy"]
    assert str(lines["next"]["found"]).startswith("run slices")
    (project / "runbooks" / "slices.yaml").write_text("[")
    _, lines = looked(capsys)
    assert lines["next"]["level"] == "unknown"
    assert str(lines["next"]["found"]).startswith("the schedules cannot be read: ")


@pytest.mark.parametrize(
    ("name", "said"), [("", "Invalid value for '--env': it is empty"), ("PRODUCTIN", "Did you mean 'production'?")]
)
def test_an_environment_that_nobody_meant_is_never_guessed(capsys: Capture, name: str, said: str) -> None:
    assert run(["status", "--env", name]) == 3
    assert said in capsys.readouterr().err


def test_a_screen_holds_it_and_cuts_nothing(project: Path, size: Size) -> None:
    long = "outage-of-payment-provider"
    (project / "runbooks" / f"{long}.yaml").write_text(OUTAGE.replace("runbook: outage", f"runbook: {long}"))
    terminal = drx(project, "status", size=size)
    assert terminal.end() == 2
    shown = terminal.text
    assert shown.startswith(f"{SERVICE}, production: NOT READY")
    assert "…" not in shown
    for words in ("there is no backup", f"drx drill {long} --record", "next ", "run slices 20"):
        assert words in shown, shown
    assert shown.count("NOT VERIFIED") == 2
    terminal.see(
        "Something broken right now?   drx run --env production   choose by symptom\n"
        "Practise:                     drx drill outage\n"
    )


def test_metrics_are_written_for_a_collector_to_read(project: Path, capsys: Capture) -> None:
    store = open_store(DirectoryAddress(project / "store"))
    put_base(store, "b1", int((datetime.now(UTC) - timedelta(minutes=40)).timestamp()), {"dump/oplog.bson": b"o"})
    file = project / "drx.prom"
    assert run(["status", "--prometheus", str(file)]) == 3
    assert 'drx_readiness_level{service="svc",environment="production"} 3.0' in file.read_text().splitlines()
    assert "drx_restore_window_end_timestamp_seconds{" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o644
    capsys.readouterr()
    assert run(["status", "--prometheus", str(project / "no" / "drx.prom")]) == 3
    assert "there is no folder" in capsys.readouterr().err
