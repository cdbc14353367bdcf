"""A store that is damaged or has gaps: what is restored, what is refused, what is archived again."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from drx.config import DirectoryStore, MongoTarget
from drx.errors import DrxError, PermanentError, StepError, StoreError
from drx.secrets import Secret
from tests import servers
from tests.actions.context import FakeContext, run
from tests.actions.mongo.databases import Documents, contents, fill
from tests.disks import read_only

pytestmark = pytest.mark.usefixtures("impatience")


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


def test_a_copy_on_a_read_only_disk_is_restored_from(
    context: FakeContext, database: Documents, into: str, tmp_path: Path
) -> None:
    """Nobody can show there that it is in use, and nobody can delete there either."""
    backups = context.target.backups
    assert backups
    (tmp_path / "offline").mkdir()
    copied = replace(backups, copies=(DirectoryStore(tmp_path / "offline"),))
    context = replace(context, target=replace(context.target, backups=copied))
    fill(database)
    run("backup.base", context)
    database.images.delete_one({"_id": 1})
    run("backup.slice", context)
    run("backup.copy", context)
    (tmp_path / "store").rename(tmp_path / "burnt")
    with read_only(tmp_path / "offline"):
        outcome = run("mongo.restore", context, into=into, store="copy")
        assert outcome.outputs["documents"] == 319
        assert "not kept from retention meanwhile" in outcome.lines[-1]
        run("mongo.verify", context, database=into, store="copy")
    assert contents(database.client[into]) == contents(database)


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


def test_an_accident_after_a_gap_is_found_by_the_base_that_came_after_it(
    context: FakeContext, database: Documents, into: str, tmp_path: Path
) -> None:
    fill(database)
    run("backup.base", context)
    for number in (1, 2):
        database.images.delete_one({"_id": number})
        run("backup.slice", context)
    (lost, lost_manifest) = sorted(tmp_path.glob("store/**/oplog/*"))[:2]
    lost.unlink()
    lost_manifest.unlink()
    run("backup.base", replace(context, run_id="later"))
    time.sleep(1.1)  # a base counts where it ends before the second of the accident
    began = datetime.now(UTC)
    database.images.drop()
    run("backup.slice", context)
    found = run("backup.find_event", context, since=began, kinds=["drop"])
    assert str(found.outputs["namespace"]).endswith(".images")
    assert "nothing is archived from" in found.lines[-1]
    run("mongo.restore", context, into=into, at={"before": found.outputs["ts"]})
    assert database.client[into].images.count_documents({}) == 298


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_oplog_of_another_server_continues_no_base_of_the_old_one(
    context: FakeContext, database: Documents, into: str, tmp_path: Path
) -> None:
    """The new server ran all along, so that its oplog reaches back: only who wrote it tells that it does not fit."""
    name, old = database.name, context.target
    with servers.mongo(tmp_path / "new") as uri, MongoClient[dict[str, Any]](uri) as new:
        new["meanwhile"].c.insert_one({})
        fill(database)
        run("backup.base", context)
        database.images.delete_one({"_id": 1})
        reached = run("backup.slice", context).outputs["end"]
        time.sleep(1.1)  # within one second, two servers count on their own: only later seconds compare
        new[name].images.insert_one({"_id": "of the new server"})
        context.target = replace(old, mongo=MongoTarget(Secret(uri), name))
        for action in ("slice", "emergency_slice"):
            with pytest.raises(PermanentError, match=r"holds no base .* is of another database server"):
                run(f"backup.{action}", context)
        later = replace(context, run_id="later")
        run("backup.base", later)
        new[name].images.insert_one({"_id": "after the base"})
        assert run("backup.slice", later).outputs["entries"]
        context.target = old
        for _ in range(2):  # the old server lives on, and is still backed up: each continues its own
            database.images.delete_one({"_id": 2})
            assert str(run("backup.slice", context).outputs["end"]) > str(reached)
        restored = run("mongo.restore", context, into=into)
        assert restored.outputs["documents"] == 2
