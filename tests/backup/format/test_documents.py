"""Cutting raw BSON: every type, and every kind of damage."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import bson
import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from hypothesis import given
from hypothesis import strategies as st

from drx.backup.format.documents import DamagedDocument, elements, id_element, split

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.floats(), st.text(), st.binary(), st.binary().map(lambda data: Binary(data, 128)),
    st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),
    st.binary(min_size=12, max_size=12).map(ObjectId), st.just(MinKey()), st.just(MaxKey()), st.just(Decimal128("1.1")),
    st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)), st.just(Regex("a.*", "im")),
    st.just(Code("x")), st.just(Code("x", {"y": 1})), st.just(DBRef("c", 1)),
)  # fmt: skip
names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=4
)
documents = st.dictionaries(names, values, max_size=5).map(lambda fields: {**fields, "_id": fields.get("_id", 1)})
raws = documents.map(bson.encode)


@given(st.lists(raws, max_size=4))
def test_documents_laid_end_to_end_come_apart_again(found: list[bytes]) -> None:
    assert split(b"".join(found)) == found


@given(raws)
def test_elements_rebuild_their_document(raw: bytes) -> None:
    walked = [bytes((kind,)) + name + b"\0" + raw[start:end] for name, kind, start, end in elements(raw)]
    assert raw[:4] + b"".join(walked) + b"\0" == raw


@given(values, documents)
def test_the_id_is_found_wherever_it_stands(identity: object, fields: dict[str, object]) -> None:
    fields = {name: value for name, value in fields.items() if name != "_id"}
    first, last = bson.encode({"_id": identity, **fields}), bson.encode({**fields, "_id": identity})
    alone = bson.encode({"_id": identity})
    assert id_element(alone) == alone[4:5] + alone[9:-1]
    # The driver itself moves a top-level _id to the front; a document laid by hand does not.
    behind = first[:4] + b"\x0aother\0" + first[4:]
    behind = len(behind).to_bytes(4, "little") + behind[4:]
    assert id_element(first) == id_element(last) == id_element(behind) == id_element(alone)


def test_every_type_of_a_real_dump_is_walked(fixtures: Path) -> None:
    documents = split((fixtures / "all_types.bson").read_bytes())
    kinds = {kind for document in documents for name, kind, _, _ in elements(document) if name == b"ex"}
    assert kinds == {*range(0x01, 0x0E), 0x11, 0x12, 0x7F, 0xFF}


@given(raws, st.data())
def test_a_cut_document_is_damage_not_a_document(raw: bytes, data: st.DataObject) -> None:
    cut = raw[: data.draw(st.integers(1, len(raw) - 1))]
    with pytest.raises(DamagedDocument):
        split(cut)
    with pytest.raises(DamagedDocument):
        list(elements(cut))


@given(raws, st.data())
def test_damage_never_raises_anything_else(raw: bytes, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(raw) - 1))
    damaged = raw[:position] + bytes((data.draw(st.integers(0, 255)),)) + raw[position + 1 :]
    for read in (split, id_element, lambda bad: list(elements(bad))):
        with suppress(DamagedDocument):
            read(damaged)


@pytest.mark.parametrize("length", [-1, 0, 4, 2**31 - 1])
def test_a_wrong_length_is_damage(length: int) -> None:
    raw = bson.encode({"_id": 1})
    with pytest.raises(DamagedDocument, match="byte 14"):
        split(raw + length.to_bytes(4, "little", signed=True) + raw[4:])


def test_a_document_without_id_is_named() -> None:
    with pytest.raises(DamagedDocument, match="no _id"):
        id_element(bson.encode({"a": {"_id": 1}}))
