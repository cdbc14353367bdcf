"""`mongo.restore` and what it needs: what was destroyed comes back, beside the damaged database."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drx.config import BackupTarget, BucketStore
from drx.errors import Cancelled, DrxError, StepError
from drx.secrets import Secret
from tests.actions.context import FakeContext, run
from tests.actions.mongo.databases import RETENTION, Documents, contents, fill

pytestmark = pytest.mark.usefixtures("impatience")


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
