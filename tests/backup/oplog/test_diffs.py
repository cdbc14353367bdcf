"""Updates in every dialect, on raw bytes."""

import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, Timestamp, encode
from hypothesis import given
from hypothesis import strategies as st

from drx.backup.format.documents import DamagedDocument
from drx.backup.oplog.diffs import apply_update, is_replacement


def v2(diff: dict[str, Any]) -> bytes:
    return encode({"$v": 2, "diff": diff})


def paths(updated: dict[str, Any], removed: tuple[str, ...] = (), **more: Any) -> bytes:
    return v2({"updatedFields": updated, "removedFields": list(removed), "truncatedArrays": []} | more)


@pytest.mark.parametrize(
    ("before", "update", "after"),
    [
        # as real servers write them: `$v: 2` with d, u, i, s
        ({"_id": 1, "a": 1, "b": 2}, v2({"d": {"a": False}}), {"_id": 1, "b": 2}),
        ({"_id": 1, "a": 1, "b": 2}, v2({"u": {"a": "x"}}), {"_id": 1, "a": "x", "b": 2}),
        ({"_id": 1, "a": 1}, v2({"i": {"z": 1, "y": 2}}), {"_id": 1, "a": 1, "z": 1, "y": 2}),
        ({"_id": 1, "z": 1, "a": 1}, v2({"i": {"z": 2}}), {"_id": 1, "a": 1, "z": 2}),
        ({"_id": 1, "a": 1}, v2({"d": {"a": False}, "u": {"n": 0}, "i": {"m": 1}}), {"_id": 1, "n": 0, "m": 1}),
        ({"s": {"t": {"u": 1, "v": 2}}}, v2({"ss": {"st": {"d": {"u": 0}, "u": {"v": 3}}}}), {"s": {"t": {"v": 3}}}),
        ({"l": [1, 2, 3]}, v2({"sl": {"a": True, "u1": 9}}), {"l": [1, 9, 3]}),
        ({"l": [1, 2, 3]}, v2({"sl": {"a": True, "l": 1}}), {"l": [1]}),
        ({"l": [1]}, v2({"sl": {"a": True, "u3": 9}}), {"l": [1, None, None, 9]}),
        ({"l": [1]}, v2({"sl": {"a": True, "l": 3, "u0": 0}}), {"l": [0, None, None]}),
        ({"l": [1, {"k": [1]}]}, v2({"sl": {"a": True, "s1": {"sk": {"a": True, "u0": 2}}}}), {"l": [1, {"k": [2]}]}),
        ({"l": list(range(12))}, v2({"sl": {"a": True, "u10": "x"}}), {"l": [*range(10), "x", 11]}),
        ({"s": 1, "sx": {"k": 1}}, v2({"ssx": {"u": {"k": 2}}}), {"s": 1, "sx": {"k": 2}}),
        # names that look like paths, operators or places in an array
        ({"a.b": 1, "a": {"b": 2}}, v2({"u": {"a.b": 3}}), {"a.b": 3, "a": {"b": 2}}),
        ({"$set": 1, "": 2}, v2({"d": {"": False}, "u": {"$set": 3}, "i": {"$v": 4}}), {"$set": 3, "$v": 4}),
        ({"0": 1, "a": {"0": {"1": 2}}}, v2({"u": {"0": 3}, "sa": {"s0": {"u": {"1": 4}}}}),
         {"0": 3, "a": {"0": {"1": 4}}}),
        ({"u1": {"s": 1}, "l": 1}, v2({"su1": {"u": {"s": 2}}, "u": {"l": 0}}), {"u1": {"s": 2}, "l": 0}),
        ({"a": {"a": [[1, {"b": [0]}], 2]}},
         v2({"sa": {"sa": {"a": True, "l": 1, "s0": {"a": True, "s1": {"sb": {"a": True, "u1": 5}}, "u3": 6}}}}),
         {"a": {"a": [[1, {"b": [0, 5]}, None, 6]]}}),
        ({"l": [1, 2, 3]}, v2({"sl": {"a": True, "l": 2, "u0": 9, "u3": 8}}), {"l": [9, 2, None, 8]}),
        ({"l": []}, v2({"sl": {"a": True, "l": 0}}), {"l": []}),
        ({"l": [1]}, v2({"sl": {"a": True, "s3": {"u": {"k": 1}}, "s0": {"u": {"k": 1}}}}), {"l": [1]}),
        # what a document that is already newer lacks, is left alone
        ({"a": 1}, v2({"ss": {"u": {"k": 1}}}), {"a": 1}),
        ({"s": 5}, v2({"ss": {"u": {"k": 1}}}), {"s": 5}),
        ({"s": {"k": 1}}, v2({"ss": {"a": True, "u0": 1}}), {"s": {"k": 1}}),
        ({"s": [1]}, v2({"ss": {"u": {"k": 1}}}), {"s": [1]}),
        ({"a": 1}, v2({"d": {"b": False}}), {"a": 1}),
        # columns of a time series
        ({"c": Binary(b"abcd", 7)}, v2({"b": {"c": {"o": 2, "d": Binary(b"XYZ")}}}), {"c": Binary(b"abXYZ", 7)}),
        # the embedded server's form
        ({"_id": 1, "n": 1}, paths({"a.b": 2, "m": 1}, ("n",)), {"_id": 1, "m": 1}),
        ({"a": {"b": 1, "c": 2}}, paths({"a.b": 2, "a.d": {}}, ("a.c",)), {"a": {"b": 2, "d": {}}}),
        ({"l": [1, {"z": 1}]}, paths({"l.1.z": 2, "l.2": 3}), {"l": [1, {"z": 2}, 3]}),
        ({"l": [1]}, paths({"l.3": 3}), {"l": [1, None, None, 3]}),
        ({"l": {"0": 1}}, paths({"l.0": 2}, disambiguatedPaths={"l.0": ["l", "0"]}), {"l": {"0": 2}}),
        ({"l": [[1, 2]]}, paths({"l.0.1": 5}, disambiguatedPaths={"l.0.1": ["l", 0, 1]}), {"l": [[1, 5]]}),
        ({"a": {"x.y": 1}}, paths({"a.x.y": 2}), {"a": {"x.y": 2}}),
        ({"a": {"x.y": 1}}, paths({}, ("a.x.y",)), {"a": {}}),
        ({"a": 1, "a.0": 2}, paths({"a.0": 3}), {"a": 1, "a.0": 3}),
        ({"a.0": 2, "a": [1]}, paths({"a.0": 3}), {"a.0": 2, "a": [3]}),
        ({"a": 1}, paths({"a.0": 3}), {"a": 1}),
        ({"l": [1, 2]}, paths({}, ("l.0",)), {"l": [None, 2]}),
        ({"a": {"l": [1, 2, 3]}}, paths({"a.l.0": 9}, truncatedArrays=[{"field": "a.l", "newSize": 2}]),
         {"a": {"l": [9, 2]}}),
        ({"l": [[1, 2]]}, paths({}, truncatedArrays=[{"field": "l.0", "newSize": 1}]), {"l": [[1]]}),
        # before 5.0: `$v: 1`
        ({"a": 1, "b": 2}, encode({"$v": 1, "$set": {"a": 2}, "$unset": {"b": True}}), {"a": 2}),
        ({"a": 1}, encode({"$set": {"s.t.u": 1}}), {"a": 1, "s": {"t": {"u": 1}}}),
        ({"s": 1}, encode({"$v": 1, "$set": {"s.t": 1}}), {"s": 1}),
        ({"l": [1]}, encode({"$v": 1, "$set": {"l.2": 3}}), {"l": [1, None, 3]}),
        ({"l": [1]}, encode({"$v": 1, "$set": {"l.2.k": 3}}), {"l": [1, None, {"k": 3}]}),
        ({"l": [{"0": 1}]}, encode({"$v": 1, "$set": {"l.0.0": 2, "l.0.1": 3}}), {"l": [{"0": 2, "1": 3}]}),
        ({"d": {"0": 1}}, encode({"$v": 1, "$set": {"d.0": 2, "d.2": 3}}), {"d": {"0": 2, "2": 3}}),
        ({"a": 1}, encode({"$v": 1, "$set": {"d.0.1": 3}}), {"a": 1, "d": {"0": {"1": 3}}}),
        ({"l": [1]}, encode({"$v": 1, "$set": {"l.k": 3}}), {"l": [1]}),
        ({"l": [[1], 2]}, encode({"$v": 1, "$set": {"l.0.1": 3}, "$unset": {"l.1": True, "l.9": True}}),
         {"l": [[1, 3], None]}),
        ({"l": [1, 2]}, encode({"$v": 1, "$unset": {"l.0": True}}), {"l": [None, 2]}),
        # a whole document
        ({"_id": 1, "a": 1}, encode({"_id": 1, "z": 0}), {"_id": 1, "z": 0}),
    ],
)  # fmt: skip
def test_update(before: dict[str, Any], update: bytes, after: dict[str, Any]) -> None:
    assert apply_update(encode(before), update) == encode(after)


