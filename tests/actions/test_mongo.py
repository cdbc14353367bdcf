"""`mongo.*`, `backup.*` and `verify.*` against a real server, a real bucket and a store in a directory."""

import hashlib
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from drx.actions import servers as connections
from drx.config import BackupTarget, BucketStore, BucketTarget, DirectoryStore, MongoTarget, Retention, Target
from drx.errors import Cancelled, DrxError, PermanentError, StepError, StoreError
from drx.secrets import Masker, Secret
from tests import servers
from tests.actions.context import FakeContext, run

pytestmark = pytest.mark.usefixtures("impatience")
Documents = Database[dict[str, Any]]
RETENTION = Retention(timedelta(days=7), 30, 8, 12, 0, 3)


def target_of(uri: str, database: str, **more: Any) -> Target:
    return Target("sandbox", "pixelcraft", sandbox=True, mongo=MongoTarget(Secret(uri), database), **more)


@pytest.fixture
def context(tmp_path: Path, mongo_server: str, database: Documents) -> FakeContext:
    """A context with the test's own database, and a store in a directory."""
    (tmp_path / "store").mkdir()
    backups = BackupTarget(DirectoryStore(tmp_path / "store"), (), RETENTION)
    return FakeContext(tmp_path / "artifacts", target_of(mongo_server, database.name, backups=backups))


@pytest.fixture
def into(database: Documents) -> Iterator[str]:
    """A name to restore into, dropped after the test."""
    name = f"{database.name}_recovered"
    yield name
    database.client.drop_database(name)


def fill(database: Documents, count: int = 300) -> None:
    database.images.insert_many([{"_id": number, "views": 0, "key": f"k{number}"} for number in range(count)])
    database.images.create_index([("views", 1)], name="views")
    database.users.insert_many([{"_id": number} for number in range(20)])


def contents(database: Documents) -> dict[str, list[dict[str, Any]]]:
    return {name: list(database[name].find(sort=[("_id", 1)])) for name in sorted(database.list_collection_names())}


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
    assert time.monotonic() - began < 2
    assert "sw0rdfish" not in str(raised.value)


def test_waiting_for_a_server_can_be_broken_off(context: FakeContext) -> None:
    context.target = target_of(f"mongodb://127.0.0.1:{servers.free_port()}", "pixelcraft")
    threading.Timer(0.3, context.cancel).start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        run("mongo.ping", context)
    assert time.monotonic() - began < 1.3


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


def test_what_the_drill_destroys_comes_back(context: FakeContext, database: Documents, into: str) -> None:
    """The whole of db-drop: base, writes, the drop, slice, find, restore, verify."""
    fill(database)
    base = run("backup.base", context)
    assert base.outputs["documents"] == 320
    database.images.update_many({"_id": {"$lt": 5}}, {"$set": {"views": 9}})
    database.images.insert_one({"_id": 1000, "views": 1, "key": "late"})
    database.images.delete_one({"_id": 299})
    before = contents(database)
    lost = run("mongo.drop_collection", context, collection="images")
    assert lost.outputs["count"] == 300
    assert context.lost == [("mongo", f"{database.name}.images")]
    database.users.insert_one({"_id": "after the fault"})
    struck = datetime.fromisoformat(str(lost.outputs["at"]))
    sliced = run("backup.emergency_slice", context)
    assert int(str(sliced.outputs["entries"])) >= 8
    found = run("backup.find_event", context, since=lost.outputs["at"]).outputs
    assert (found["kind"], found["namespace"]) == ("drop", f"{database.name}.images")

    restored = run("mongo.restore", context, at={"before": found["ts"]}, into=into)
    assert contents(database.client[into]) == before
    assert set(database.client[into].images.index_information()) == {"_id_", "views"}
    assert ("mongo", into) in context.created
    assert restored.outputs["database"] == into
    assert restored.outputs["documents"] == 320
    assert restored.proven_until is not None
    assert timedelta(0) <= struck - restored.proven_until < timedelta(seconds=10)

    verified = run("mongo.verify", context, at={"before": found["ts"]}, database=into)
    assert {**verified.outputs, "seconds": restored.outputs["seconds"]} == restored.outputs
    by_name = run("mongo.verify", context, at={"before": {"drop": "images"}}, database=into)
    assert by_name.outputs == verified.outputs
    again = run("mongo.restore", context, at={"before": found["ts"]}, into=into, read_back=False)  # as after a crash
    assert again.outputs == {**restored.outputs, "seconds": None}, "how long it took is not known any more"
    assert again.proven_until is None
    database.client[into].images.update_one({"_id": 7}, {"$inc": {"views": 1}})
    with pytest.raises(StepError, match=f"{into} is not what the backup says: images holds"):
        run("mongo.verify", context, at={"before": found["ts"]}, database=into)
    run("mongo.drop", context, database=into)
    assert into not in database.client.list_database_names()


