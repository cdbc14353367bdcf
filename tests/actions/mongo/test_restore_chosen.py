"""`mongo.restore` on a real server: chosen collections, moments, replacing, other services."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drx.actions.base import Params
from drx.config import BackupTarget, DirectoryStore, Target
from drx.errors import DrxError, PermanentError, StepError
from tests.actions.context import FakeContext, registered, run
from tests.actions.mongo.databases import RETENTION, Documents, contents, fill, target_of

pytestmark = pytest.mark.usefixtures("impatience")


def _target(tmp_path: Path, server: str, database: str, **more: Any) -> Target:
    backups = BackupTarget(DirectoryStore(tmp_path / "store"), (), RETENTION)
    return target_of(server, database, backups=backups, **more)


def _effect(name: str, **parameters: object) -> str:
    action = registered(name)
    params = action.spec.parameters.model_validate(parameters)
    assert isinstance(params, Params)
    return action.effect(params)


def test_chosen_collections_are_restored_alone(context: FakeContext, database: Documents, into: str) -> None:
    fill(database)
    run("backup.base", context)

    outputs = run("mongo.restore", context, into=into, only=["users"]).outputs

    assert list(contents(database.client[into])) == ["users"]
    assert outputs["documents"] == 20
    run("mongo.verify", context, database=into, only=["users"])
    with pytest.raises(PermanentError, match="no collection nosuch at that moment"):
        run("mongo.restore", context, into=f"{into}_2", only=["nosuch"])


def test_a_chosen_collection_is_the_one_that_has_the_name_at_that_moment(
    context: FakeContext, database: Documents, into: str
) -> None:
    fill(database)
    run("backup.base", context)
    old = run("backup.slice", context).outputs["end"]
    database.images.rename("pictures")
    database.users.rename("images")
    database.images.insert_one({"_id": "later"})
    database.drafts.insert_one({"_id": 1})
    database.drafts.rename("users")
    database.other.insert_one({"_id": 1})
    database.client.admin.command(
        {"renameCollection": f"{database.name}.other", "to": f"{database.name}_elsewhere.other"}
    )
    database.client.drop_database(f"{database.name}_elsewhere")
    run("backup.slice", context)

    for number, (at, name, count) in enumerate(
        [
            ({"up_to": old}, "images", 300),
            ({"up_to": old}, "users", 20),
            (None, "pictures", 300),
            (None, "images", 21),
            (None, "users", 1),
        ]
    ):
        chosen = f"{into}_{number}"
        run("mongo.restore", context, at=at, into=chosen, only=[name])
        assert {found: len(each) for found, each in contents(database.client[chosen]).items()} == {name: count}
        run("mongo.verify", context, at=at, database=chosen, only=[name])
        database.client.drop_database(chosen)
    for name in ("drafts", "other"):
        with pytest.raises(PermanentError, match=f"no collection {name} at that moment"):
            run("mongo.restore", context, into=into, only=[name])


@pytest.mark.parametrize("at", [None, "stated"])
def test_going_on_to_a_newest_moment_that_is_later_by_now_says_what_to_do(
    context: FakeContext, database: Documents, into: str, at: str | None
) -> None:
    fill(database)
    run("backup.base", context)
    database.images.update_one({"_id": 7}, {"$set": {"views": 1}})
    end = run("backup.slice", context).outputs["end"]
    context.created_resource("mongo", into)
    database.client[into].images.insert_one({"_id": 7, "views": 0, "key": "k7"})  # as an earlier try wrote it

    with pytest.raises(StepError, match="already holds another document") as caught:
        run("mongo.restore", context, into=into, at=at and {"up_to": end})
    assert (f"Drop {into}, unless it is in use" in caught.value.remedy) == (at is None)


def test_nothing_gives_way_unless_it_is_said(context: FakeContext, database: Documents, into: str) -> None:
    fill(database)
    run("backup.base", context)
    database.client[into].precious.insert_one({"_id": 1})

    with pytest.raises(PermanentError, match="is not empty"):
        run("mongo.restore", context, into=into)
    assert list(contents(database.client[into])) == ["precious"]

    run("mongo.restore", context, into=into, replace=True)
    assert list(contents(database.client[into])) == ["images", "users"]


def test_replacing_chosen_collections_leaves_the_others(context: FakeContext, database: Documents, into: str) -> None:
    fill(database)
    run("backup.base", context)
    database.client[into].precious.insert_one({"_id": 1})
    database.client[into].users.insert_one({"_id": "stale"})

    run("mongo.restore", context, into=into, only=["users"], replace=True)

    found = contents(database.client[into])
    assert found["precious"] == [{"_id": 1}]
    assert len(found["users"]) == 20
    assert context.created == {("mongo", f"{into}.users")}, "a rollback must not drop what was there before"
    run("mongo.verify", context, database=into, only=["users"])


def test_nothing_gives_way_to_a_damaged_base(
    context: FakeContext, database: Documents, into: str, tmp_path: Path
) -> None:
    fill(database)
    run("backup.base", context)
    (data,) = tmp_path.glob("store/**/images.bson.gz")
    whole = data.read_bytes()
    data.write_bytes(whole[:-20] + b"x" + whole[-19:])
    database.client[into].precious.insert_one({"_id": 1})

    for only in ((), ("users",)):
        with pytest.raises(PermanentError, match=r"images\.bson\.gz.* is damaged.*; nothing was replaced"):
            run("mongo.restore", context, into=into, only=only, replace=True)
    assert contents(database.client[into]) == {"precious": [{"_id": 1}]}
    assert not context.created


@pytest.mark.slow
def test_instead_of_a_base_that_lacks_an_object_the_one_before_is_taken(
    context: FakeContext, database: Documents, into: str, tmp_path: Path
) -> None:
    fill(database)
    first = run("backup.base", context).outputs["id"]
    database.users.insert_one({"_id": "new"})
    newer = run("backup.base", replace(context, run_id="newer")).outputs["id"]
    run("backup.slice", context)
    next(tmp_path.glob(f"store/*/base/{newer}/**/users.bson.gz")).unlink()

    restored = run("mongo.restore", context, into=into)
    assert (restored.outputs["base"], restored.outputs["documents"]) == (first, 321)
    assert "users.bson.gz is not there" in restored.lines[-1]
    found = run("backup.has_base", context)
    assert (found.outputs["id"], "users.bson.gz is not there" in found.lines[-1]) == (first, True)


@pytest.mark.parametrize("at", ["2026-01-01T00:00:00Z", {"before": {"drop": "nosuch"}}])
def test_outside_the_window_the_answer_is_the_window(
    context: FakeContext, database: Documents, into: str, at: object
) -> None:
    fill(database)
    moment = str(run("backup.base", context).outputs["consistent_at"]).replace("T", " ").removesuffix("Z")
    with pytest.raises(PermanentError, match=f"; restorable: {moment[:19]} to {moment[:19]} UTC"):
        run("mongo.restore", context, into=into, at=at)
    assert into not in database.client.list_database_names()


def test_to_replace_is_to_destroy() -> None:
    assert _effect("mongo.restore", into="x") == "write"
    assert _effect("mongo.restore", into="x", replace=True) == "destroy"


@pytest.mark.slow
def test_every_way_to_name_a_moment_leads_there(context: FakeContext, database: Documents, into: str) -> None:
    fill(database)
    run("backup.base", context)
    database.images.insert_one({"_id": "first"})
    stamp = run("backup.slice", context).outputs["end"]
    database.images.insert_one({"_id": "second"})
    database.images.drop()
    run("backup.slice", context)

    counts = []
    for number, at in enumerate(({"up_to": stamp}, {"before": {"drop": "images"}}, None)):
        name = f"{into}_{number}"
        outputs = run("mongo.restore", context, into=name, **({"at": at} if at else {})).outputs
        counts.append(outputs["documents"])
        database.client.drop_database(name)

    assert counts == [321, 322, 20]
    with pytest.raises(PermanentError, match="is not a timestamp"):
        run("mongo.restore", context, into=into, at={"up_to": "yesterday"})


def test_a_rename_is_found_by_the_name_that_it_took_away(context: FakeContext, database: Documents, into: str) -> None:
    fill(database)
    run("backup.base", context)
    database.images.aggregate([{"$match": {"_id": {"$lt": 2}}}, {"$out": "spare"}])
    database.spare.rename("images", dropTarget=True)
    run("backup.slice", context)

    found = run("backup.find_event", context, since="2026-01-01T00:00:00Z", kinds=["rename"], collection="images")
    assert found.outputs["namespace"] == f"{database.name}.spare"
    restored = run("mongo.restore", context, into=into, at={"before": {"rename": "images"}})
    assert restored.outputs["restored_to"] == found.outputs["ts"]
    assert database.client[into].spare.count_documents({}) == 2


def test_another_services_backup_goes_into_the_same_name(
    context: FakeContext, database: Documents, into: str, mongo_server: str, tmp_path: Path
) -> None:
    fill(database)
    run("backup.base", context)
    other = FakeContext(
        tmp_path / "others", Target("staging", "pixelcraft-staging", sandbox=True, mongo=context.target.mongo,
                                    backups=context.target.backups)
    )  # fmt: skip
    with pytest.raises(PermanentError, match="is the database in use"):
        run("mongo.restore", other, into=database.name)
    with pytest.raises(PermanentError, match="holds no base of pixelcraft-staging"):
        run("mongo.restore", other, into=into)
    with pytest.raises(PermanentError, match="is not empty"):
        run("mongo.restore", other, into=database.name, service="pixelcraft")

    before = contents(database)
    database.images.delete_many({})
    run("mongo.restore", other, into=database.name, service="pixelcraft", replace=True)

    assert contents(database) == before


@pytest.mark.slow
def test_a_differential_replaces_the_slices_before_it(
    context: FakeContext, database: Documents, into: str, tmp_path: Path
) -> None:
    fill(database)
    run("backup.base", context)
    database.images.update_many({"_id": {"$lt": 50}}, {"$set": {"views": 1}})
    database.users.rename("people")
    run("backup.slice", context)
    taken = run("backup.differential", context).outputs
    database.images.insert_one({"_id": "late", "key": "late"})
    run("backup.slice", context)
    assert run("backup.differential", context).outputs == taken, "it had been finished"
    slices = sorted((tmp_path / "store").glob("pixelcraft/oplog/*"))
    first = [path.read_bytes() for path in slices[:2]]
    for path in slices[:2]:
        path.unlink()

    outputs = run("mongo.restore", context, into=into).outputs

    assert contents(database.client[into]) == contents(database)
    assert outputs["documents"] == 321
    run("mongo.verify", context, database=into)

    (damaged,) = (tmp_path / "store").glob("pixelcraft/diff/*/oplog.bson")
    damaged.write_bytes(damaged.read_bytes()[:-1])
    with pytest.raises(DrxError, match=r"ends at .*oplog\.bson"):
        run("mongo.restore", context, into=f"{into}_2")
    for path, content in zip(slices[:2], first, strict=True):
        path.write_bytes(content)
    result = run("mongo.restore", context, into=into, replace=True)
    assert any("oplog.bson" in line for line in result.lines), "what was not used is told"
    assert contents(database.client[into]) == contents(database)
