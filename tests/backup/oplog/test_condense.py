"""Condensed updates make the same of a document as the updates they stand for, in whatever state it was caught."""

import random
from typing import Any

import pytest
from bson import decode, encode
from hypothesis import given
from hypothesis import strategies as st

from drx.backup.oplog.condense import condensed
from drx.backup.oplog.diffs import apply_update
from tests.backup.oplog.test_diffs import paths, v2

_FIELDS, _VALUES = "abcd", (0, 1.5, "x", None, [1, {"a": 1}], {"a": 1}, {"b": {"c": 2}})


def applied(document: bytes, updates: list[bytes]) -> bytes:
    for update in updates:
        document = apply_update(document, update)
    return document


@pytest.mark.parametrize(
    ("updates", "number"),
    [
        ([v2({"u": {"a": n}}) for n in range(9)], 1),
        ([v2({"i": {"a": 1}}), v2({"d": {"a": False}}), v2({"i": {"b": 1}})], 1),
        ([v2({"i": {"a": {"k": 1}}}), v2({"sa": {"u": {"k": 2}}})], 1),
        ([v2({"sa": {"u": {"k": 1}}}), v2({"sa": {"sl": {"i": {"m": 2}}}})], 1),
        ([v2({"sa": {"a": True, "u1": 1}}), v2({"sa": {"a": True, "l": 1}})], 2),
        ([v2({"sa": {"a": True, "u1": 1}}), v2({"u": {"b": 1}})], 1),
        ([paths({"a": 1}), paths({"b": 1}, ("a",)), paths({"a.b": 1})], 2),
        ([paths({"a.b": 1}), paths({"a.c": 2}), paths({"ab": 2})], 1),
        ([paths({"a.b": 1}), paths({}, ("a.b",))], 2),
        ([paths({"a": 1}), paths({"b": 1}, truncatedArrays=[{"field": "c", "newSize": 1}])], 2),
        ([encode({"_id": 1, "n": 1}), v2({"u": {"n": 2}}), paths({"n": 3})], 1),
        ([v2({"u": {"n": 2}}), encode({"_id": 1}), v2({"i": {"n": 3}})], 1),
        ([v2({"u": {"n": 2}}), encode({"$v": 1, "$set": {"n": 1}}), v2({"u": {"n": 3}})], 3),
        ([], 0),
    ],
)  # fmt: skip
def test_what_fits_together_becomes_one(updates: list[bytes], number: int) -> None:
    assert len(condensed(updates)) == number
    for before in ({"_id": 1}, {"_id": 1, "a": {"k": 0, "l": {}}}, {"a": [1, 2, 3], "b": 0, "n": 9}):
        assert applied(encode(before), condensed(updates)) == applied(encode(before), updates)


def servers_update(document: dict[str, Any], choose: random.Random) -> bytes:
    """Make an update that a server may write for this document, in its own form."""

    def diff(of: dict[str, Any]) -> dict[str, Any]:
        sections: dict[str, Any] = {}
        for name in choose.sample(_FIELDS, choose.randint(1, 3)):
            value = choose.choice(_VALUES)
            if name not in of:
                sections.setdefault("i", {})[name] = value
            elif isinstance(of[name], dict) and choose.random() < 0.6:
                sections[f"s{name}"] = diff(of[name])
            elif isinstance(of[name], list) and choose.random() < 0.6:
                sections[f"s{name}"] = {"a": True, f"u{choose.randrange(3)}": value}
            else:
                section = choose.choice("dui")
                sections.setdefault(section, {})[name] = False if section == "d" else value
        return sections

    return v2(diff(document))


def embedded_update(document: dict[str, Any], choose: random.Random) -> bytes:
    """Make an update in the embedded server's form."""
    names = [*_FIELDS, *(f"{name}.{rest}" for name in _FIELDS for rest in ("a", "b.c", "0", "4"))]
    removed = tuple(choose.sample(names, choose.randint(0, 2)))
    updated = {
        name: choose.choice(_VALUES) for name in choose.sample(names, choose.randint(0, 2)) if name not in removed
    }
    return paths(updated, removed)


@given(st.integers(0, 1 << 32), st.booleans(), st.integers(1, 12))
def test_any_updates_do_the_same_condensed(seed: int, servers: bool, number: int) -> None:
    choose = random.Random(seed)
    states = [encode({"_id": 1} | {name: choose.choice(_VALUES) for name in choose.sample(_FIELDS, 3)})]
    updates = []
    for _ in range(number):
        make = servers_update if servers or choose.random() < 0.1 else embedded_update
        updates.append(make(decode(states[-1]), choose))
        states.append(apply_update(states[-1], updates[-1]))
    fewer = condensed(updates)
    assert len(fewer) <= len(updates)
    assert applied(states[0], fewer) == states[-1]
    for caught in states:  # as a base may hold it, when it was read while the updates came in
        assert applied(caught, fewer) == applied(caught, updates)
    for at in range(number):  # and step by step, as they come in
        assert applied(states[0], condensed([*condensed(updates[:at]), *updates[at:]])) == states[-1]
