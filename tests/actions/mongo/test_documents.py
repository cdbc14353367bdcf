"""`mongo.copy_documents` and its kin: only the bad documents come back, and every other stays, to the byte."""

from collections.abc import Iterator
from typing import Any

import pytest
from bson import Int64, ObjectId

from drx.errors import PermanentError, StepError
from tests.actions.context import FakeContext, params_of, registered, run
from tests.actions.mongo.databases import Documents

BAD: dict[str, object] = {"sha256": "none"}
COUNT = 203
Collection = dict[Any, dict[str, Any]]


@pytest.fixture
def good(database: Documents) -> Iterator[Documents]:
    """The restored database; the one in use has damage in it, and what people did since."""
    restored = database.client[f"{database.name}_recovered"]
    odd: list[object] = [ObjectId(), {"a": 1, "b": Int64(2)}, "text", Int64(2**40)]
    documents = [{"_id": each, "n": Int64(1), "sha256": f"of {each}", "views": 0} for each in (*range(COUNT), *odd)]
    for each in (restored, database):
        each.images.insert_many(documents)
    database.images.update_many({"_id": {"$lt": 120}}, {"$set": BAD})
    database.images.update_one({"_id": {"a": 1, "b": Int64(2)}}, {"$set": BAD})
    database.images.delete_many({"_id": {"$in": [130, 131, "text"]}})
    database.images.update_many({"_id": {"$gte": 140, "$lt": 160}}, {"$inc": {"views": 1}})
    database.images.insert_one({"_id": "new", "sha256": "since then"})
    yield restored
    database.client.drop_database(restored.name)
    database.client.drop_database(kept_in(database))


def kept_in(database: Documents) -> str:
    return f"{database.name}_replaced"


def chosen(database: Documents, **more: object) -> dict[str, object]:
    return {"source": f"{database.name}_recovered", "collection": "images", "damaged": BAD, **more}


def copy(database: Documents, context: FakeContext, **more: object) -> dict[str, Any]:
    keep = kept_in(database)
    return dict(run("mongo.copy_documents", context, **chosen(database, keep_in=keep, **more)).outputs)


def undo(database: Documents, context: FakeContext) -> dict[str, Any]:
    place = {"source": f"{database.name}_recovered", "collection": "images", "keep_in": kept_in(database)}
    return dict(run("mongo.undo_copy", context, **place).outputs)


def contents(database: Documents) -> list[dict[str, Any]]:
    return sorted(database.images.find(), key=lambda each: f"{each['_id']!r}")


def test_bad_and_lost_documents_are_counted(database: Documents, good: Documents, context: FakeContext) -> None:
    database.images.insert_one({"_id": "newer", **BAD})
    before = contents(database)
    found = run("mongo.compare_documents", context, **chosen(database)).outputs
    assert {name: found[name] for name in ("count", "damaged", "gone", "unmatched")} == {
        "count": 124,
        "damaged": 121,
        "gone": 3,
        "unmatched": 1,
    }
    assert found["examples"] == [0, 1, 2, 3, 4]
    assert contents(database) == before


@pytest.mark.parametrize(
    ("more", "count"),
    [
        ({"gone": False}, 121),
        ({"damaged": None}, 3),
        ({"damaged": "None "}, 3),
        ({"damaged": '{"sha256": "none"}'}, 124),
        ({"damaged": {}}, 144),
        ({"damaged": None, "gone": False}, 0),
        ({"filter": {"_id": {"$lt": 10}}}, 10),
    ],
)
def test_what_counts_as_damage_is_chosen(
    database: Documents, good: Documents, context: FakeContext, more: dict[str, object], count: int
) -> None:
    assert run("mongo.compare_documents", context, **chosen(database, **more)).outputs["count"] == count
    with pytest.raises(StepError, match=f"has {count:,} documents to put back, not exactly {count + 1:,}"):
        run("mongo.compare_documents", context, **chosen(database, **more, equals=count + 1))


def test_only_the_bad_documents_come_back(database: Documents, good: Documents, context: FakeContext) -> None:
    assert copy(database, context, at_most=124) == {"count": 124, "kept_in": kept_in(database)}
    now = contents(database)
    assert [each for each in now if each["_id"] != "new" and not each["views"]] == [
        each for each in contents(good) if each["_id"] not in range(140, 160)
    ]
    assert sum(each.get("views", 0) for each in now) == 20, "what people did since is still there"
    assert any(each["_id"] == "new" for each in now)
    run("mongo.compare_documents", context, **chosen(database, equals=0))
    assert copy(database, context)["count"] == 0, "a second time, nothing is left to do"


def test_a_document_whose_id_has_another_numeric_type_now_is_the_same_document(
    database: Documents, good: Documents, context: FakeContext
) -> None:
    for number in (3, 200):
        database.images.delete_one({"_id": number})
        database.images.insert_one({"_id": float(number), "n": Int64(1), **BAD})
    for selection in ({}, {"filter": {"views": 0}}):
        found = run("mongo.compare_documents", context, **chosen(database, **selection)).outputs
        assert (found["count"], found["damaged"], found["gone"], found["unmatched"]) == (125, 122, 3, 0)


