"""What a fold makes of inserts, updates, deletes, drops and renames: documents and collections by identity."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, Timestamp, decode, encode

from drx.backup.oplog.effects import Budget, Effects
from drx.backup.oplog.fold import BaseCollection, fold
from drx.backup.oplog.history import KINDS, find_events
from drx.errors import StepError
from tests.backup.entries import BASE, LATER, ONE, TWO, Log, final, ids


def test_updates_deletes_and_inserts_meet_the_base() -> None:
    log = Log()
    log.add("u", "db.c", {"$v": 2, "diff": {"u": {"n": 1}}}, o2={"_id": 1}, ui=ONE)
    log.add("u", "db.c", {"$v": 2, "diff": {"i": {"m": 2}}}, o2={"_id": 1}, ui=ONE)
    log.add("d", "db.c", {"_id": 2}, ui=ONE)
    log.add("i", "db.c", {"_id": 2, "again": True}, ui=ONE)
    log.add("u", "db.c", {"_id": 3, "whole": 1}, o2={"_id": 3}, ui=ONE)
    log.add("d", "db.c", {"_id": 4}, ui=ONE)
    plan = log.fold(BASE)["c"]
    untouched = encode({"_id": 9})
    assert plan.changes.apply(untouched) is untouched
    assert final(plan, {"_id": 1, "n": 0}, {"_id": 2, "old": 1}, {"_id": 3}, {"_id": 4}) == [
        {"_id": 1, "n": 1, "m": 2}, {"_id": 3, "whole": 1}, {"_id": 2, "again": True},
    ]  # fmt: skip


def test_an_id_is_followed_through_its_forms() -> None:
    """A replacement may turn 1 into 1.0, and the oplog then names only the new form."""
    log = Log()
    log.add("u", "db.c", {"_id": Int64(1), "n": 1}, o2={"_id": Int64(1)}, ui=ONE)
    log.add("u", "db.c", {"_id": {"a": 1.0}, "n": 1}, o2={"_id": {"a": 1.0}}, ui=ONE)
    changed = log.add("u", "db.c", {"$v": 2, "diff": {"i": {"m": 1}}}, o2={"_id": 1.0}, ui=ONE)
    log.add("d", "db.c", {"_id": Decimal128("1.0")}, ui=ONE)
    log.add("d", "db.c", {"_id": {"b": 1, "a": 1}}, ui=ONE)
    log.add("i", "db.c", {"_id": 1.0}, ui=ONE)
    base: tuple[dict[str, Any], ...] = ({"_id": 1}, {"_id": {"a": 1}}, {"_id": {"a": 1, "b": 1}})
    before = final(log.fold(BASE, until=Timestamp(100, changed.inc + 1))["c"], *base)
    assert before == [{"_id": 1, "n": 1, "m": 1}, {"_id": {"a": 1.0}, "n": 1}, base[2]]
    assert isinstance(before[0]["_id"], Int64)
    after = final(log.fold(BASE)["c"], *base)
    assert after == [{"_id": {"a": 1.0}, "n": 1}, base[2], {"_id": 1.0}]
    assert isinstance(after[2]["_id"], float)


def test_an_update_of_a_missing_document_is_damage_after_the_base_and_legal_within_it() -> None:
    log = Log()
    log.add("u", "db.c", {"$v": 2, "diff": {"u": {"n": 1}}}, o2={"_id": "x"}, ui=ONE)
    assert final(log.fold(BASE, end=1)["c"]) == []
    with pytest.raises(StepError, match=r'db\.c \{"_id": "x"\} at 100\.1'):
        final(log.fold(BASE)["c"])


def test_an_update_after_a_delete_is_damage() -> None:
    log = Log()
    log.add("d", "db.c", {"_id": 1}, ui=ONE)
    log.add("u", "db.c", {"$v": 2, "diff": {"u": {"n": 1}}}, o2={"_id": 1}, ui=ONE)
    with pytest.raises(StepError, match=r"at 100\.2"):
        log.fold(BASE)


def test_collections_are_followed_by_identity() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"renameCollection": "db.c", "to": "db.e"}, ui=ONE)
    log.add("c", "db.$cmd", {"create": "c", "idIndex": {"v": 2, "key": {"_id": 1}, "name": "_id_"}}, ui=TWO)
    log.add("i", "db.c", {"_id": 5}, ui=TWO)
    log.add("d", "db.e", {"_id": 1}, ui=ONE)
    plans = log.fold(BASE)
    assert (plans["e"].origin, plans["c"].origin) == ("c", None)
    assert final(plans["e"], {"_id": 1}, {"_id": 2}) == [{"_id": 2}]
    assert ids(plans) == [5]


def test_a_rename_over_a_collection_takes_its_place() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"renameCollection": "db.d", "to": "db.c", "dropTarget": Binary(ONE, 4)}, ui=TWO)
    plans = log.fold(BASE, BaseCollection("d", TWO, {"validator": {}}, ()))
    assert [(plan.name, plan.origin) for plan in plans.values()] == [("c", "d")]


def test_a_collection_that_left_for_another_database_is_gone_and_one_that_came_is_refused() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"renameCollection": "db.c", "to": "other.c"}, ui=ONE)
    assert log.fold(BASE) == {}
    log.add("c", "other.$cmd", {"renameCollection": "other.c", "to": "db.c"}, ui=ONE)
    with pytest.raises(StepError, match="a collection from other"):
        log.fold(BASE)


def test_a_rename_while_the_base_was_read_is_refused() -> None:
    log = Log()
    log.add("c", "db.$cmd", {"renameCollection": "db.c", "to": "db.e"}, ui=ONE)
    with pytest.raises(StepError, match=r"db\.c was renamed at 100\.1, while the base was being taken"):
        log.fold(BASE, end=1)


def test_what_was_dropped_renamed_or_created_before_the_base_was_listed_changes_nothing() -> None:
    log = Log()
    log.add("i", "db.c", {"_id": 7}, ui=TWO)  # another c, dropped before the base listed this one
    log.add("c", "db.$cmd", {"drop": "c"}, ui=TWO)
    log.add("c", "db.$cmd", {"create": "c", "capped": True, "size": 4096}, ui=ONE)
    log.add("c", "db.$cmd", {"renameCollection": "db.x", "to": "db.c"}, ui=ONE)
    plans = log.fold(BASE, end=4)
    assert (plans["c"].origin, dict(plans["c"].options)) == ("c", {})
    assert final(plans["c"], {"_id": 1}) == [{"_id": 1}]


def test_writes_before_a_rename_that_the_base_already_shows_belong_to_the_renamed() -> None:
    log = Log()
    log.add("u", "db.x", {"$v": 2, "diff": {"u": {"n": 1}}}, o2={"_id": 1}, ui=TWO)
    log.add("c", "db.$cmd", {"renameCollection": "db.x", "to": "db.c"}, ui=TWO)
    plans = log.fold(BASE, end=2)
    assert list(plans) == ["c"]
    assert final(plans["c"], {"_id": 1, "n": 0}) == [{"_id": 1, "n": 1}]


def test_drop_and_drop_database_leave_nothing_of_the_base() -> None:
    log = Log()
    dropped = log.add("c", "db.$cmd", {"drop": "c"}, ui=ONE, o2={"numRecords": 5})
    log.add("c", "db.$cmd", {"dropDatabase": 1})
    log.add("i", "db.c", {"_id": 1}, ui=TWO)
    assert final(log.fold(BASE, until=dropped)["c"], {"_id": 1}) == [{"_id": 1}]
    plan = log.fold(BASE)["c"]
    assert (plan.origin, ids({"c": plan})) == (None, [1])


def test_writes_to_a_collection_that_cannot_be_there_are_damage() -> None:
    log = Log()
    log.add("d", "db.gone", {"_id": 1}, ui=TWO)
    with pytest.raises(StepError, match=r"db\.gone"):
        log.fold()
    log = Log()
    log.add("i", "db.c", {"_id": 1}, ui=TWO)
    with pytest.raises(StepError, match=r"writes to another db\.c"):
        log.fold(BASE)


@pytest.mark.parametrize(
    ("op", "o", "named"),
    [
        ("c", {"truncateRange": "db.c"}, "truncateRange"),
        ("c", {"collMod": "c", "newfangled": 1}, "newfangled"),
        ("xx", {"_id": 1}, "xx"),
    ],
)
def test_an_unknown_operation_is_an_error_that_names_it(op: str, o: dict[str, Any], named: str) -> None:
    log = Log()
    ts = log.add(op, "db.$cmd" if op == "c" else "db.c", o, ui=ONE)
    with pytest.raises(StepError, match=named):
        log.fold(BASE)
    assert "c" in log.fold(BASE, until=ts)


@pytest.mark.parametrize("memory", [0, 1500, 1 << 30])
def test_born_documents_keep_their_order_wherever_they_are_kept(memory: int) -> None:
    log = Log()
    for number in range(20):
        log.add("i", "db.c", {"_id": number}, ui=ONE)
    for number in (3, 7):
        log.add("d", "db.c", {"_id": number}, ui=ONE)
    log.add("u", "db.c", {"$v": 2, "diff": {"i": {"n": 1}}}, o2={"_id": 5}, ui=ONE)
    log.add("i", "db.c", {"_id": 7}, ui=ONE)
    log.add("u", "db.c", {"$v": 2, "diff": {"i": {"n": 1}}}, o2={"_id": 99}, ui=ONE)
    log.add("u", "db.c", {"$v": 2, "diff": {"i": {"m": 1}}}, o2={"_id": 99}, ui=ONE)
    log.add("u", "db.c", {"$v": 2, "diff": {"i": {"m": 1}}}, o2={"_id": 98}, ui=ONE)
    (plan,) = fold(
        log.entries, database="db", base=[BASE], until=LATER, consistent_from=Timestamp(1, 1), memory_bytes=memory
    )
    assert plan.changes.apply(encode({"_id": 99})) == encode({"_id": 99, "n": 1, "m": 1})
    assert plan.changes.apply(encode({"_id": 3})) is None
    untouched = encode({"_id": 1000})
    assert plan.changes.apply(untouched) is untouched
    found: list[dict[str, Any]] = []
    with pytest.raises(StepError, match='"98"'):
        found.extend(decode(raw) for raw in plan.changes.born())
    assert [document["_id"] for document in found] == [n for n in range(20) if n not in (3, 7)] + [7]
    assert {"_id": 5, "n": 1} in found


@pytest.mark.parametrize("memory", [0, 1 << 30])
def test_members_are_brought_up_to_date_side_by_side(memory: int) -> None:
    log = Log()
    for number in range(400):
        log.add("u", "db.c", {"$v": 2, "diff": {"i": {"n": number}}}, o2={"_id": number}, ui=ONE)
    (plan,) = fold(
        log.entries, database="db", base=[BASE], until=LATER, consistent_from=Timestamp(1, 1), memory_bytes=memory
    )
    with ThreadPoolExecutor(4) as pool:
        changed = list(pool.map(plan.changes.apply, [encode({"_id": number}) for number in range(500)]))
    assert changed == [encode({"_id": n} | ({"n": n} if n < 400 else {})) for n in range(500)]
    assert list(plan.changes.born()) == []


def test_a_full_disk_under_the_temporary_file_is_said_with_the_way_out() -> None:
    budget = Budget(0)
    effects = Effects(budget)
    effects.put(b"\x10\1\0\0\0", encode({"_id": 1}))
    assert budget.file
    budget.file.execute("PRAGMA max_page_count = 1")
    with pytest.raises(StepError, match="disk is full") as caught:
        effects.put(b"\x10\2\0\0\0", encode({"_id": 2, "d": "x" * 10_000}))
    assert "SQLITE_TMPDIR" in str(caught.value.remedy)


def test_an_entry_that_holds_no_text_or_no_bson_is_damage_and_no_traceback() -> None:
    whole = encode({"op": "c", "ns": "db.$cmd", "o": {"create": "c"}, "ts": Timestamp(100, 1)})
    for at in range(4, len(whole) - 1):
        damaged = whole[:at] + b"\xff" + whole[at + 1 :]
        with suppress(StepError):
            fold([damaged], database="db", base=[], until=LATER, consistent_from=Timestamp(1, 1))
        with suppress(StepError):
            find_events([damaged], kinds=KINDS, database="db", since=Timestamp(1, 1))
