"""`mongo.*`, `backup.*` and `verify.*` against a real server, a real bucket and a store in a directory."""

import shutil
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from drx.actions import servers as connections
from drx.config import Target
from drx.errors import Cancelled, PermanentError, StepError
from tests import servers
from tests.actions.context import FakeContext, run
from tests.actions.mongo.databases import Documents, fill, target_of

pytestmark = pytest.mark.usefixtures("impatience")


def test_a_server_answers(context: FakeContext) -> None:
    outputs = run("mongo.ping", context).outputs
    assert outputs["primary"] is True
    assert str(outputs["version"])[0].isdigit()


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ({"at_least": 301}, "holds 300 documents, not at least 301"),
        ({"at_most": 299}, "holds 300 documents, not at most 299"),
        ({"equals": 1}, "holds 300 documents, not exactly 1"),
        ({"equals": 300, "at_least": 300, "at_most": 300}, None),
        ({"filter": {"_id": {"$lt": {"$numberLong": "10"}}}, "equals": 10}, None),
        ({"collection": "nosuch", "at_least": 1}, "holds 0 documents, not at least 1"),
    ],
)
def test_documents_are_counted(
    context: FakeContext, database: Documents, bounds: dict[str, object], message: str | None
) -> None:
    fill(database)
    parameters = {"collection": "images", **bounds}
    if message:
        with pytest.raises(StepError, match=message):
            run("mongo.count", context, **parameters)
    else:
        run("mongo.count", context, **parameters)


def test_documents_are_fetched(context: FakeContext, database: Documents) -> None:
    fill(database)
    result = run("mongo.query", context, collection="images", sort={"_id": -1}, fields=["key"], limit=2)
    assert result.outputs["documents"] == [{"_id": 299, "key": "k299"}, {"_id": 298, "key": "k298"}]
    assert result.outputs["first"] == {"_id": 299, "key": "k299"}
    with pytest.raises(StepError, match="holds 0 such documents, not 1"):
        run("mongo.query", context, collection="images", filter={"key": "none"})
    database.images.insert_one({"_id": -1, "large": "x" * 50_000})
    with pytest.raises(StepError, match="too large for the journal"):
        run("mongo.query", context, collection="images", filter={"_id": -1})


def test_a_server_that_is_not_there_is_named_without_secrets(
    context: FakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_ANSWER_MS", 1000)
    uri = f"mongodb://drx:sw0rdfish@127.0.0.1:{servers.free_port()}/?authSource=admin"
    context.target = target_of(uri, "pixelcraft")
    began = time.monotonic()
    with pytest.raises(StepError, match=r"the MongoDB server 127\.0\.0\.1:\d+ does not answer") as raised:
        run("mongo.count", context, collection="images")
    assert time.monotonic() - began < 20, "pymongo itself would go on for thirty seconds"
    assert "sw0rdfish" not in str(raised.value)


def test_waiting_for_a_server_can_be_broken_off(context: FakeContext) -> None:
    context.target = target_of(f"mongodb://127.0.0.1:{servers.free_port()}", "pixelcraft")
    threading.Timer(0.3, context.cancel).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        run("mongo.ping", context)
    assert time.monotonic() - began < 4.5, "it would have waited for five seconds"


@pytest.mark.parametrize("uri", ["mongodb://", "mongodb://h:99999/"])
def test_an_address_that_is_none_is_named(context: FakeContext, uri: str) -> None:
    context.target = target_of(uri, "pixelcraft")
    with pytest.raises(StepError, match=r"cannot be used"):
        run("mongo.ping", context)


@pytest.mark.slow
def test_wrong_credentials_are_named(context: FakeContext, tmp_path: Path) -> None:
    with servers.mongo(tmp_path / "locked", "--auth") as uri:
        address = uri.removeprefix("mongodb://")
        context.target = target_of(f"mongodb://drx:sw0rdfish@{address}", "pixelcraft")
        with pytest.raises(StepError, match="refuses the user or the password") as raised:
            run("mongo.count", context, collection="images")
        assert "sw0rdfish" not in str(raised.value)


@pytest.mark.slow
def test_events_are_told_apart(context: FakeContext, database: Documents) -> None:
    fill(database)
    run("backup.base", context)
    database.users.drop()
    time.sleep(1.1)
    since = datetime.now(UTC)
    with pytest.raises(
        PermanentError, match=rf"the archived oplog ends at .*, before the drop of {database.name}.users"
    ):
        run("backup.find_event", context, since=since)
    run("backup.slice", context)
    with pytest.raises(PermanentError, match="the archived oplog holds no mass_delete"):
        run("backup.find_event", context, since=since, kinds=["mass_delete"])
    early = run("backup.find_event", context, since=since)
    assert early.outputs["namespace"] == f"{database.name}.users", "people notice late"
    assert "ATTENTION: this is before" in early.lines[-1]
    assert "ATTENTION" in str(early.outputs["summary"])
    database.images.drop()
    with pytest.raises(PermanentError, match=rf"before the drop of {database.name}.images"):
        run("backup.find_event", context, since=since)
    run("backup.slice", context)
    found = run("backup.find_event", context, since=since)
    assert found.outputs["namespace"] == f"{database.name}.images"
    assert [line[:2] for line in found.lines[:2]] == ["  ", "->"]
    assert "ATTENTION" not in "".join(found.lines)
    assert str(found.outputs["summary"]).startswith(f"drop of {database.name}.images at 20")
    other = run("backup.find_event", context, since=since, collection="users")
    assert other.outputs["namespace"] == f"{database.name}.users"
    with pytest.raises(StepError, match="Give an earlier time"):
        run("backup.find_event", context, since=since + timedelta(hours=1))


def test_there_has_to_be_something_to_lose(context: FakeContext, database: Documents) -> None:
    with pytest.raises(StepError, match="holds nothing that could be lost"):
        run("mongo.drop_collection", context, collection="images")
    assert not context.lost


def test_parts_that_an_environment_lacks_are_named(context: FakeContext) -> None:
    context.target = Target("staging", "pixelcraft")
    for name, parameters, words in [
        ("mongo.ping", {}, "has no database"), ("backup.has_base", {}, "has no backup store"),
        ("s3.count", {}, "has no uploads"), ("host.set_variable", {"name": "A", "value": "b"}, "has no host"),
    ]:  # fmt: skip
        with pytest.raises(StepError, match=words):
            run(name, context, **parameters)


def test_clients_are_closed(context: FakeContext, mongo_client: MongoClient[dict[str, Any]]) -> None:
    before = {thread.name for thread in threading.enumerate()}
    run("mongo.ping", context)
    time.sleep(0.1)
    assert {thread.name for thread in threading.enumerate()} - before == set()
    shutil.rmtree(context.directory, ignore_errors=True)
