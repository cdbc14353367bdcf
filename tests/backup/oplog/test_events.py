"""What happened to a database, told from its oplog."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bson import Binary, Int64, Timestamp, encode
from hypothesis import given
from hypothesis import strategies as st

from drx.backup.oplog.changed_field import changed_field
from drx.backup.oplog.entry import position_in, position_of
from drx.backup.oplog.history import KINDS, Event, find_events
from drx.backup.oplog.moments import until_after, until_before, until_second
from drx.errors import StepError

EPOCH = Timestamp(0, 0)


def entry(second: int, increment: int, op: str, namespace: str, o: dict[str, Any], **more: Any) -> bytes:
    return encode({"op": op, "ns": namespace, "o": o, "ts": Timestamp(second, increment), **more})


def deletes(second: int, count: int, namespace: str = "db.c", op: str = "d") -> list[bytes]:
    return [entry(second, number, op, namespace, {"_id": number}, o2={"_id": number}) for number in range(1, count + 1)]


def found(entries: list[bytes], since: Timestamp = EPOCH, mass: int = 1000, **more: Any) -> list[tuple[Any, ...]]:
    events = find_events(entries, database="db", since=since, mass=mass, kinds=more.get("kinds", KINDS))
    return [(event.kind, event.namespace, event.count, event.ts.time, event.ts.inc) for event in events]


def test_commands_are_events() -> None:
    entries = [
        entry(10, 1, "c", "db.$cmd", {"drop": "images"}, o2={"numRecords": 5}),
        entry(11, 1, "c", "db.$cmd", {"renameCollection": "db.a", "to": "db.b"}),
        entry(12, 1, "c", "db.$cmd", {"create": "a"}),
        entry(12, 2, "c", "other.$cmd", {"drop": "images"}),
        entry(12, 3, "c", "other.$cmd", {"renameCollection": "other.a", "to": "dbx.a", "dropTarget": True}),
        entry(12, 4, "c", "other.$cmd", {"renameCollection": "other.a", "to": "db.a", "dropTarget": True}),
        entry(13, 1, "c", "db.$cmd", {"drop": "a"}),
        entry(13, 2, "c", "db.$cmd", {"dropDatabase": 1}),
    ]
    assert found(entries) == [
        ("drop", "db.images", 5, 10, 1),
        ("rename", "db.a", None, 11, 1),
        ("rename", "other.a", None, 12, 4),
        ("drop", "db.a", None, 13, 1),
        ("dropDatabase", "db", None, 13, 2),
    ]
    assert found(entries, since=Timestamp(13, 2)) == [("dropDatabase", "db", None, 13, 2)]
    assert found(entries, kinds=("rename",), since=Timestamp(12, 1)) == [("rename", "other.a", None, 12, 4)]
    assert find_events(entries, kinds=("drop",), database="db", since=EPOCH)[0] == Event(
        Timestamp(10, 1), "drop", "db.images", 5, datetime.fromtimestamp(10, UTC)
    )


def test_a_rename_strikes_both_names() -> None:
    """What had the new name is gone: a query that writes its outcome over a collection is logged so."""
    renamed = {"renameCollection": "db.tmp.agg_out.1", "to": "db.images", "dropTarget": True}
    (event,) = find_events([entry(5, 5, "c", "db.$cmd", renamed)], kinds=KINDS, database="db", since=EPOCH)
    assert event.names == ("db.tmp.agg_out.1", "db.images")
    assert event.struck == "db.tmp.agg_out.1 to db.images"


def test_a_drop_within_a_transaction_entry_is_found() -> None:
    child = {"op": "c", "ns": "db.$cmd", "o": {"drop": "a"}}
    assert found([entry(5, 5, "c", "admin.$cmd", {"applyOps": [child]})]) == [("drop", "db.a", None, 5, 5)]


def test_many_deletes_are_one_event_and_few_are_none() -> None:
    entries = [*deletes(10, 400), *deletes(11, 400), *deletes(14, 200)]
    assert found(entries) == [("mass_delete", "db.c", 1000, 10, 1)]
    assert found(entries, mass=1001) == []
    assert found(deletes(10, 1000, op="u")) == [("mass_update", "db.c", 1000, 10, 1)]
    assert found([*deletes(10, 600), *deletes(10, 600, "db.d")]) == []


def updates(second: int, count: int, field: str, first: int = 1) -> list[bytes]:
    diff = {"$v": 2, "diff": {"u": {field: 1}}}
    numbers = range(first, first + count)
    return [entry(second, number, "u", "db.c", diff, ui=Binary(b"u" * 16, 4), o2={"_id": number}) for number in numbers]


def test_a_mass_update_among_everyday_updates_begins_where_it_began() -> None:
    everyday = [updates(second, 50, "views") for second in range(100, 200)]
    everyday[40] += updates(140, 700, "url", first=51)
    everyday[41] = updates(141, 400, "url") + updates(141, 50, "views", first=401)
    assert found([raw for second in everyday for raw in second]) == [
        ("mass_update", "db.c", 5000, 100, 1),
        ("mass_update", "db.c", 1100, 140, 51),
    ]
    events = find_events(
        [raw for second in everyday for raw in second], kinds=KINDS, database="db", since=Timestamp(130, 0)
    )
    assert [(event.field, event.struck) for event in events] == [("views", "db.c (views)"), ("url", "db.c (url)")]


def test_a_mass_update_of_changing_fields_is_found_as_a_whole() -> None:
    entries = [raw for number in range(500) for raw in updates(10, 4, f"field{number}", first=1 + 4 * number)]
    assert found(entries) == [("mass_update", "db.c", 2000, 10, 1)]


def test_a_mass_update_of_changing_fields_does_not_hide_behind_everyday_updates() -> None:
    everyday = [updates(second, 50, "views") for second in range(100, 200)]
    changing = [raw for number in range(500) for raw in updates(140, 4, f"field{number}", first=51 + 4 * number)]
    entries = [raw for second in (*everyday[:41], changing, *everyday[41:]) for raw in second]
    assert found(entries) == [("mass_update", "db.c", 5000, 100, 1), ("mass_update", "db.c", 7000, 100, 1)]


@pytest.mark.parametrize(
    ("update", "field"),
    [
        ({"$v": 2, "diff": {"u": {"url": "x", "views": 1}}}, "url"),
        ({"$v": 2, "diff": {"d": {"old": False}, "u": {"url": 1}}}, "old"),
        ({"$v": 2, "diff": {"sdeep": {"u": {"x": 1}}}}, "deep"),
        ({"$v": 2, "diff": {"u": {}, "i": {"new": 1}}}, "new"),
        ({"$v": Int64(2), "diff": {"updatedFields": {"tags.3": 1}, "removedFields": []}}, "tags"),
        ({"$v": 2, "diff": {"updatedFields": {}, "removedFields": ["gone"], "truncatedArrays": []}}, "gone"),
        ({"$v": 2, "diff": {"updatedFields": {}, "removedFields": [],
                            "truncatedArrays": [{"field": "list", "newSize": 1}]}}, "list"),
        ({"$v": 1, "$set": {"a.b": 1}}, "a"),
        ({"$set": {"c": 1}}, "c"),
        ({"$v": 1, "$unset": {}}, ""),
        ({"_id": 1, "url": "whole"}, ""),
        ({"address": {"city": "x"}}, ""),
        ({"$v": 2, "diff": {}}, ""),
        ({"$v": 2, "diff": Binary(b"newer")}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_an_update_is_known_by_the_field_that_it_changes(update: dict[str, Any], field: str) -> None:
    assert changed_field(encode(update)) == field


@given(st.binary(max_size=60))
def test_what_is_no_update_changes_no_field_and_ends(raw: bytes) -> None:
    assert isinstance(changed_field(raw), str)


def test_a_pause_ends_a_run() -> None:
    assert found([*deletes(10, 600), *deletes(16, 600)]) == []
    assert found([*deletes(10, 1100), *deletes(16, 1200)]) == [
        ("mass_delete", "db.c", 1100, 10, 1),
        ("mass_delete", "db.c", 1200, 16, 1),
    ]


def test_steady_traffic_is_no_mass_delete_and_does_not_hide_where_one_began() -> None:
    steady = [raw for second in range(100, 2100) for raw in deletes(second, 2)]
    assert found(steady) == []
    burst = [
        *steady,
        *deletes(2100, 900),
        *deletes(2101, 900),
        *(raw for s in range(2102, 2200) for raw in deletes(s, 2)),
    ]
    ((kind, _, count, second, _),) = found(burst)
    assert (kind, second) == ("mass_delete", 2099)
    assert 1800 <= count <= 1820


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 40)), max_size=20), st.integers(1, 60))
def test_a_run_of_busy_seconds_is_always_found(seconds: list[tuple[int, int]], mass: int) -> None:
    """With a small mass every second is busy: runs are then simply what pauses separate."""
    counts: dict[int, int] = {}
    for second, count in seconds:
        counts[second + 100] = counts.get(second + 100, 0) + count
    expected: list[tuple[int, int]] = []
    last = None
    for second in sorted(counts):
        if last is not None and second - last <= 5:
            expected[-1] = (expected[-1][0], expected[-1][1] + counts[second])
        else:
            expected.append((second, counts[second]))
        last = second
    entries = [raw for second in sorted(counts) for raw in deletes(second, counts[second])]
    assert [(second, count) for _, _, count, second, _ in found(entries, mass=mass)] == [
        run for run in expected if run[1] >= mass
    ]


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(StepError, match="'explosion' is no kind of event"):
        find_events([], kinds=("explosion",), database="db", since=EPOCH)


def test_moments() -> None:
    at = datetime(2026, 3, 1, 12, 0, 0, 999_000, tzinfo=UTC)
    second = int(at.timestamp())
    assert until_second(at) == Timestamp(second + 1, 0)
    assert until_before(Timestamp(5, 3)) == Timestamp(5, 3)
    assert until_after(Timestamp(5, 3)) == Timestamp(5, 4)
    assert until_after(Timestamp(5, (1 << 32) - 1)) == Timestamp(6, 0)
    leap = datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)
    assert (
        until_second(leap) == until_second(leap.astimezone(ZoneInfo("Pacific/Kiritimati"))) == Timestamp(1709251200, 0)
    )
    autumn = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))  # it comes twice
    assert until_second(autumn.replace(fold=1)).time - until_second(autumn).time == 3600
    just_before = datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)
    for wrong in (
        at.replace(tzinfo=None), datetime(1960, 1, 1, tzinfo=UTC), just_before, datetime(2200, 1, 1, tzinfo=UTC),
    ):  # fmt: skip
        with pytest.raises(StepError):
            until_second(wrong)


OPERATIONS = st.tuples(
    st.sampled_from(["i", "u", "d", "n", "c"]), st.sampled_from(["db.a", "db.b.c", "other.a"]), st.integers(0, 4)
)


@given(st.lists(OPERATIONS, max_size=60), st.integers(0, 20), st.data())
def test_what_is_seen_at_a_glance_is_what_taking_entries_apart_shows(
    operations: list[tuple[str, str, int]], since: int, data: st.DataObject
) -> None:
    """Servers begin an entry with op and ns, some with ts: the order of fields changes nothing."""
    entries, second = [], 1
    for number, (op, namespace, pause) in enumerate(operations, 1):
        second += pause
        body = {"drop": namespace.partition(".")[2]} if op == "c" else {"_id": number, "op": "d", "ts": Timestamp(9, 9)}
        name = f"{namespace.partition('.')[0]}.$cmd" if op == "c" else namespace
        entries.append({"op": op, "ns": name, "o": body, "ts": Timestamp(second, number)})
    glanced = [encode(each) for each in entries]
    shuffled = [encode({key: each[key] for key in data.draw(st.permutations(list(each)))}) for each in entries]
    assert found(glanced, Timestamp(since, 0), mass=2) == found(shuffled, Timestamp(since, 0), mass=2)
    assert [position_in(raw) for raw in shuffled] == [position_of(each["ts"]) for each in entries]  # type: ignore[arg-type]