@pytest.mark.parametrize(
    "update",
    [
        encode({"$v": 3, "diff": {}}),
        encode({"$v": 2, "diff": {"x": {}}}),
        encode({"$v": 2, "diff": {"sl": {"a": True, "q1": 1}}}),
        encode({"$v": 2, "diff": {"updatedFields": {}, "renamedFields": {}}}),
        encode({"$v": 1, "$inc": {"a": 1}}),
        encode({"$v": 2}),
    ],
)
def test_an_unknown_form_is_refused(update: bytes) -> None:
    with pytest.raises(DamagedDocument, match="does not know"):
        apply_update(encode({"_id": 1, "l": [1]}), update)


def test_every_untouched_byte_survives() -> None:
    """Values Python cannot hold, or would change: a date in the year 300000, -0.0, a NaN's payload, twice one key."""
    nan = struct.pack("<Q", 0x7FF80000DEADBEEF)
    odd = (
        b"\x09far\0" + struct.pack("<q", 9_400_000_000_000_000)
        + b"\x01neg\0" + struct.pack("<d", -0.0)
        + b"\x01nan\0" + nan
        + b"\x11zero\0" + bytes(8)
        + b"\x10twice\0" + struct.pack("<i", 1)
        + b"\x12twice\0" + struct.pack("<q", 1)
    )  # fmt: skip
    document = struct.pack("<i", len(odd) + 5 + 7) + b"\x10a\0\1\0\0\0" + odd + b"\0"
    expected = struct.pack("<i", len(odd) + 5 + 4) + odd + b"\x08b\0\1" + b"\0"
    for update in (v2({"d": {"a": False}, "i": {"b": True}}), paths({"b": True}, ("a",))):
        assert apply_update(document, update) == expected


