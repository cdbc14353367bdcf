"""Indexes, options, views, time series and capped collections as they were at the target time."""

from typing import Any

import pytest

from drx.backup.oplog.fold import BaseCollection
from drx.errors import StepError
from tests.backup.entries import BASE, ONE, TWO, Log, ids


def test_indexes_are_those_of_the_target_time() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"createIndexes": "c", "v": 2, "key": {"a": 1}, "name": "a_1", "hidden": True}, ui=ONE)
    log.add("c", "db.$cmd", {"startIndexBuild": "c", "indexes": []}, ui=ONE)
    built = {"v": 2, "key": {"b": 1}, "name": "b_1", "expireAfterSeconds": 5, "ns": "db.c"}
    log.add("c", "db.$cmd", {"commitIndexBuild": "c", "indexes": [built]}, ui=ONE)
    log.add("c", "db.$cmd", {"collMod": "c", "index": {"keyPattern": {"b": 1}, "expireAfterSeconds": 9}}, ui=ONE)
    log.add("c", "db.$cmd", {"collMod": "c", "index": {"name": "a_1", "hidden": False, "unique": True}}, ui=ONE)
    dropped = log.add("c", "db.$cmd", {"dropIndexes": "c", "index": "a_1"}, ui=ONE, o2={})
    log.add("c", "db.$cmd", {"dropIndexes": "c", "index": "*"}, ui=ONE)
    assert log.fold(BASE, until=dropped)["c"].indexes == (
        {"v": 2, "key": {"_id": 1}, "name": "_id_"},
        {"v": 2, "key": {"a": 1}, "name": "a_1", "unique": True},
        {"v": 2, "key": {"b": 1}, "name": "b_1", "expireAfterSeconds": 9},
    )
    assert [spec["name"] for spec in log.fold(BASE)["c"].indexes] == ["_id_"]


def test_options_are_those_of_the_target_time() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"collMod": "c", "validator": {"a": 1}, "validationLevel": "off"}, ui=ONE)
    log.add("c", "db.$cmd", {"convertToCapped": "c", "size": 4096}, ui=ONE)
    log.add("c", "db.$cmd", {"collMod": "c", "cappedSize": 8192, "cappedMax": 5}, ui=ONE)
    log.add("c", "db.$cmd", {"collMod": "c", "validator": {}}, ui=ONE)
    assert dict(log.fold(BASE)["c"].options) == {"validationLevel": "off", "capped": True, "size": 8192, "max": 5}


def test_emptying_a_capped_collection_forgets_the_base() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"emptycapped": "c"}, ui=ONE)
    plan = log.fold(BaseCollection("c", ONE, {"capped": True, "size": 4096}, BASE.indexes))["c"]
    assert (plan.origin, plan.options["capped"], len(plan.indexes)) == (None, True, 1)


def test_views_are_documents_of_their_own_collection() -> None:
    log = Log()
    view = {"viewOn": "c", "pipeline": [{"$match": {"a": 1}}]}
    log.add("c", "db.$cmd", {"create": "system.views"}, ui=TWO)
    log.add("i", "db.system.views", {"_id": "db.v", **view}, ui=TWO)
    log.add("i", "db.system.views", {"_id": "db.w", **view}, ui=TWO)
    log.add("u", "db.system.views", {"$v": 2, "diff": {"u": {"viewOn": "d"}}}, o2={"_id": "db.known"}, ui=TWO)
    log.add("d", "db.system.views", {"_id": "db.w"}, ui=TWO)
    plans = log.fold(BaseCollection("known", None, dict(view), (), "view"))
    assert {name: (plan.type, dict(plan.options)) for name, plan in plans.items()} == {
        "v": ("view", view), "known": ("view", {**view, "viewOn": "d"}),
    }  # fmt: skip


def test_a_time_series_is_its_buckets() -> None:
    log = Log()
    options = {"timeField": "t", "bucketMaxSpanSeconds": 3600}
    kept = {"timeseries": options, "collation": {"locale": "de"}}
    log.add("c", "db.$cmd", {"create": "system.buckets.ts", "validator": {}, "clusteredIndex": True, **kept}, ui=TWO)
    log.add("i", "db.system.views", {"_id": "db.ts", "viewOn": "system.buckets.ts", "pipeline": []}, ui=ONE)
    log.add("i", "db.system.buckets.ts", {"_id": 1, "data": {}}, ui=TWO)
    plan = log.fold()["ts"]
    assert (plan.type, dict(plan.options), plan.indexes) == ("timeseries", kept, ())
    assert ids({"c": plan}) == [1]


def test_a_time_series_that_is_no_buckets_is_a_collection() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"create": "ts", "timeseries": {"timeField": "t"}}, ui=TWO)  # the embedded server's
    assert log.fold()["ts"].type is None


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ({"meta": 1, "control.min.t": 1, "control.max.t": 1}, {"m": 1, "t": 1}),
        ({"control.max.t": -1, "control.min.t": -1, "meta.place.x": "2dsphere"}, {"t": -1, "m.place.x": "2dsphere"}),
        ({"control.min.v": 1, "control.max.v": 1}, {"v": 1}),
        ({"data.v": 1}, None),
    ],
)
def test_an_index_on_buckets_is_one_on_measurements(key: dict[str, Any], expected: dict[str, Any] | None) -> None:
    log = Log()
    options = {"timeField": "t", "metaField": "m"}
    log.add("c", "db.$cmd", {"create": "system.buckets.ts", "clusteredIndex": True, "timeseries": options}, ui=TWO)
    log.add("c", "db.$cmd", {"createIndexes": "system.buckets.ts", "v": 2, "key": key, "name": "x"}, ui=TWO)
    if expected is None:
        with pytest.raises(StepError, match="an index on the buckets of the time series ts"):
            log.fold()
    else:
        (found,) = log.fold()["ts"].indexes
        assert list(found["key"].items()) == list(expected.items())  # type: ignore[attr-defined]


def test_a_clustered_collection_has_no_other_index_on_its_id() -> None:
    log = Log()
    index = {"v": 2, "key": {"_id": 1}, "name": "by id", "unique": True}
    log.add("c", "db.$cmd", {"create": "c", "clusteredIndex": index, "idIndex": BASE.indexes[0]}, ui=TWO)
    log.add("c", "db.$cmd", {"dropIndexes": "c", "index": "*"}, ui=TWO)
    assert log.fold()["c"].indexes == ({**index, "clustered": True},)