def test_the_newest_moment_and_a_second_are_restored(context: FakeContext, database: Documents, into: str) -> None:
    fill(database)
    run("backup.base", context)
    time.sleep(1.1)
    database.images.insert_one({"_id": "first"})
    at = datetime.now(UTC)
    time.sleep(1.1)
    database.images.insert_one({"_id": "second"})
    assert run("backup.slice", context).outputs["start"] is not None
    run("mongo.restore", context, at=at, into=into)
    assert {"first", "second"} & {document["_id"] for document in database.client[into].images.find()} == {"first"}
    run("mongo.drop", context, database=into)
    newest = replace(context, created=frozenset())
    run("mongo.restore", newest, into=into)
    assert contents(database.client[into]) == contents(database)


def test_a_restore_that_has_to_stop_says_what_it_left_and_can_go_on(
    context: FakeContext, database: Documents, into: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, 5000)
    run("backup.base", context)
    stopped = replace(context)
    monkeypatch.setattr(stopped, "progress", lambda *_: stopped.cancel())
    began = time.monotonic()
    with pytest.raises(Cancelled):
        run("mongo.restore", stopped, into=into)
    assert time.monotonic() - began < 5
    restored = database.client[into]
    assert 0 < restored.images.count_documents({}) + restored.users.count_documents({}) < 5020
    run("mongo.restore", replace(context, created=stopped.created), into=into)
    assert contents(database.client[into]) == contents(database)


def test_nothing_is_restored_where_it_must_not_be(context: FakeContext, database: Documents, into: str) -> None:
    fill(database)
    run("backup.base", context)
    before = contents(database)
    with pytest.raises(StepError, match="is the database in use"):
        run("mongo.restore", context, into=database.name)
    for name, words in [("admin", "of the server itself"), ("a/b", "cannot be the name"), ("x" * 64, "cannot be")]:
        with pytest.raises(StepError, match=words):
            run("mongo.restore", context, into=name)
        with pytest.raises(StepError, match=words):
            run("mongo.drop", context, database=name)
    database.client[into].other.insert_one({"_id": 1})
    with pytest.raises(StepError, match=f"the database {into} is not empty"):
        run("mongo.restore", context, into=into)
    assert contents(database) == before
    assert contents(database.client[into]) == {"other": [{"_id": 1}]}
    assert not context.created


def test_without_a_base_nothing_is_found(context: FakeContext, database: Documents, into: str) -> None:
    fill(database)
    for name, parameters in [
        ("mongo.restore", {"into": into}), ("backup.has_base", {}), ("backup.verify", {}),
        ("backup.slice", {}), ("backup.find_event", {"since": "2026-01-01T00:00:00Z"}),
    ]:  # fmt: skip
        with pytest.raises(StepError, match="holds no base of pixelcraft"):
            run(name, context, **parameters)
    assert into not in database.client.list_database_names()


def test_a_base_is_there_or_too_late_or_too_old(context: FakeContext, database: Documents) -> None:
    fill(database)
    taken = run("backup.base", context).outputs
    assert run("backup.has_base", context).outputs == taken
    assert run("backup.base", context).outputs == taken, "the same step finds what it had finished"
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert run("backup.has_base", context, before=later, younger_than="1m").outputs["id"] == taken["id"]
    with pytest.raises(StepError, match="which is too late"):
        run("backup.has_base", context, before="2026-01-01T00:00:00Z")
    time.sleep(1)
    with pytest.raises(StepError, match=r"is .* old, not 0s"):
        run("backup.has_base", context, younger_than="1ms")


