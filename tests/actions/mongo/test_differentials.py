"""`backup.differential` where slices or differentials are lost: what leads around it, and what is told of it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from drx.actions.base import Result
from drx.config import BackupTarget, DirectoryStore
from drx.errors import DrxError, PermanentError
from tests import servers
from tests.actions.context import FakeContext, run
from tests.actions.mongo.databases import RETENTION, contents, fill, target_of

pytestmark = pytest.mark.usefixtures("impatience")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database[dict[str, Any]]]:
    """A database on a server that soon forgets its oplog."""
    with servers.mongo(tmp_path / "short", "--oplog-max-entries", "300") as uri, MongoClient[Any](uri) as client:
        yield client["app"]


@pytest.fixture
def context(tmp_path: Path, database: Database[dict[str, Any]]) -> FakeContext:
    """A context with that database, and a store in a directory."""
    (tmp_path / "store").mkdir()
    host, port = database.client.address or ("", 0)
    backups = BackupTarget(DirectoryStore(tmp_path / "store"), (), RETENTION)
    return FakeContext(tmp_path / "artifacts", target_of(f"mongodb://{host}:{port}", database.name, backups=backups))


def differential(context: FakeContext, run_id: str) -> Result:
    return run("backup.differential", replace(context, run_id=run_id))


@pytest.mark.slow
def test_a_lost_slice_does_no_harm_where_a_differential_leads_around_it(
    context: FakeContext, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    fill(database, 20)
    run("backup.base", context)
    database.users.rename("people")
    run("backup.slice", context)
    lost = sorted(tmp_path.glob("store/**/oplog/*"))
    differential(context, "d1")
    for number in range(20):  # until the live oplog has forgotten the first slice's entries
        database.images.insert_many([{"_id": f"{number}.{each}"} for each in range(100)])
        run("backup.slice", context)
    for file in lost:
        file.unlink()
    database.images.delete_one({"_id": "1.1"})

    reached = run("backup.emergency_slice", context).outputs["end"]
    second = differential(context, "d2").outputs

    assert second["end"] == run("backup.verify", context).outputs["reaches"] == reached
    assert run("backup.verify", context, everything=True).outputs["reaches"] == reached
    run("mongo.restore", context, into="once")
    assert contents(database.client["once"]) == contents(database)

    (newest,) = tmp_path.glob(f"store/*/diff/{second['id']}/oplog.bson")
    newest.write_bytes(newest.read_bytes()[:-1])
    again = run("mongo.restore", context, into="twice")
    assert any(f"{second['id']}/oplog.bson" in line for line in again.lines), "what was not used is told"
    assert contents(database.client["twice"]) == contents(database)
    third = differential(context, "d3")
    assert third.outputs["end"] == reached
    assert f"{second['id']}/oplog.bson" in third.lines[-1]

    for file in tmp_path.glob("store/*/diff/*/oplog.bson"):
        file.unlink()
    with pytest.raises(DrxError, match=rf"ends at .*{third.outputs['id']}/oplog\.bson is not there"):
        run("mongo.restore", context, into="never")
    assert "never" not in database.client.list_database_names()
    for file in tmp_path.glob("store/*/diff/*/manifest.json"):
        file.unlink()
    with pytest.raises(PermanentError, match="A restore is possible up to 20"):
        run("backup.emergency_slice", context)
