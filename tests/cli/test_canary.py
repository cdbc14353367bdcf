"""One test over all commands: a secret planted in every setting never comes out again, whatever a command does."""

import base64
import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import boto3
import pytest
import typer
from pymongo import MongoClient
from typer.core import TyperGroup

from drx.backup.oplog import capture
from drx.cli import app
from drx.errors import ExitCode
from tests.notify.listening import Listener, listening

CANARY = {
    name: f"Kanarie{name}/7+{number}x%Vogel"
    for number, name in enumerate(
        (
            "MongoPassword",
            "Uploads",
            "Primary",
            "Copy",
            "Records",
            "Atlas",
            "Token",
            "Hook",
            "Locked",
            "Trace",
            "Host",
            "Dns",
            "Apprise",
            "User",
            "Vault",
            "Unescaped",
        )
    )
}
CONFIG = """\
service: svc
objectives: {{rto: 2h, rpo: 1h}}
secret_command: [{root}/print-secret]
secret_variables: [VAULT]
environments:
  lab:
    mongo: {{uri: "${{MONGO}}", database: "{database}"}}
    uploads: {{bucket: "{bucket}", {key}, secret_access_key: "${{UPLOADS}}"}}
    atlas:
      {{project: "{zeros}", cluster: c, client_id: i, client_secret: "${{ATLAS}}", api: "http://127.0.0.1:1"}}
    github: {{repository: a/b, token: "secret:token", api: "http://127.0.0.1:1"}}
    host: {{provider: railway, project: p, environment: e, service: s, project_token: "${{HOST}}", api: "http://127.0.0.1:1"}}
    dns: {{provider: cloudflare, zone: z, records: [a.example], token: "${{DNS}}", api: "http://127.0.0.1:1"}}
    health_url: http://127.0.0.1:1/
  locked: {{mongo: {{uri: "${{LOCKED}}", database: db}}}}
  odd: {{mongo: {{uri: "${{UNESCAPED}}", database: db}}}}
  production: {{protected: true, mongo: {{uri: "${{LOCKED}}", database: db}}}}
backups:
  primary: {{s3: {{bucket: "{bucket}", prefix: one/, {key}, secret_access_key: "${{PRIMARY}}"}}}}
  copies:
    - {{s3: {{bucket: "{bucket}", prefix: two/, {key}, secret_access_key: "file:copy.key"}}}}
records: {{s3: {{bucket: "{bucket}", prefix: three/, {key}, secret_access_key: "${{RECORDS}}"}}}}
contacts: {{channel: "#ops"}}
notify:
  on_failure: ["${{HOOK}}"]
  channels:
    - {{url: "${{APPRISE}}", on: [start, success, failure, objective_missed, human_needed, missed]}}
    - {{url: "${{LISTENING}}", on: [start, success, failure, objective_missed, human_needed, missed]}}
  timeout: 1s
schedules:
  - {{run: leak, environment: lab, cron: "0 3 * * *", ping: "${{HOOK}}"}}
"""
LEAK = """\
runbook: leak
kind: operation
title: Says all that it knows
steps:
  - id: say
    title: Print every variable, plain and in base64
    action: shell.run
    with: {command: [sh, say-all]}
    expect: 1s
    on_failure: continue
  - id: token
    title: Print what only one environment knows
    when: "{{ target.name == 'lab' }}"
    action: shell.run
    with: {command: [./print-secret, token], env: {TOKEN: "{{ target.github.token }}"}}
    expect: 1s
  - id: page
    title: Keep the page as it is while the run goes on
    action: shell.run
    with: {command: [sh, -c, "sleep 0.5; cat drills/records/*-leak-*/report.html > live.html"]}
    expect: 1s
    on_failure: continue
  - {id: ask, title: Ask the database, action: mongo.ping, expect: 1s}
  - {id: base, title: Take a base, action: backup.base, expect: 1s}
  - id: break
    title: Fail with everything
    action: shell.run
    with: {command: [sh, -c, "env >&2; exit 3"]}
    expect: 1s
    on_failure: continue
"""
SAY_ALL = """\
env
for name in MONGO UPLOADS PRIMARY RECORDS ATLAS HOOK HOST DNS APPRISE VAULT UNESCAPED; do
  printenv $name | base64 -w0; echo
done
cat copy.key
"""
KEYS = """\
runbook: keys
kind: operation
title: Uses the keys to everything
steps:
  - {id: keys, title: Use them, action: secrets.check, expect: 1s, timeout: 3s, on_failure: continue}
"""
STORY = """\
runbook: story
title: Asks
steps:
  - {id: ask, confirm: "Is it so?", expect: 1s, unattended: skip}
review: [What was it?]
"""
DRILL = """\
drill: story
runbook: story
environment: lab
fault: {action: assert.that, with: {actual: 1, equals: 1}}
"""
EVERY: tuple[tuple[str, ...], ...] = (
    ("check",), ("actions",), ("actions", "mongo.restore"), ("schema", "runbook"), ("trust", "lab", "--yes"),
    ("trust", "locked", "--yes"), ("status",), ("status", "--json", "--env", "lab"), ("status", "--env", "locked"),
    ("status", "--env", "lab", "--prometheus", "drx.prom"), ("status", "--env", "lab", "--notify"),
    ("run", "leak", "--env", "lab", "--unattended"),
    ("run", "leak", "--env", "lab", "--unattended", "--log-format", "json"),
    ("run", "leak", "--env", "locked", "--unattended"), ("run", "story", "--env", "production", "--unattended"),
    ("run", "story", "--env", "lab"), ("run", "leak", "--env", "lab", "--unattended", "--input", "x=y"),
    ("run", "keys", "--env", "lab", "--unattended"), ("run", "leak", "--env", "lab", "--dry-run"),
    ("run", "leak", "--env", "lab", "--dry-run", "--unattended"), ("run", "story", "--env", "lab", "--tabletop"),
    ("drill", "story", "--env", "lab"), ("drill", "story", "--env", "production"), ("resume",), ("resume", "{run}"),
    ("show",), ("show", "{run}", "--json"), ("runs",), ("runs", "--elsewhere"), ("approve", "{run}", "ask"),
    ("note", "{run}", "the bird sings"), ("review", "{run}"), ("report", "{run}"), ("report", "--help"),
    ("audit", "{run}"), ("audit", "{run}", "--json"), ("export", "{run}", "evidence.tar.gz"),
    ("sign", "{run}", "--key", "missing.key"), ("plan", "--env", "lab"), ("plan", "--env", "production"),
    ("backups", "list", "--env", "lab"), ("backups", "list", "--env", "locked"),
    ("backups", "show", "base", "--env", "lab"),
    ("backups", "window", "--env", "lab"), ("backups", "events", "--env", "lab"), ("backups", "copies", "--env", "lab"),
    ("backups", "copies", "--env", "locked"), ("backups", "verify", "--env", "lab", "--unattended"),
    ("backups", "prune", "--dry-run", "--env", "lab"), ("backups", "prune", "--env", "lab", "--unattended"),
    ("mongo", "restore", "nowhere", "--env", "lab", "--unattended"), ("sandbox", "status"), ("sandbox", "up", "--help"),
    ("sandbox", "down"), ("schedule", "show"), ("schedule", "cron"), ("schedule", "systemd"), ("schedule", "github"),
    ("schedule", "kubernetes"), ("schedule", "kubernetes", "--image", "x"), ("notify", "test"), ("init",),
)  # fmt: skip
"""Every command, in ways that work and in ways that fail."""


