"""Whatever is done to a collection while the base is taken, before, while or after it is read, the restore has it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from drx.backup.server import scan
from drx.backup.stores.base import Store
from tests.backup.databases import Db
from tests.backup.test_odd_collections import assert_same, back_up, restore_newest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("impatience")]


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read some documents at a time, so that most of a collection is still to be read when it changes."""
    monkeypatch.setattr(scan, "_BATCH_BYTES", 500)


def _validate(database: Db, name: str) -> None:
    database.command({"collMod": name, "validator": {"n": {"$gte": 0}}, "validationLevel": "moderate"})


def _expire_later(database: Db, name: str) -> None:
    database.command({"collMod": name, "index": {"name": "ttl", "expireAfterSeconds": 123456}})
    database[name].delete_many({"_id": {"$lt": 3}})  # as the server itself does, when they expire


def _index_anew(database: Db, name: str) -> None:
    database[name].drop_index("n_1")
    database[name].create_index("n", name="n_1", unique=True, sparse=True)
    database[name].create_index("text", hidden=True)


def _make_anew(database: Db, name: str) -> None:
    """Twice: the one in between leaves nothing."""
    database[name].drop()
    database.create_collection(name, collation={"locale": "de"})
    database[name].insert_many([{"_id": "between"}, {"_id": 1}])
    database[name].create_index("between")
    database[name].drop()
    database.create_collection(name, capped=True, size=1 << 16, max=4)
    database[name].insert_many([{"_id": number, "n": "new"} for number in range(3)])


def _make_a_view(database: Db, name: str) -> None:
    database[name].drop()
    database.command({"create": name, "viewOn": "m", "pipeline": []})
    database.command({"collMod": name, "viewOn": "z", "pipeline": [{"$match": {"n": 1}}]})


def _make_a_time_series(database: Db, name: str) -> None:
    database[name].drop()
    database.create_collection(name, timeseries={"timeField": "at", "metaField": "s"})
    database[name].insert_many({"at": datetime(2026, 1, 1, 0, n, tzinfo=UTC), "s": n % 2} for n in range(9))


def _exchange(database: Db, name: str) -> None:
    database[name].rename("aside")
    database.other.rename(name)
    database.aside.rename("other")
    database.other.insert_one({"_id": "in the one that was " + name})


def _carry_away(database: Db, name: str) -> None:
    elsewhere = f"{database.name}_elsewhere"
    database.client.admin.command({"renameCollection": f"{database.name}.{name}", "to": f"{elsewhere}.{name}"})
    database.client[elsewhere][name].insert_one({"_id": "elsewhere"})
    database[name].insert_one({"_id": "another"})
    database.client.drop_database(elsewhere)


def _bring_here(database: Db, name: str) -> None:
    elsewhere = database.client[f"{database.name}_elsewhere"]
    elsewhere.c.insert_many([{"_id": "came"}, {"_id": 1}])
    database.client.admin.command(
        {"renameCollection": f"{elsewhere.name}.c", "to": f"{database.name}.{name}", "dropTarget": True}
    )
    database.client.drop_database(elsewhere.name)
    database[name].update_one({"_id": "came"}, {"$set": {"n": -1}})


def _commit(database: Db, name: str) -> None:
    with database.client.start_session() as session:
        with session.start_transaction():
            database[name].delete_one({"_id": 1}, session=session)
            database.other.insert_one({"_id": name}, session=session)
        session.start_transaction()
        database[name].delete_many({}, session=session)
        session.abort_transaction()


CHANGES = [
    _validate, _expire_later, _index_anew, _make_anew, _make_a_view, _make_a_time_series, _exchange, _carry_away,
    _bring_here, _commit,
]  # fmt: skip


@pytest.mark.parametrize("name", ["a", "m", "z"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_meanwhile(
    database: Db, store: Store, into: str, name: str, change: Callable[[Db, str], None]
) -> None:
    """The base reads `a` first, and the change comes while it reads `m`."""
    for each in ("a", "m", "z"):
        database[each].insert_many({"_id": number, "n": number, "text": each * 20} for number in range(40))
        database[each].create_index("n")
        database[each].create_index("at", name="ttl", expireAfterSeconds=3600)
    database.other.insert_one({"_id": "other"})
    changed = False

    def progress(done: int, total: int | None, unit: str) -> None:
        nonlocal changed
        if done > 45 and not changed:
            changed = True
            change(database, name)

    manifest = back_up(database, store, progress=progress)
    assert changed
    database.other.insert_one({"_id": "after"})
    assert_same(database, restore_newest(database, store, manifest, into), into)
