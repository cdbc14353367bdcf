"""Runs of another host: listed and shown from the bucket of records, without a record here."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from drx.cli import app
from drx.errors import ExitCode

CONFIG = """\
service: svc
objectives: {{rto: 2h, rpo: 1h}}
environments:
  lab: {{mongo: {{uri: "mongodb://127.0.0.1:9/?serverSelectionTimeoutMS=100", database: db}}}}
backups: {{primary: {{directory: .}}}}
schedules: [{{run: story, environment: lab, cron: "* * * * *"}}]
records:
  s3: {{bucket: "{bucket}", endpoint: "{endpoint}", access_key_id: test, secret_access_key: "${{RECORDS_KEY}}"}}
"""
RUNBOOK = """\
runbook: story
kind: operation
title: A story
steps:
  - {id: a, title: See that one is one, action: assert.that, with: {actual: 1, equals: 1}, expect: 1s}
"""


@pytest.fixture
def record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_server: str, bucket: str, capsys: pytest.CaptureFixture[str]
) -> Path:
    """The record of a run in `there`, as on another host; the test stands in `here`, a folder of the same service."""
    monkeypatch.setenv("RECORDS_KEY", "any-key-will-do")
    for host in ("here", "there"):
        (tmp_path / host / "runbooks").mkdir(parents=True)
        (tmp_path / host / "drx.yaml").write_text(CONFIG.format(bucket=bucket, endpoint=s3_server))
        (tmp_path / host / "runbooks" / "story.yaml").write_text(RUNBOOK)
    monkeypatch.chdir(tmp_path / "there")
    assert app.run(["run", "story", "--env", "lab", "--unattended"]) == ExitCode.OK
    (record,) = (tmp_path / "there" / "drills" / "records").iterdir()
    monkeypatch.chdir(tmp_path / "here")
    capsys.readouterr()
    return record


def test_a_run_of_another_host_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(["runs"]) == ExitCode.OK
    assert record.name not in capsys.readouterr().out
    assert app.run(["runs", "--elsewhere"]) == ExitCode.OK
    assert record.name in capsys.readouterr().out
    assert app.run(["show", record.name[-4:], "--follow"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "See that one is one" in shown
    assert "SUCCEEDED" in shown
    assert app.run(["show"]) == ExitCode.OK
    assert "See that one is one" in capsys.readouterr().out
    assert app.run(["show", "zzzz"]) == ExitCode.USAGE
    assert "there is no run 'zzzz' in" in capsys.readouterr().err
    assert not (tmp_path / "here" / "drills").exists(), "what is read elsewhere is no record of this host"
    monkeypatch.delenv("RECORDS_KEY")
    assert app.run(["show", "zzzz"]) == ExitCode.INVALID
    assert "RECORDS_KEY is not set" in capsys.readouterr().err
    assert app.run(["run", "story", "--env", "lab", "--unattended"]) == ExitCode.INVALID, "before anything is begun"


def test_status_sees_jobs_that_run_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: str, record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A disk of a runner goes with it: only the bucket tells that the job has run, and that it does not any more."""
    monkeypatch.setattr("drx.cli.status.live._ANSWER_MS", 100)

    def looked(*more: str) -> dict[str, dict[str, object]]:
        capsys.readouterr()
        app.run(["status", "--json", *more])
        return {line["subject"]: line for line in json.loads(capsys.readouterr().out)["lines"]}

    assert not {"missed", "failed", "records"} & set(looked("--prometheus", "drx.prom"))
    assert "drx_job_last_success_timestamp_seconds{" in Path("drx.prom").read_text()
    monkeypatch.setattr("drx.reports.readiness.GRACE", timedelta(hours=-2))
    monkeypatch.setattr("drx.cli.status.status.GRACE", timedelta(hours=-2))
    missed = looked()["missed"]
    assert record.name[11:13] in str(missed["found"])
    (tmp_path / "here" / "drx.yaml").write_text(CONFIG.format(bucket=bucket, endpoint="http://127.0.0.1:1"))
    lost = looked()
    assert "missed" not in lost
    assert lost["records"]["level"] == "unknown"
    assert "127.0.0.1:1" in str(lost["records"]["found"])
    monkeypatch.delenv("RECORDS_KEY")
    assert "RECORDS_KEY is not set" in str(looked()["records"]["found"])