@pytest.fixture
def root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mongo_server: str, s3_server: str, bucket: str
) -> Iterator[Path]:
    """A project that holds a secret wherever one can stand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(capture, "_SETTLED_SECONDS", 0.1)
    database = f"canary_{os.getpid()}"
    config = CONFIG.format(
        root=tmp_path,
        database=database,
        bucket=bucket,
        key=f'endpoint: "{s3_server}", access_key_id: test',
        zeros="0" * 24,
    )
    for name, text in {
        "drx.yaml": config, "copy.key": CANARY["Copy"], "runbooks/leak.yaml": LEAK, "runbooks/story.yaml": STORY,
        "runbooks/keys.yaml": KEYS,
        "drills/story.yaml": DRILL, "say-all": SAY_ALL,
        "print-secret": f"#!/bin/sh\nprintf %s '{CANARY['Token']}'\n",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "print-secret").chmod(0o700)
    hidden = quote(CANARY["MongoPassword"], safe="")
    monkeypatch.setenv("MONGO", f"{mongo_server}&authMechanismProperties=AWS_SESSION_TOKEN:{hidden}")
    monkeypatch.setenv(
        "LOCKED", f"mongodb://kay:{quote(CANARY['Locked'], safe='')}@127.0.0.1:1/?serverSelectionTimeoutMS=50"
    )
    monkeypatch.setenv(
        "APPRISE", f"jsons://{quote(CANARY['User'], safe='')}:{quote(CANARY['Apprise'], safe='')}@127.0.0.1:1/"
    )
    monkeypatch.setenv("UNESCAPED", f"mongodb://kay:{CANARY['Unescaped']}@127.0.0.1:1/db")
    for name in ("Uploads", "Primary", "Records", "Atlas", "Host", "Dns", "Vault"):
        monkeypatch.setenv(name.upper(), CANARY[name])
    monkeypatch.setenv("HOOK", f"https://127.0.0.1:1/{quote(CANARY['Hook'], safe='')}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"api-key={quote(CANARY['Trace'], safe='')}")
    with MongoClient[dict[str, Any]](mongo_server) as client:
        client[database].images.insert_one({"_id": 1})
        yield tmp_path
        client.drop_database(database)


def leaves(path: str, command: object) -> Iterator[str]:
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from leaves(f"{path} {name}".strip(), inner)
    else:
        yield path


def forms(secret: str) -> set[bytes]:
    """A secret as it might come out: plain, in an address, in base64 wherever it begins."""
    coded = {
        base64.b64encode(b"x" * shift + secret.encode())[4 if shift else 0 : -4].lstrip(b"=") for shift in range(3)
    }
    return {secret.encode(), quote(secret, safe="").encode(), *coded}


def found_in(data: bytes) -> set[str]:
    return {name for name, secret in CANARY.items() if any(form in data for form in forms(secret))}


def test_every_command_is_tried() -> None:
    known = set(leaves("", typer.main.get_command(app.make_app())))
    tried = {" ".join(arguments[:2]) if " ".join(arguments[:2]) in known else arguments[0] for arguments in EVERY}
    assert tried == known, "a new command has to stand in EVERY"


def test_the_search_finds_what_it_looks_for() -> None:
    secret = CANARY["Primary"]
    assert found_in(f"... {secret} ...".encode()) == {"Primary"}
    for shift in range(3):
        assert found_in(base64.b64encode(b"y" * shift + f"{secret}\n".encode())) == {"Primary"}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """What runs send as traces and as messages arrives there."""
    with listening() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        monkeypatch.setenv("LISTENING", f"{made.url}/told")
        yield made


@pytest.mark.slow
def test_no_secret_ever_comes_out(
    root: Path, capfd: pytest.CaptureFixture[str], s3_server: str, bucket: str, collector: Listener
) -> None:
    planted = {path for path in root.rglob("*") if path.is_file()}
    codes = {}
    for arguments in EVERY:
        newest = max((path.name for path in (root / "drills" / "records").glob("2*leak*")), default="none")
        given = [each.format(run=newest) for each in arguments]
        codes[arguments] = app.run(given)
        shown = capfd.readouterr()
        assert found_in((shown.out + shown.err).encode()) == set(), given
        assert "Traceback" not in shown.err
        assert codes[arguments] != ExitCode.BUG, (given, shown.err)
    assert codes[("run", "leak", "--env", "lab", "--unattended")] == ExitCode.OK, "the secrets were read, and used"
    for path in root.rglob("*"):
        if path.is_file() and path not in planted:
            assert found_in(path.read_bytes()) == set(), path
    with tarfile.open(root / "evidence.tar.gz") as archive:
        for member in archive:
            content = archive.extractfile(member)
            assert content is None or found_in(content.read()) == set(), member.name
    _hold_bucket(s3_server, bucket)
    assert {"/told", "/v1/traces"} <= set(collector.paths)
    assert all(found_in(body) == set() for body in collector.bodies)
    assert b"<html" in (root / "live.html").read_bytes(), "the page of a run that goes on was looked at, too"
    journal = next((root / "drills" / "records").glob("2*leak*/journal.jsonl")).read_text()
    assert journal.count("***") > 5, "the runbook did say them"


def _hold_bucket(endpoint: str, bucket: str) -> None:
    s3 = boto3.client(
        "s3", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    keys = [str(found["Key"]) for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
            for found in page.get("Contents", ())]  # fmt: skip
    assert any(re.match("three/svc/records/", key) for key in keys)
    for key in keys:
        assert found_in(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) == set(), key
    s3.close()