_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**31), 2**31 - 1), st.floats(allow_nan=False), st.text(max_size=3),
        st.builds(Int64, st.integers(-(2**40), 2**40)), st.just(Decimal128("1.0")), st.just(Timestamp(0, 0)),
        st.just(datetime(2020, 1, 1, tzinfo=UTC)),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
_documents = st.dictionaries(st.sampled_from("abcd"), _values, max_size=4)


def _difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Compute a `$v: 2` diff as the servers do, where the order of what stays allows one."""
    diff: dict[str, Any] = {"d": {}, "u": {}, "i": {}}
    for key in before:
        if key not in after:
            diff["d"][key] = False
    for key, value in after.items():
        old = before.get(key)
        if key not in before:
            diff["i"][key] = value
        elif isinstance(old, dict) and isinstance(value, dict) and _order_kept(old, value):
            diff[f"s{key}"] = _difference(old, value)
        elif isinstance(old, list) and isinstance(value, list):
            diff[f"s{key}"] = _array_difference(old, value)
        elif encode({"": old}) != encode({"": value}):
            diff["u"][key] = value
    return {key: value for key, value in diff.items() if value}


def _array_difference(before: list[Any], after: list[Any]) -> dict[str, Any]:
    diff: dict[str, Any] = {"a": True}
    if len(after) < len(before):
        diff["l"] = len(after)
    for index, value in enumerate(after):
        if index >= len(before) or encode({"": before[index]}) != encode({"": value}):
            diff[f"u{index}"] = value
    return diff


def _order_kept(before: dict[str, Any], after: dict[str, Any]) -> bool:
    kept = [key for key in before if key in after]
    return list(after)[: len(kept)] == kept


@given(_documents, _documents)
def test_a_diff_turns_one_document_into_the_other_and_again_changes_nothing(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    if not _order_kept(before, after):
        after = {key: after[key] for key in [k for k in before if k in after] + [k for k in after if k not in before]}
    update = v2(_difference(before, after))
    once = apply_update(encode(before), update)
    assert once == encode(after)
    assert apply_update(once, update) == once
    assert not is_replacement(update)