def test_a_damaged_store_is_noticed_and_nothing_is_restored(
    context: FakeContext, database: Documents, into: str, tmp_path: Path
) -> None:
    fill(database)
    run("backup.base", context)
    database.images.delete_one({"_id": 1})
    run("backup.slice", context)
    assert run("backup.verify", context).outputs["documents"] == 320
    (data,) = tmp_path.glob("store/**/images.bson.gz")
    whole = data.read_bytes()
    data.write_bytes(whole[:-20] + b"x" + whole[-19:])
    with pytest.raises(StepError, match="is damaged") as raised:
        run("backup.verify", context)
    assert "images.bson.gz" in str(raised.value)
    with pytest.raises(StoreError, match=r"images\.bson\.gz.* is damaged"):
        run("mongo.restore", context, into=into)
    assert not database.client[into].images.count_documents({})
    data.write_bytes(whole)
    run("mongo.drop", context, database=into)
    (piece,) = tmp_path.glob("store/**/oplog/*.bson.gz")
    piece.write_bytes(piece.read_bytes()[:-9])
    fresh = replace(context, created=frozenset())
    with pytest.raises(DrxError, match=piece.name):
        run("mongo.restore", fresh, into=into)
    with pytest.raises(DrxError, match=piece.name):
        run("backup.verify", context)
    piece.unlink()
    piece.with_name(piece.name.replace(".bson.gz", ".json")).unlink()
    with pytest.raises(StepError, match="was asked for"):
        run("mongo.restore", fresh, at=datetime.now(UTC), into=into)
    assert not fresh.created


@pytest.mark.slow
def test_a_damaged_manifest_stands_only_in_the_way_of_what_needs_it(
    context: FakeContext, database: Documents, into: str, tmp_path: Path
) -> None:
    fill(database)
    run("backup.base", context)
    (first,) = tmp_path.glob("store/**/manifest.json")
    database.images.delete_one({"_id": 1})
    run("backup.slice", context)
    time.sleep(1.1)
    moment = datetime.now(UTC).replace(microsecond=0)
    time.sleep(1.1)
    run("backup.slice", context)
    run("backup.base", replace(context, run_id="later"))
    (newest,) = set(tmp_path.glob("store/**/manifest.json")) - {first}
    run("backup.slice", context)
    last = max(tmp_path.glob("store/**/oplog/*.json"))
    for path in (newest, last):
        path.write_bytes(path.read_bytes().replace(b'"format": 1', b'"format": 2'))
    restored = run("mongo.restore", context, into=into, at=moment)
    assert restored.outputs["base"] == first.parent.name
    assert [line.startswith("not needed, but ") for line in restored.lines[-2:]] == [True, True]
    assert (newest.parent.name in restored.lines[-2], last.name in restored.lines[-1]) == (True, True)
    event = {"since": moment - timedelta(minutes=1), "kinds": ["drop"]}
    assert run("backup.has_base", context).outputs["id"] == first.parent.name
    database.users.drop()
    with pytest.raises(PermanentError, match=r"the archived oplog ends at .* before the drop of"):
        run("backup.find_event", context, **event)
    run("backup.slice", context)
    found = run("backup.find_event", context, **event)
    assert found.outputs["kind"] == "drop"
    assert {newest.parent.name in found.lines[-2], last.name in found.lines[-1]} == {True}
    for parameters in ({}, {"at": datetime.now(UTC)}):
        with pytest.raises(DrxError, match=r"is damaged: it is not as it was written"):
            run("mongo.restore", replace(context, created=frozenset()), into=f"{into}_2", **parameters)
    with pytest.raises(DrxError, match=r"manifest\.json is damaged"):
        run("backup.verify", context)
    database.images.delete_one({"_id": 2})
    assert last.name in run("backup.slice", context).lines[-1]
    first.write_bytes(b"")
    with pytest.raises(PermanentError, match=rf"holds no base .*{first.parent.name}/manifest\.json is damaged"):
        run("mongo.restore", replace(context, created=frozenset()), into=f"{into}_2", at=moment)


def test_everything_is_read_back_and_all_damage_listed(
    context: FakeContext, database: Documents, tmp_path: Path
) -> None:
    fill(database)
    run("backup.base", context)
    database.images.delete_one({"_id": 1})
    run("backup.slice", context)
    found = run("backup.verify", context, everything=True)
    assert found.lines[-1] == "read back whole: backups 1, slices of oplog 1"
    assert found.outputs == run("backup.verify", context).outputs
    harmed = sorted([*tmp_path.glob("store/**/prelude.json.gz"), *tmp_path.glob("store/**/oplog/*.bson.gz")])
    for path in harmed:
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PermanentError, match=r"are damaged: .*prelude\.json\.gz .* \(and 1 more\)") as raised:
        run("backup.verify", context, everything=True)
    assert [path.name in line for path, line in zip(harmed, raised.value.lines, strict=True)] == [True, True]
    with pytest.raises(ValueError, match="'everything' includes the base"):
        run("backup.verify", context, everything=True, base="b1")


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


