"""The commands that the plan gives for the day when drx is gone do what they say, against the sandbox's real servers.

MongoDB's own dump tools are not to be had from the registries that the tests install from: stand-ins (dump_tools.py)
take their options, and refuse what the true ones refuse.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from drx.config import load_config, resolve_target
from drx.sandbox.buckets import connect_s3
from drx.sandbox.processes import wait_until
from drx.sandbox.state import ACCESS_KEY, DATABASE, SECRET_KEY, UPLOADS_BUCKET, host_directory
from tests.actions.context import FakeContext, run
from tests.sandbox.conftest import get
from tests.sandbox.desk import MARKS, NEEDS_MONGOSH, ROOT, Desk
from tests.servers import mongo

pytestmark = MARKS


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
    odd = ("! 100% a+b/ü.jpg", "!?x=1&y")
    for key in odd:
        s3.put_object(Bucket=UPLOADS_BUCKET, Key=key, Body=key.encode())
    before = contents(s3)
    moment = desk.types("sleep 2; date -u +%Y-%m-%dT%H:%M:%SZ; sleep 1").strip()
    gone, also_gone, changed, *_ = sorted(before)
    assert (gone, also_gone) == odd
    for key in odd:
        s3.delete_object(Bucket=UPLOADS_BUCKET, Key=key)
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


@NEEDS_MONGOSH
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
