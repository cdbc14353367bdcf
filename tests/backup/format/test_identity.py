"""Ids that a server takes for the same, in whatever form, have one key; all others have one of their own."""

import struct
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from bson import (
    Binary,
    Code,
    DatetimeMS,
    DBRef,
    Decimal128,
    Int64,
    MaxKey,
    MinKey,
    ObjectId,
    Regex,
    Timestamp,
    encode,
)  # fmt: skip
from hypothesis import given
from hypothesis import strategies as st

from drx.backup.format.documents import DamagedDocument
from drx.backup.format.identity import id_key
from drx.backup.oplog.plan import show_id

_OID = ObjectId()
_DECIMAL_NANS = [struct.pack("<QQ", low, high << 48) for low, high in ((0, 0x7C00), (5, 0xFC00), (0, 0x7E00))]
_ALONE: list[Any] = [
    True, False, None, "", "1", "x", b"x", Binary(b"x" * 16, 3), Binary(b"x" * 16, 4), Binary(b"x", 128), {},
    [], [1], MinKey(), MaxKey(), Regex("a"), Regex("a", "i"), Code("a"), Code("a", {"b": 1}), _OID, str(_OID),
    Timestamp(0, 1), Timestamp(1, 0), datetime(1970, 1, 1, tzinfo=UTC), DatetimeMS(1), DatetimeMS(1 << 62),
    DatetimeMS(-(1 << 62)),
]  # fmt: skip
SAME: list[list[Any]] = [
    [1, Int64(1), 1.0, Decimal128("1"), Decimal128("1.00"), Decimal128("10E-1")],
    [0, Int64(0), 0.0, -0.0, Decimal128("-0"), Decimal128("0E+10"), Decimal128("-0E-20")],
    [float("nan"), -float("nan"), *map(Decimal128.from_bid, _DECIMAL_NANS)],
    [float("inf"), Decimal128("Infinity")],
    [float("-inf"), Decimal128("-Infinity")],
    [5.5, Decimal128("5.50")],
    [Int64(1 << 40), float(1 << 40), Decimal128("1099511627776.0")],
    [Decimal128("0.1"), Decimal128("0.10")],
    [0.1],
    [Int64((1 << 53) + 1)],
    [Int64(1 << 53), float(1 << 53)],
    [float(1 << 63), Decimal128("9223372036854775808")],
    [Int64(-(1 << 63)), -float(1 << 63)],
    [Decimal128("1E+6144"), Decimal128("1.0E+6144")],
    [Decimal128("1E-6176")],
    [5e-324],
    [1e22, Decimal128("1E+22")],
    [{"a": 1, "b": [1.0, 2]}, {"a": 1.0, "b": [Decimal128("1"), Int64(2)]}],
    [{"b": [1, 2], "a": 1}],
    [{"a": {"b": 1}}, {"a": {"b": Int64(1)}}],
    [{"a": 1}],
    [DBRef("c", 1), {"$ref": "c", "$id": 1.0}],
    *([value] for value in _ALONE),
]  # fmt: skip


def key_of(identity: Any) -> bytes:
    return id_key(encode({"n": 0, "_id": identity}))


def test_what_is_equal_has_one_key_and_all_else_has_its_own() -> None:
    groups: dict[bytes, list[Any]] = {}
    for same in SAME:
        (key,) = {key_of(value) for value in same}
        assert key not in groups, (same, groups[key])
        groups[key] = same


def test_a_key_can_be_shown_and_is_its_own_key() -> None:
    for same in SAME:
        key = key_of(same[0])
        show_id(key)
        again = key[:1] + b"_id\0" + key[1:]
        assert id_key(struct.pack("<i", len(again) + 5) + again + b"\0") == key


def test_a_symbol_is_the_text_that_it_holds() -> None:
    text = encode({"_id": "x"})
    assert id_key(text.replace(b"\x02_id", b"\x0e_id")) == id_key(text)


_numbers = st.one_of(
    st.integers(-(1 << 63), (1 << 63) - 1).map(Int64),
    st.floats(),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**20), max_value=10**20).map(Decimal128),
)


@given(_numbers, _numbers)
def test_numbers_share_a_key_just_where_their_values_are_equal(one: Any, other: Any) -> None:
    def value(number: Any) -> Decimal:
        return number.to_decimal() if isinstance(number, Decimal128) else Decimal(number)

    equal = value(one) == value(other) or (value(one).is_nan() and value(other).is_nan())
    assert (key_of(one) == key_of(other)) is equal
    if isinstance(one, Int64):
        assert key_of(one) == key_of(Decimal128(str(int(one))))
        assert (key_of(one) == key_of(float(one))) is (Decimal(float(one)) == int(one))


def test_a_document_without_an_id_is_damage() -> None:
    with pytest.raises(DamagedDocument, match="no _id"):
        id_key(encode({"a": 1}))
