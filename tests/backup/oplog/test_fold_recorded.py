"""Oplogs recorded from real servers fold, every entry of them."""

import os
from pathlib import Path

import pytest
from bson import Timestamp, decode

from drx.backup.format.documents import split
from drx.backup.oplog.entry import parse
from drx.backup.oplog.fold import BaseCollection, fold
from tests.backup.entries import LATER

FIXTURES = Path(os.environ.get("DRX_FIXTURES", Path(__file__).parents[4] / "shared" / "fixtures")) / "mongo-tools"


real_servers = pytest.mark.skipif(not FIXTURES.is_dir(), reason="no recorded oplogs here; name them with DRX_FIXTURES")


def recorded(name: str) -> list[bytes]:
    return split((FIXTURES / name).read_bytes())


@real_servers
def test_a_recorded_oplog_with_transactions_and_nested_operations_folds() -> None:
    plans = fold(
        recorded("oplogdump/oplog.bson"), database="db1", base=(), until=LATER, consistent_from=Timestamp(1, 1)
    )
    values = [decode(raw)["x"] for raw in plans[0].changes.born()]
    assert values == list(range(1456, 1456 + len(values)))
    assert len(values) > 3


@real_servers
def test_a_recorded_vectored_insert_folds() -> None:
    entries = recorded("oplogs/vectored_insert.bson")
    plans = fold(entries, database="mongodump_test_db", base=(), until=LATER, consistent_from=Timestamp(1, 1))
    assert [decode(raw)["_id"] for raw in plans[0].changes.born()][:2] == [100, 200]


@real_servers
@pytest.mark.parametrize(
    ("name", "database"), [("commit_indexes_build", "commit_index"), ("create_indexes", "create_indexes")]
)
def test_recorded_index_builds_come_back(name: str, database: str) -> None:
    entries = recorded(f"{name}/oplog.bson")
    (plan,) = fold(entries, database=database, base=(), until=LATER, consistent_from=Timestamp(1, 1))
    built = {
        str(spec["name"])
        for entry in (decode(raw) for raw in entries)
        if entry["ns"] == f"{database}.$cmd"
        for spec in entry["o"].get("indexes", [entry["o"]])
        if "commitIndexBuild" in entry["o"] or "createIndexes" in entry["o"]
    }
    assert built
    assert {str(spec["name"]) for spec in plan.indexes} == built | {"_id_"}


@real_servers
@pytest.mark.parametrize("path", sorted(FIXTURES.glob("oplogs/*.bson")), ids=lambda path: path.stem)
def test_every_recorded_entry_is_understood(path: Path) -> None:
    entries = split(path.read_bytes())
    first = parse(entries[0])
    base = BaseCollection("foo", first.uuid, {}, ({"key": {"f": 1}, "name": "f_1", "expireAfterSeconds": 1000},))
    found = fold(entries, database=first.database, base=[base], until=LATER, consistent_from=Timestamp(1, 1))
    names = [plan.name for plan in found]
    indexes = [spec for plan in found for spec in plan.indexes if spec["name"] == "f_1"]
    match path.stem:
        case "drop_collection" | "drop_db":
            assert names == []
        case "drop_index":
            assert indexes == []
        case "collMod":
            assert indexes[0]["expireAfterSeconds"] == 3600
        case _:
            assert "foo" in names or first.database == "admin"


@real_servers
def test_a_recorded_oplog_of_several_databases_gives_each_its_own() -> None:
    entries = recorded("oplog_partial_skips/oplog.bson")
    for database in {parse(raw).database for raw in entries} - {"", "admin", "config"}:
        plans = fold(entries, database=database, base=(), until=LATER, consistent_from=Timestamp(1, 1))
        inserted = {
            parse(raw).collection for raw in entries if parse(raw).op == "i" and parse(raw).database == database
        }
        assert inserted <= {plan.name for plan in plans}
