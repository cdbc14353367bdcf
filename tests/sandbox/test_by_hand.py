"""The commands that the plan gives for the day when drx is gone do what they say, against the sandbox's real servers.

MongoDB's own dump tools are not to be had from the registries that the tests install from: stand-ins (dump_tools.py)
take their options, and refuse what the true ones refuse.
"""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from drx.cli.plan import make_plan
from drx.cli.project import load_project
from drx.config import load_config, resolve_target
from drx.reports.plan.shapes import PlanRunbook, PlanStep, RecoveryPlan
from drx.sandbox.buckets import connect_s3
from drx.sandbox.processes import wait_until
from drx.sandbox.state import ACCESS_KEY, DATABASE, SECRET_KEY, UPLOADS_BUCKET, SandboxState, host_directory
from tests.actions.context import FakeContext, run
from tests.sandbox.conftest import get
from tests.servers import mongo

ROOT = Path(__file__).parents[2]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    *(
        pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")
        for tool in ("aws", "curl", "jq")
    ),
]
needs_mongosh = pytest.mark.skipif(shutil.which("mongosh") is None, reason="npm install --global mongosh")
CONFIG = """
service: pixelcraft
objectives: {{rto: 2h, rpo: 1h}}
environments:
  production:
    mongo: {{uri: "{state.mongo_uri}", database: pixelcraft}}
    uploads: {{bucket: pixelcraft-uploads, endpoint: "{endpoint}", access_key_id: test, secret_access_key: "${{TEST}}"}}
    host: {{provider: local, directory: "{host}"}}
    health_url: "{state.app_url}/healthz"
backups:
  primary:
    s3: {{bucket: pixelcraft-backups, prefix: "{prefix}", endpoint: "{endpoint}", access_key_id: test,
         secret_access_key: "${{TEST}}"}}
  copies: [{{directory: copy}}]
"""


