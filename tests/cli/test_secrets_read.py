"""What the journal and the report say of the secrets that a run has read: where they came from, never what they are."""

from pathlib import Path

import pytest

from drx.cli.app import run
from drx.engine.events import RunResumed, SecretsRead
from drx.errors import ExitCode
from drx.journal import JOURNAL, read_journal

PASSWORD = "c0rrect-h0rse"
CONFIG = """\
service: shop
objectives: {rto: 2h, rpo: 1h}
secret_command: [./ask]
environments:
  lab: {mongo: {uri: "${URI}", database: shop}, github: {repository: a/b, token: "secret:hub"}}
  staging: {mongo: {uri: "${STAGING}", database: shop}}
"""
RUNBOOK = """\
runbook: twice
kind: operation
title: Three checks
steps:
  - {id: one, action: assert.that, with: {actual: "{{ target.mongo.database }}", equals: shop}, expect: 1s}
  - {id: half, action: assert.that, with: {actual: "{{ target.github.repository }}", equals: a/b}, expect: 1s}
  - {id: two, action: assert.that, with: {actual: 2, equals: 2}, expect: 1s}
"""


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The record of a run in `lab`."""
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "drx.yaml").write_text(CONFIG)
    (tmp_path / "runbooks" / "twice.yaml").write_text(RUNBOOK)
    (tmp_path / "ask").write_text(f"#!/bin/sh\nprintf %s '{PASSWORD}'\n")
    (tmp_path / "ask").chmod(0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("URI", f"mongodb://drx:{PASSWORD}@127.0.0.1:9/")
    monkeypatch.setenv("STAGING", f"mongodb://drx:{PASSWORD}@127.0.0.1:9/")
    assert run(["run", "twice", "--env", "lab", "--unattended"]) == ExitCode.OK
    (found,) = (tmp_path / "drills" / "records").iterdir()
    return found


def _read(record: Path) -> list[SecretsRead]:
    return [event.fact for event in read_journal(record / JOURNAL) if isinstance(event.fact, SecretsRead)]


def test_a_run_says_where_its_secrets_came_from(record: Path) -> None:
    (read,) = _read(record)
    assert read.used == {
        "environments.lab.mongo.uri": "variable URI",
        "environments.lab.github.token": "secret hub, by ./ask",
    }
    assert read.hidden == {"environments.staging.mongo.uri": "variable STAGING"}
    report = " ".join((record / "report.md").read_text().split())
    assert "| secrets read | secret hub, by ./ask, variable URI |" in report
    assert "| secrets to hide | variable STAGING |" in report
    assert PASSWORD.encode() not in b"".join(path.read_bytes() for path in record.rglob("*") if path.is_file())


def test_whoever_goes_on_with_it_says_so_again(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (record / JOURNAL).read_bytes().splitlines(keepends=True)
    cut = next(number for number, line in enumerate(lines) if b'"step":"two"' in line)
    (record / JOURNAL).write_bytes(b"".join(lines[:cut]))
    monkeypatch.delenv("STAGING")
    assert run(["resume", "--unattended"]) == ExitCode.OK
    assert any(isinstance(event.fact, RunResumed) for event in read_journal(record / JOURNAL))
    first, second = _read(record)
    assert first.used.keys() == second.used.keys()
    assert second.hidden == {}, "it was not there to be read any more"
