"""What kind of server answers decides what a backup of it can be: any second, single moments, or nothing."""

from pathlib import Path
from typing import Any

import pytest
from bson import Timestamp
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import OperationFailure

from drx.backup import dump
from drx.backup.format.catalog import list_slices
from drx.backup.holdings.inventory import list_all
from drx.backup.holdings.window import find_window, read_oplog
from drx.backup.oplog import capture
from drx.backup.oplog.slices import take_slice
from drx.backup.server import topology
from drx.backup.server.topology import keeps_oplog
from drx.backup.stores.base import Store
from drx.backup.verify import verify_base
from drx.errors import PermanentError
from tests.backup.databases import QUIET, back_up, differences, fill, put_back

Client = MongoClient[dict[str, Any]]
Db = Database[dict[str, Any]]


class Says:
    """A server, as far as `hello` and a look at its oplog go."""

    def __init__(self, hello: dict[str, Any], refusal: OperationFailure | None = None) -> None:
        self._hello, self._refusal = hello, refusal
        self.admin = self

    def command(self, _: str) -> dict[str, Any]:
        return self._hello

    def __getitem__(self, _: str) -> "Says":
        return self

    def list_collection_names(self, **_: Any) -> list[str]:
        if self._refusal:
            raise self._refusal
        return []


SHARED = OperationFailure("user is not allowed to do action [listCollections] on [local.]", 8000)
RIGHTS = OperationFailure("not authorized on local to execute command", 13)


@pytest.mark.parametrize(
    ("hello", "refusal", "kept"),
    [
        ({"setName": "rs0"}, None, True),
        ({"setName": "rs0"}, RIGHTS, True),  # the user lacks the role, which reading says
        ({"setName": "atlas-shared"}, SHARED, False),
        ({}, None, False),
    ],
)
def test_who_keeps_an_oplog(hello: dict[str, Any], refusal: OperationFailure | None, kept: bool) -> None:
    client: Any = Says(hello, refusal)
    assert keeps_oplog(client) is kept


def test_a_router_is_refused_with_the_way_out(store: Store) -> None:
    client: Any = Says({"msg": "isdbgrid"})
    for work in (
        lambda: dump.base_backup(client, "db", store, "svc", backup_id="b1", **QUIET),
        lambda: take_slice(client, "db", store, "svc", after=Timestamp(1, 1)),
    ):
        with pytest.raises(PermanentError, match="is a mongos") as caught:
            work()
        assert "shell.run" in caught.value.remedy
    assert not list(store.list(""))


def test_the_real_server_keeps_one(mongo_client: Client) -> None:
    assert keeps_oplog(mongo_client)


def test_a_server_that_stands_alone_is_backed_up_as_it_is(
    database: Db, store: Store, into: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dump, "keeps_oplog", lambda _: False)
    monkeypatch.setattr(capture, "_oplog", lambda _: pytest.fail("there is none to be read"))
    fill(database)
    said: list[str] = []
    manifest = back_up(database, store, say=said.append)
    database.images.delete_many({"_id": {"$lt": 100}})
    later = back_up(database, store, "b2", say=said.append)

    assert len(said) == 2
    assert all("keeps no oplog" in each for each in said)
    assert (manifest.oplog, manifest.oplog_entries) == (None, 0)
    assert not (tmp_path / "store" / manifest.prefix / "dump" / "oplog.bson").exists()
    for found, count in ((manifest, 300), (later, 200)):
        assert found.start <= found.end
        assert not verify_base(store, found, **QUIET)
        restored = put_back(database, store, found, into)
        assert not differences(database, restored)
        assert restored.digest.count == count
        database.client.drop_database(into)
    window = find_window(list_all(store, "svc"), read_oplog([]))
    assert all(span.is_point for span in window.spans)
    assert list_slices(store, "svc") == ()


def test_an_interrupted_base_of_a_server_that_stands_alone_begins_anew(
    database: Db, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an oplog nothing brings what was read before up to date."""
    monkeypatch.setattr(dump, "keeps_oplog", lambda _: False)
    fill(database, name="a")
    fill(database, name="b")
    put = dump._Job.put_metadata
    stopped: list[bool] = []

    def stop(job: Any, described: Any) -> Any:
        if described.name == "b" and not stopped:
            stopped.append(True)
            raise PermanentError("stopped", "")
        return put(job, described)

    monkeypatch.setattr(dump._Job, "put_metadata", stop)
    with pytest.raises(PermanentError, match="stopped"):
        back_up(database, store)
    database.a.delete_many({"_id": {"$lt": 100}})
    database.b.delete_many({"_id": {"$lt": 100}})
    assert [found.digest.count for found in back_up(database, store).collections] == [200, 200]


def test_its_clock_is_the_servers(mongo_client: Client) -> None:
    found = mongo_client.admin.command("hello")["localTime"].timestamp()
    assert 0 <= topology.clock_of(mongo_client).time - int(found) <= 5
