"""Manifests as JSON: what was written comes back, and nothing else is taken for a manifest."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Int64, Timestamp
from hypothesis import given
from hypothesis import strategies as st

from drx.backup.format.digest import Digest
from drx.backup.format.manifest import (
    CollectionManifest,
    FileManifest,
    Manifest,
    Member,
    Restored,
    RestoredCollection,
    SliceManifest,
    from_json,
    parse_timestamp,
    show_timestamp,
    to_json,
)
from drx.backup.format.seal import sealed
from drx.errors import StoreError

AT = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
INDEX = {"v": 2, "key": {"b": 1, "a": -1.0}, "name": "b_1_a_-1", "partialFilterExpression": {"at": {"$gt": AT}}}
DIGEST = Digest(2, 30, 2**127 + 1)
MANIFEST = Manifest(
    id="b1", kind="full", service="svc", database="d", server_version="8.0.0", drx_version="0.1.0",
    start=Timestamp(1, 2), end=Timestamp(2**32 - 1, 2**32 - 1), started_at=AT, finished_at=AT,
    collections=(CollectionManifest("c", None, b"\1" * 16, {"size": Int64(5)}, (INDEX,), DIGEST, "m", "dump/d/c"),
                 CollectionManifest("v", "view", None, {}, (), Digest(), "m2", None)),
    files=(FileManifest("dump/d/c", 9, "ab", (Member(0, 9, "cd", DIGEST, "1", '{"$oid": "x"}'),), "sum"),),
    oplog="dump/oplog.bson", oplog_entries=3,
)  # fmt: skip
SLICE = SliceManifest("svc", "d", Timestamp(1, 1), Timestamp(2, 1), 7, 100, "ab", "the oplog rolled over")
RESTORED = Restored("d2", (RestoredCollection("c", None, {"size": Int64(5)}, (INDEX,), DIGEST),))


@pytest.mark.parametrize("value", [MANIFEST, SLICE, RESTORED])
def test_what_was_written_comes_back(value: Any) -> None:
    data = to_json(value)
    assert from_json(type(value), data, "x") == value
    assert to_json(from_json(type(value), data, "x")) == data


def test_order_of_keys_and_types_of_numbers_survive() -> None:
    read = from_json(Manifest, to_json(MANIFEST), "x").collections[0]
    assert list(read.indexes[0]["key"]) == ["b", "a"]  # type: ignore[call-overload]
    assert isinstance(read.options["size"], Int64)


timestamps = st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))


@given(timestamps, timestamps)
def test_timestamps_sort_as_text(one: Timestamp, other: Timestamp) -> None:
    assert parse_timestamp(show_timestamp(one)) == one
    assert (show_timestamp(one) < show_timestamp(other)) == (one < other)


def changed(**fields: Any) -> bytes:
    whole = json.loads(to_json(MANIFEST))
    del whole["sha256"]
    return json.dumps(whole | fields).encode()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"{\0}", "text"), (b'{"a":' + b"[" * 10**6, "text"),
        (changed(more=1), "more"), (changed(kind="half"), "kind"), (changed(format=0), "format"),
        (changed(start="soon"), "start"), (changed(start=5), "start"), (changed(end="1.99999999999"), "end"),
        (changed(started_at="2026-11-21T08:00:00"), "started_at"), (changed(oplog_entries="3"), "oplog_entries"),
        (changed(collections=[{}]), "collections.0.name"), (changed(files=[1]), "files.0"),
        (changed(collections=[json.loads(to_json(MANIFEST))["collections"][0] | {"uuid": "zz"}]), "uuid"),
        (changed(collections=[json.loads(to_json(MANIFEST))["collections"][0] | {"digest": {"count": 1}}]), "digest"),
    ],
)  # fmt: skip
def test_anything_else_is_an_error_that_names_the_place(data: bytes, says: str) -> None:
    with pytest.raises(StoreError, match=r"s3://b/manifest\.json is not a manifest") as caught:
        from_json(Manifest, sealed(data), "s3://b/manifest.json")
    assert says in str(caught.value)


@pytest.mark.parametrize("value", [MANIFEST, SLICE])
def test_a_newer_format_is_said_to_be_one(value: Any) -> None:
    whole = {**json.loads(to_json(value)), "format": 2, "of_later": [1]}
    del whole["sha256"]
    with pytest.raises(StoreError) as caught:
        from_json(type(value), sealed(json.dumps(whole).encode()), "s3://b/manifest.json")
    by = f", by drx {value.drx_version}" if isinstance(value, Manifest) else ""
    assert caught.value.message == f"s3://b/manifest.json was written in format 2{by}; this drx reads format 1"
    assert "newer" in str(caught.value)


@pytest.mark.parametrize("value", [MANIFEST, SLICE])
def test_no_byte_of_a_manifest_can_change_unseen(value: Any) -> None:
    data = to_json(value)
    changed = [data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :] for at in range(len(data))]
    cut = [data[:at] for at in range(len(data))]
    for damaged in (*changed, *cut, data + b"\n", data.replace(b"\n", b"\r\n"), json.dumps(json.loads(data)).encode()):
        with pytest.raises(StoreError, match=r"^m is damaged: it is not as it was written"):
            from_json(type(value), damaged, "m")


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(StoreError, match=r"service.*database.*start"):
        from_json(Manifest, sealed(b'{"id": "x", "kind": "full"}'), "m")


def test_a_file_the_manifest_lacks_is_named() -> None:
    assert MANIFEST.file("dump/d/c").digest == DIGEST
    with pytest.raises(StoreError, match="lacks its own file dump/d/x"):
        MANIFEST.file("dump/d/x")