def test_a_lost_slice_is_archived_again_and_fails_once(
    context: FakeContext, database: Documents, tmp_path: Path
) -> None:
    fill(database)
    run("backup.base", context)
    for number in (1, 2):
        database.images.delete_one({"_id": number})
        run("backup.slice", context)
    lost = sorted(tmp_path.glob("store/**/oplog/*"))[:2]
    for file in lost:
        file.unlink()
    with pytest.raises(PermanentError, match=r"no slice holds the oplog between .* archived again"):
        run("backup.emergency_slice", context)
    run("backup.emergency_slice", context)
    assert run("backup.verify", context).outputs["reaches"]


def test_a_gap_that_the_oplog_lost_too_names_the_moment_that_is_left(context: FakeContext, tmp_path: Path) -> None:
    with (
        servers.mongo(tmp_path / "short", "--oplog-max-entries", "300") as uri,
        MongoClient[dict[str, Any]](uri) as own,
    ):
        context.target = replace(context.target, mongo=MongoTarget(Secret(uri), "app"))
        fill(own["app"], 20)
        run("backup.base", context)
        for _ in range(20):
            own["app"].images.insert_many([{} for _ in range(100)])
        for name, words in [("emergency_slice", "A restore is possible up to 20"), ("slice", "Take a new base")]:
            with pytest.raises(PermanentError, match=rf"rolled over.*{words}"):
                run(f"backup.{name}", context)


def test_only_scratch_databases_of_the_run_are_dropped(context: FakeContext, database: Documents, into: str) -> None:
    names = ["drx_scratch_mine", "drx_scratch_foreign", into]
    for name in names:
        database.client[name].things.insert_one({"_id": 1})
    context.created = frozenset({("mongo", "drx_scratch_mine"), ("mongo", into), ("store", "drx_scratch_foreign")})
    assert run("mongo.drop_scratch", context).outputs["dropped"] == ["drx_scratch_mine"]
    assert set(names) & set(database.client.list_database_names()) == {"drx_scratch_foreign", into}
    database.client.drop_database("drx_scratch_foreign")


def test_a_rollback_drops_only_what_the_run_created(context: FakeContext, database: Documents, into: str) -> None:
    database.client[into].things.insert_one({"_id": 1})
    run("mongo.drop_created", context, database=into)
    assert into in database.client.list_database_names()
    context.created_resource("mongo", into)
    run("mongo.drop_created", context, database=into)
    assert into not in database.client.list_database_names()


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


@pytest.mark.slow
def test_backups_go_to_a_bucket_too(
    context: FakeContext, database: Documents, into: str, bucket: str, s3_server: str
) -> None:
    store = BucketStore(
        bucket=bucket, region="us-east-1", prefix="drx", endpoint=s3_server,
        access_key_id="test", secret_access_key=Secret("test"),
    )  # fmt: skip
    context.target = replace(context.target, backups=BackupTarget(store, (), RETENTION))
    fill(database)
    run("backup.base", context)
    run("mongo.restore", context, into=into)
    assert contents(database.client[into]) == contents(database)
    store = replace(store, bucket="no-such-bucket")
    context.target = replace(context.target, backups=BackupTarget(store, (), RETENTION))
    with pytest.raises(DrxError, match="no-such-bucket"):
        run("backup.has_base", context)


