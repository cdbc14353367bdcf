"""A restore that is killed at any moment goes on, and ends with every document once, as it has to be."""

import random
import sys
from pathlib import Path

import pytest

from drx.backup.format import members
from drx.backup.oplog.slices import take_slice
from drx.backup.server import scan
from drx.backup.stores.base import Store
from tests.backup import restore_child
from tests.backup.databases import Db, back_up, every_kind, fill
from tests.backup.killing import run_or_kill
from tests.backup.test_odd_collections import assert_same

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("impatience")]


def test_killed_at_any_moment_it_goes_on(
    database: Db, store: Store, into: str, mongo_server: str, fixtures: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(members, "MEMBER_BYTES", 16 << 10)
    monkeypatch.setattr(scan, "_BATCH_BYTES", 16 << 10)
    every_kind(database, fixtures)
    fill(database, 6000, "many")
    database.many.create_index("text", unique=True)
    manifest = back_up(database, store)
    database.many.update_many({"_id": {"$mod": [3, 0]}}, {"$set": {"later": True}})
    database.many.delete_many({"_id": {"$mod": [5, 0]}})
    database.many.insert_many({"_id": f"born {number}", "text": f"{number}"} for number in range(1500))
    database.log.insert_many({"_id": f"later {number}"} for number in range(20))
    database.words.drop()
    assert take_slice(database.client, database.name, store, "svc", after=manifest.end)

    command = [sys.executable, restore_child.__file__, mongo_server, database.name, str(tmp_path / "store")]
    choose, whole, killed, half = random.Random(3), 0.0, 0, 0
    while killed < 9:
        took = run_or_kill([*command, into], choose, whole)
        killed += took is None
        whole = whole or took or 0.0
        left = database.client[into].many.estimated_document_count()
        half += 0 < left < database.many.estimated_document_count()
        if killed % 3 == 0:
            restored = restore_child.restore_newest(database.client, database.name, store, into)
            assert_same(database, restored, into)
            database.client.drop_database(into)
    assert half, "none was killed in the middle"
