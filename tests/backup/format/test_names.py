"""Collection names as stock file names, and stock metadata, both ways."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from bson import Int64
from hypothesis import given
from hypothesis import strategies as st

from drx.backup.format.metadata import Metadata, metadata_from_json, metadata_to_json
from drx.backup.format.names import escape, unescape
from drx.errors import StoreError

names = st.text(st.characters(exclude_characters="\0$", exclude_categories=["Cs"]), min_size=1, max_size=120)


@given(names)
def test_names_come_back(name: str) -> None:
    stem = escape(name)
    assert unescape(stem, name) == name
    if len(stem) < 238:
        assert unescape(stem) == name


@given(names, names)
def test_two_names_are_two_files_that_fit_a_file_system(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)
    for name in (one, other):
        file = f"{escape(name)}.metadata.json.gz"
        assert len(file) <= 255
        assert file.isascii()
        assert "/" not in file


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("images", "images"),
        ("cafés", "caf%C3%A9s"),
        ("a b/c.d", "a+b%2Fc.d"),
        ("50%+~-_", "50%25%2B~-_"),
        # Checked against sha1sum and base64 of coreutils.
        ("x" * 239, "x" * 208 + "%24Nq75d-cu3iRxNs-ce3Tvf9gagoU"),
    ],
)
def test_names_as_stock_tools_write_them(name: str, stem: str) -> None:
    assert escape(name) == stem


def test_a_cut_name_needs_its_metadata() -> None:
    with pytest.raises(StoreError, match="whole name"):
        unescape(escape("ü" * 200))
    with pytest.raises(StoreError, match="says it holds"):
        unescape("images", "users")
    with pytest.raises(StoreError, match="not an escaped"):
        unescape("%FF")


def test_stock_metadata_is_read(fixtures: Path) -> None:
    path = fixtures / "specialcharacter/db1/caf%C3%A9s.metadata.json"
    metadata = metadata_from_json(path.read_bytes(), path.name)
    assert metadata.uuid == bytes.fromhex("47d0f1f9ed46407fbada3cab9bb84644")
    assert metadata.indexes[0]["key"] == {"_id": 1}
    assert unescape(path.name.removesuffix(".metadata.json"), metadata.name) == "cafés"


def test_every_stock_metadata_is_written_back_the_same(fixtures: Path) -> None:
    files = sorted(fixtures.rglob("*.metadata.json"))
    assert len(files) >= 4
    for file in files:
        metadata = metadata_from_json(file.read_bytes(), file.name)
        assert metadata_from_json(metadata_to_json(metadata), file.name) == metadata
        stock = json.loads(file.read_bytes())
        written = json.loads(metadata_to_json(metadata))
        if '"$numberInt"' in file.read_text():  # the newer, canonical form
            assert written["indexes"] == stock["indexes"]
        assert written["uuid"] == stock["uuid"]


def test_metadata_are_canonical_and_in_stock_order() -> None:
    metadata = Metadata(
        "a", "view", b"\x01" * 16, {"size": Int64(4096), "at": datetime(2026, 1, 1, tzinfo=UTC)},
        ({"key": {"b": 1, "a": -1.0}, "name": "b_1_a_-1"},),
    )  # fmt: skip
    assert metadata_to_json(metadata) == (
        b'{"options":{"size":{"$numberLong":"4096"},"at":{"$date":{"$numberLong":"1767225600000"}}},'
        b'"indexes":[{"key":{"b":{"$numberInt":"1"},"a":{"$numberDouble":"-1.0"}},"name":"b_1_a_-1"}],'
        b'"uuid":"01010101010101010101010101010101","collectionName":"a","type":"view"}'
    )
    assert metadata_from_json(metadata_to_json(metadata), "a") == metadata


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{", b'{"options": 1}', b'{"indexes": {}}', b'{"indexes": [1]}', b'{"uuid": "x"}', b"\xff",
        b"[" * 100_000,
    ],
)  # fmt: skip
def test_hostile_metadata_is_an_error_that_names_the_file(data: bytes) -> None:
    with pytest.raises(StoreError, match=r"images\.metadata\.json"):
        metadata_from_json(data, "images.metadata.json")