class TestReferences:
    """Database and bucket against each other."""

    @pytest.fixture
    def context(self, context: FakeContext, database: Documents, bucket: str, s3_server: str) -> FakeContext:
        uploads = BucketTarget(
            bucket=bucket, region="us-east-1", endpoint=s3_server,
            access_key_id="test", secret_access_key=Secret("test"),
        )  # fmt: skip
        context.target = replace(context.target, uploads=uploads)
        with self.client(s3_server) as client:
            for number in range(12):
                client.put_object(Bucket=bucket, Key=f"k{number}", Body=b"%d" % number)
        database.images.insert_many(
            [
                {"_id": number, "key": f"k{number % 12}", "size": len(str(number % 12)),
                 "sha256": hashlib.sha256(b"%d" % (number % 12)).hexdigest()}
                for number in range(24)
            ]
        )  # fmt: skip
        return context

    @staticmethod
    def client(endpoint: str) -> Any:
        import boto3

        session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1")
        return closing(session.client("s3", endpoint_url=endpoint))

    def test_all_is_well(self, context: FakeContext) -> None:
        result = run("verify.references", context, collection="images", read="all")
        assert result.outputs == {
            "documents": 24, "objects": 12, "read": 12, "missing": 0, "different": 0, "orphans": 0,
        }  # fmt: skip
        assert result.artifacts == ()
        assert run("verify.references", context, collection="images", read=5).outputs["read"] == 5
        assert run("s3.count", context, equals=12, prefix="k").outputs == {"count": 12, "size_bytes": 14}
        with pytest.raises(StepError, match="holds 0 objects, not at least 1"):
            run("s3.count", context, at_least=1, prefix="x")

    def test_what_is_missing_altered_or_orphaned_is_named(
        self, context: FakeContext, bucket: str, s3_server: str
    ) -> None:
        with self.client(s3_server) as client:
            client.delete_object(Bucket=bucket, Key="k1")
            client.put_object(Bucket=bucket, Key="k2", Body=b"9")
            client.put_object(Bucket=bucket, Key="k3", Body=b"long")
            client.put_object(Bucket=bucket, Key="orphan", Body=b"")
        with pytest.raises(StepError, match="1 missing and 3 different") as raised:
            run("verify.references", context, collection="images", read="all")
        listed = (context.directory / "references.txt").read_text().splitlines()
        assert [line.partition(" bytes")[0].partition(" SHA")[0] for line in listed] == [
            "missing: k1", "different: k3: 4", "different: k2:", "different: k3:", "orphan: orphan",
        ]  # fmt: skip
        assert raised.value.artifacts == ("references.txt",)

    def test_orphans_fail_only_when_asked_for(self, context: FakeContext, bucket: str, s3_server: str) -> None:
        with self.client(s3_server) as client:
            client.put_object(Bucket=bucket, Key="logs/1", Body=b"x")
        assert run("verify.references", context, collection="images").outputs["orphans"] == 1
        assert run("verify.references", context, collection="images", prefix="k").outputs["orphans"] == 0
        with pytest.raises(StepError, match="1 orphans"):
            run("verify.references", context, collection="images", orphans="fail")

    def test_documents_that_contradict_each_other_are_named(self, context: FakeContext, database: Documents) -> None:
        database.images.update_one({"_id": 12}, {"$set": {"size": 99}})
        with pytest.raises(StepError, match="1 different"):
            run("verify.references", context, collection="images")

    def test_an_empty_collection_proves_nothing(self, context: FakeContext) -> None:
        with pytest.raises(StepError, match="holds no documents that refer to objects"):
            run("verify.references", context, collection="nosuch")

    def test_one_object_is_checked(self, context: FakeContext) -> None:
        digest = hashlib.sha256(b"7").hexdigest()
        assert run("s3.check", context, key="k7", size_bytes=1, sha256=digest).outputs["sha256"] == digest
        with pytest.raises(StepError, match="has 1 bytes, not 2"):
            run("s3.check", context, key="k7", size_bytes=2)
        with pytest.raises(StepError, match="has the SHA-256"):
            run("s3.check", context, key="k7", sha256="0" * 64)
        with pytest.raises(StepError, match="says: NoSuchKey"):
            run("s3.check", context, key="nosuch")

    def test_a_bucket_that_is_not_there_is_named(self, context: FakeContext) -> None:
        assert context.target.uploads is not None
        gone = replace(context.target.uploads, endpoint=f"http://127.0.0.1:{servers.free_port()}")
        context.target = replace(context.target, uploads=gone)
        context.masker = Masker(["test-key"])
        with pytest.raises(StepError, match="cannot be reached"):
            run("s3.count", context)


def test_clients_are_closed(context: FakeContext, mongo_client: MongoClient[dict[str, Any]]) -> None:
    before = {thread.name for thread in threading.enumerate()}
    run("mongo.ping", context)
    time.sleep(0.1)
    assert {thread.name for thread in threading.enumerate()} - before == set()
    shutil.rmtree(context.directory, ignore_errors=True)