def test_what_was_replaced_is_kept_and_comes_back(database: Documents, good: Documents, context: FakeContext) -> None:
    before = contents(database)
    copy(database, context)
    kept = database.client[kept_in(database)]
    assert kept.images.count_documents(BAD) == kept.images.count_documents({}) == 121
    assert undo(database, context) == {"replaced": 121, "removed": 3}
    assert contents(database) == before
    assert undo(database, context) == {"replaced": 0, "removed": 0}


def test_an_undo_leaves_what_was_changed_since(database: Documents, good: Documents, context: FakeContext) -> None:
    copy(database, context)
    database.images.update_many({"_id": {"$in": [3, 130]}}, {"$set": {"title": "dear"}})
    with pytest.raises(StepError, match=r"2 documents of .* were changed since"):
        undo(database, context)
    assert database.images.count_documents({"title": "dear"}) == 2
    assert database.images.count_documents(BAD) == 120


def test_an_undo_touches_nothing_that_another_run_put_back(
    database: Documents, good: Documents, context: FakeContext
) -> None:
    copy(database, context)
    before = contents(database)
    context.created = frozenset()
    assert undo(database, context) == {"replaced": 0, "removed": 0}
    with pytest.raises(PermanentError, match="may hold what an earlier run replaced"):
        copy(database, context)
    assert contents(database) == before


def test_an_interrupted_copy_goes_on(database: Documents, good: Documents, context: FakeContext) -> None:
    """The first half is kept and written, some of the second half only kept."""
    before = contents(database)
    copy(database, context, filter={"_id": {"$lt": 60}})
    half = list(database.images.find({"_id": {"$gte": 60, "$lt": 70}}))
    database.client[kept_in(database)].images.insert_many(half)
    assert copy(database, context)["count"] == 124 - 60
    assert undo(database, context) == {"replaced": 121, "removed": 3}
    assert contents(database) == before


def test_more_than_was_agreed_changes_nothing(database: Documents, good: Documents, context: FakeContext) -> None:
    before = contents(database)
    with pytest.raises(PermanentError, match=r"124 documents of .* would be written, not 123 at most"):
        copy(database, context, at_most=123)
    assert contents(database) == before
    assert kept_in(database) not in database.client.list_database_names()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"collection": "nosuch"}, "has no collection nosuch"),
        ({"damaged": {"$nosuch": 1}}, "nosuch"),
        ({"source": None}, "is the database in use"),
    ],
)
def test_a_copy_that_cannot_be_meant_is_refused(
    database: Documents, good: Documents, context: FakeContext, more: dict[str, object], message: str
) -> None:
    if "source" in more:
        more = {"source": database.name}
    before = contents(database)
    with pytest.raises(StepError, match=message):
        copy(database, context, **more)
    assert contents(database) == before


def test_the_guard_judges_the_collection_that_is_written(database: Documents, context: FakeContext) -> None:
    action = registered("mongo.copy_documents")
    replacing = params_of("mongo.copy_documents", **chosen(database, keep_in="kept"))
    adding = params_of("mongo.copy_documents", **chosen(database, keep_in="kept", damaged="none"))
    assert action.resource is not None
    assert action.resource(replacing, context.target) == f"{database.name}.images"
    assert (action.effect(replacing), action.effect(adding)) == ("destroy", "write")


def test_a_text_that_is_no_query_is_refused(database: Documents) -> None:
    with pytest.raises(ValueError, match="this is no query"):
        params_of("mongo.compare_documents", **chosen(database, damaged="sha256 = none"))


def test_a_fault_with_a_filter_leaves_the_rest(database: Documents, good: Documents, context: FakeContext) -> None:
    asked: dict[str, object] = {"collection": "images", "field": "sha256", "value": "worse"}
    found = run("mongo.corrupt", context, **asked, filter={"_id": {"$gte": 180}}).outputs
    assert found["count"] == database.images.count_documents({"sha256": "worse"}) == COUNT - 180 + 1
    assert context.lost == [], "it can be mended in place"
    with pytest.raises(StepError, match=r"no document of .* would be changed"):
        run("mongo.corrupt", context, **asked, filter={"_id": -1})
    run("mongo.corrupt", context, **asked)
    assert context.lost == [("mongo", f"{database.name}.images")]


def test_a_large_collection_is_read_once_in_pieces(database: Documents, context: FakeContext) -> None:
    good = database.client[f"{database.name}_recovered"]
    try:
        good.images.insert_many([{"_id": 2 * n} for n in range(2300)])
        database.images.insert_many([{"_id": n} for n in range(4700)])
        database.images.delete_many({"_id": {"$in": [0, 1998, 2000, 3998, 4598]}})  # at the borders of the pieces
        database.images.update_many({"_id": {"$in": [2, 1996, 4596, 4699]}}, {"$set": BAD})
        found = run("mongo.compare_documents", context, **chosen(database)).outputs
        assert (found["gone"], found["damaged"], found["unmatched"]) == (5, 3, 1)
        assert found["examples"] == [0, 2, 1996, 1998, 2000]
        database.images.drop()
        assert run("mongo.compare_documents", context, **chosen(database)).outputs["gone"] == 2300
    finally:
        database.client.drop_database(good.name)