@dataclass
class Desk:
    """A shell on somebody's desk, with the plan beside it."""

    plan: RecoveryPlan
    folder: Path
    state: SandboxState
    store: str

    def step(self, runbook: str, step: str) -> PlanStep:
        """The step as the plan shows it."""
        found: PlanRunbook = next(each for each in (*self.plan.scenarios, *self.plan.operations) if each.id == runbook)
        return next(each for each in flat((*found.prechecks, *found.steps)) if each.id == step)

    def types(self, command: str, **exported: str) -> str:
        """Type a command as it stands, after the block of variables; what it prints."""
        variables = {name: value for name, value, _ in self.plan.exports} | {"MONGO_URI": self.state.mongo_uri}
        environment = {
            **os.environ, **variables, **exported, "AWS_ENDPOINT_URL_S3": self.state.s3["us-east-1"],
            "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_PAGER": "",
        }  # fmt: skip
        script = "\n".join(("set -euo pipefail", *self.plan.functions, command))
        done = subprocess.run(
            ["bash", "-c", script], cwd=self.folder, env=environment, capture_output=True, text=True, check=False,
            timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


def flat(steps: tuple[PlanStep, ...]) -> Iterator[PlanStep]:
    """Every step, at any depth."""
    for step in steps:
        yield step
        for inner in (step.groups or {}).values():
            yield from flat(inner)


@pytest.fixture
def desk(seeded: SandboxState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The shipped runbooks with an environment that is the sandbox, and nobody's backups yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEST", SECRET_KEY)
    prefix = f"by-hand-{uuid.uuid4().hex[:8]}"
    host = host_directory(seeded.directory)
    made = CONFIG.format(state=seeded, endpoint=seeded.s3["us-east-1"], host=host, prefix=prefix)
    schedules = [
        f'  - {{run: {name}, environment: production, cron: "0 3 * * *"}}'
        for name in ("nightly-backup", "restore-test", "hourly-incremental")
    ]
    (tmp_path / "drx.yaml").write_text("\n".join((made, "schedules:", *schedules)) + "\ncontacts: {channel: here}\n")
    shutil.copytree(ROOT / "runbooks", tmp_path / "runbooks")
    (tmp_path / "copy").mkdir()
    return Desk(make_plan(load_project(), "production"), tmp_path, seeded, f"{prefix}/pixelcraft-production")


@pytest.fixture
def context(desk: Desk) -> FakeContext:
    """What drx itself does, before it is gone."""
    target = resolve_target(load_config(desk.folder / "drx.yaml"), "production", os.environ)
    return FakeContext(desk.folder / "artifacts", target)


@pytest.fixture
def s3(desk: Desk) -> Iterator[Any]:
    """A client for the uploads and the store."""
    client = connect_s3(desk.state.s3["us-east-1"], "us-east-1", ACCESS_KEY, SECRET_KEY)
    yield client
    client.close()


def keys(s3: Any, bucket: str, prefix: str = "") -> set[str]:
    """The names of what is in a bucket."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {entry["Key"] for page in pages for entry in page.get("Contents", ())}


def contents(s3: Any) -> dict[str, bytes]:
    """What is in the uploads bucket."""
    return {key: s3.get_object(Bucket=UPLOADS_BUCKET, Key=key)["Body"].read() for key in keys(s3, UPLOADS_BUCKET)}


@pytest.fixture
def tools(desk: Desk) -> Path:
    """A folder with the dump tools, for PATH."""
    folder = desk.folder / "bin"
    folder.mkdir()
    for name in ("mongodump", "mongorestore", "bsondump"):
        (folder / name).write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.sandbox.dump_tools {name} "$@"\n')
        (folder / name).chmod(0o755)
    return folder


def test_a_database_comes_back_to_the_operation_before_a_drop(
    desk: Desk, context: FakeContext, tools: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = str(run("backup.base", context).outputs["id"])
    with MongoClient[Any](desk.state.mongo_uri) as client, mongo(tmp_path_factory.mktemp("other")) as other:
        images = client[DATABASE].images
        images.update_one({}, {"$set": {"by": "hand"}})
        run("backup.slice", context)
        images.insert_one({"_id": "newest"})  # no slice holds it: only the oplog of the live server
        before = {document["_id"]: document for document in images.find()}
        images.drop()
        known = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "OTHER_URI": other, "BASE": base}

        shown = desk.types(desk.step("db-drop", "base").by_hand)
        assert [line.split("/base/")[1].split("/")[0] for line in shown.splitlines()] == [base]
        desk.types(desk.step("db-drop", "slice").by_hand, **known)
        shown = desk.types(desk.step("db-drop", "find").by_hand, **known)
        found = [json.loads(line) for line in shown.splitlines() if line.startswith("{")]
        (stamp,) = [event["ts"]["$timestamp"] for event in found if event["o"].get("drop") == "images"]

        known["FIND_TS"] = f"{stamp['t']}:{stamp['i']}"
        desk.types(desk.step("db-drop", "restore").by_hand, **known)
        recovered = client.get_database("pixelcraft_recovered")
        assert {document["_id"]: document for document in recovered.images.find()} == before
        assert recovered.users.count_documents({}) == client[DATABASE].users.count_documents({})
        client.drop_database("pixelcraft_recovered")


def test_a_base_is_dumped_and_one_of_drx_is_read_back(
    desk: Desk, context: FakeContext, tools: Path, s3: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    base = str(run("backup.base", context).outputs["id"])
    with mongo(tmp_path_factory.mktemp("other")) as other:
        known = {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "OTHER_URI": other, "BASE": base}
        desk.types(desk.step("nightly-backup", "verify").by_hand, **known)
        with MongoClient[Any](other) as there, MongoClient[Any](desk.state.mongo_uri) as here:
            assert there[DATABASE].images.count_documents({}) == here[DATABASE].images.count_documents({}) > 0
    shutil.rmtree(desk.folder / "dump")
    desk.types(desk.step("nightly-backup", "base").by_hand, **known)
    kept = keys(s3, "pixelcraft-backups", f"{desk.store.partition('/')[0]}/by-hand/dump-")
    assert {key.rpartition("/")[2] for key in kept} >= {"images.bson.gz", "users.bson.gz"}


def test_a_store_is_copied_noted_and_pruned(desk: Desk, context: FakeContext, s3: Any) -> None:
    base = str(run("backup.base", context).outputs["id"])
    desk.types(desk.step("nightly-backup", "copy").by_hand)
    copied = {
        str(path.relative_to(desk.folder / "copy")) for path in (desk.folder / "copy").rglob("*.*") if path.is_file()
    }
    held = {key.split("/", 1)[1] for key in keys(s3, "pixelcraft-backups", f"{desk.store}/")}
    assert f"pixelcraft-production/base/{base}/manifest.json" in held
    assert {key for key in held if "." in key.rpartition("/")[2]} == copied

    (desk.folder / "note.json").write_text("{}")
    desk.types(desk.step("restore-test", "verified").by_hand, CHOOSE_BASE=base)
    assert f"{desk.store}/base/{base}/tests/note.json" in keys(s3, "pixelcraft-backups", desk.store)

    desk.types(desk.step("nightly-backup", "retention").by_hand, BASE=base)
    assert not keys(s3, "pixelcraft-backups", f"{desk.store}/base/{base}/")


def test_uploads_come_back_by_their_versions(desk: Desk, s3: Any) -> None:
    before = contents(s3)
    assert before
    moment = desk.types("sleep 2; date -u +%Y-%m-%dT%H:%M:%SZ; sleep 1").strip()
    gone, changed, *_ = sorted(before)
    s3.delete_object(Bucket=UPLOADS_BUCKET, Key=gone)
    s3.put_object(Bucket=UPLOADS_BUCKET, Key=changed, Body=b"damaged")

    desk.types(desk.step("s3-loss", "inventory").by_hand)
    assert json.loads((desk.folder / "inventory.json").read_text())["DeleteMarkers"]

    versions = desk.step("s3-loss", "restore").by_hand.partition("# the rest")[0]
    desk.types(versions, INCIDENT_TIME=moment)
    assert contents(s3) == before


def test_uploads_come_back_from_the_store(desk: Desk, context: FakeContext, s3: Any) -> None:
    before = contents(s3)
    point = str(run("s3.backup", context).outputs["point"])
    for key in sorted(before)[:2]:
        for version in s3.list_object_versions(Bucket=UPLOADS_BUCKET, Prefix=key).get("Versions", ()):
            s3.delete_object(Bucket=UPLOADS_BUCKET, Key=key, VersionId=version["VersionId"])
    assert len(contents(s3)) == len(before) - 2

    desk.types(desk.step("s3-loss", "restore").by_hand, INCIDENT_TIME=datetime.now(UTC).isoformat(), POINT=point)
    assert contents(s3) == before

    desk.types(desk.step("nightly-backup", "uploads").by_hand)
    kept = keys(s3, "pixelcraft-backups", f"{desk.store.partition('/')[0]}/by-hand/uploads/")
    assert len(kept) == len(before)


def test_the_application_is_restarted_deployed_and_led_elsewhere(desk: Desk) -> None:
    healthy = desk.step("server-failure", "healthy").by_hand
    host = host_directory(desk.state.directory)
    version = desk.types(desk.step("server-failure", "version").by_hand).strip().rpartition("/")[2]
    other = next(path.name for path in (host / "releases").iterdir() if path.name != version)
    before = (host / "app.pid").read_text()

    desk.types(desk.step("server-failure", "restart").by_hand)
    assert desk.types(healthy)
    assert (host / "app.pid").read_text() != before
    desk.types(desk.step("server-failure", "logs").by_hand)

    desk.types(desk.step("server-failure", "roll-back").by_hand.replace("EARLIER", other))
    assert desk.types(healthy)
    assert desk.types(desk.step("server-failure", "version").by_hand).strip() == f"releases/{other}"
    desk.types(desk.step("server-failure", "roll-back").undo, VERSION_VERSION=version)
    assert desk.types(healthy)

    switch, read = desk.step("db-drop", "switch"), (host / "app.pid").stat().st_ino
    desk.types(switch.by_hand, RESTORE_DATABASE="elsewhere")
    address = json.loads((host / "variables.json").read_text())["DATABASE_URL"]
    assert address == desk.state.mongo_uri.replace("/?", "/elsewhere?")
    assert wait_until(lambda: (host / "app.pid").stat().st_ino != read, 20)
    desk.types(switch.undo)
    assert desk.types(f"sleep 1\n{healthy}")
    assert get(desk.state, "/healthz").status == 200


@needs_mongosh
def test_the_database_is_asked_and_tidied(desk: Desk) -> None:
    assert "ok: 1" in desk.types(desk.step("db-drop", "server").by_hand)
    missing = desk.types(desk.step("db-drop", "references").by_hand, RESTORE_DATABASE=DATABASE)
    with MongoClient[Any](desk.state.mongo_uri) as client:
        images = client[DATABASE].images
        uploaded = keys(connect_s3(desk.state.s3["us-east-1"], "us-east-1", ACCESS_KEY, SECRET_KEY), UPLOADS_BUCKET)
        assert set(missing.splitlines()) == set(images.distinct("key")) - uploaded
        count = desk.types(desk.step("restore-test", "images").by_hand, CHOOSE_SCRATCH=DATABASE)
        assert int(count) == images.count_documents({})
        assert "_id" in desk.types(desk.step("restore-test", "newest").by_hand, CHOOSE_SCRATCH=DATABASE)

        client["pixelcraft_recovered"].x.insert_one({})
        desk.types(desk.step("db-drop", "restore").undo)
        assert "pixelcraft_recovered" not in client.list_database_names()
