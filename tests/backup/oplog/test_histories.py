"""Backups taken while others write, insert, update, delete, rename and drop: every restore equals the model.

The model is what stood on the server after each operation, read between operations that came one at a time.
`DRX_HISTORIES=1000 pytest tests/backup/oplog/test_histories.py -m slow` tries more of them.
"""

import os
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from bson import Timestamp
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from drx.backup.dump import base_backup
from drx.backup.format.manifest import Manifest
from drx.backup.oplog import capture
from drx.backup.oplog.fold import BaseCollection, fold
from drx.backup.oplog.plan import CollectionPlan
from drx.backup.oplog.slices import read_chain, take_slice
from drx.backup.restore import restore
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Store
from drx.errors import StepError
from tests import servers
from tests.backup import model

Client = MongoClient[dict[str, Any]]
AT_ONCE = 10
QUICKLY = 4
HISTORIES = int(os.environ.get("DRX_HISTORIES", "200"))
QUICK = settings(
    max_examples=1, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)


def seeds(count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 1 << 32), min_size=count, max_size=count, unique=True)


@pytest.fixture(autouse=True, scope="module")
def impatience() -> Iterator[None]:
    """The embedded server needs no whole second to finish a write; test_oplog.py keeps to the real wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capture, "_SETTLED_SECONDS", 0.1)
        yield


@pytest.mark.slow
@QUICK
@given(seeds=seeds(QUICKLY))
def test_some_histories_come_back(mongo_client: Client, seeds: list[int]) -> None:
    assert any(_all_of(mongo_client, seeds)), "not one of them could be backed up"


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A server whose oplog holds nothing but histories."""
    with (
        servers.mongo(tmp_path_factory.mktemp("histories")) as uri,
        MongoClient[dict[str, Any]](uri, tz_aware=True) as client,
    ):
        yield client


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(QUICK, max_examples=max(HISTORIES // AT_ONCE, 1))
@given(seeds=seeds(AT_ONCE))
def test_many_histories_come_back(own_server: Client, seeds: list[int]) -> None:
    assert sum(_all_of(own_server, seeds)) >= AT_ONCE // 2, "too few of them could be backed up"


def _all_of(client: Client, seeds: list[int]) -> list[bool]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda seed: _comes_back(client, seed), seeds))


def _comes_back(client: Client, seed: int) -> bool:
    """Run one history and compare; False where collections were renamed so often that there was no base."""
    name, choose = f"history_{uuid.uuid4().hex[:10]}", random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(DirectoryAddress(Path(folder)))
        try:
            model.run(client, name, choose, 8)
            history: list[model.Snapshot] = []
            writer = threading.Thread(target=lambda: history.extend(model.run(client, name, choose, 16)))
            writer.start()
            manifest = _base(client, name, store, random.Random(seed + 1))
            writer.join()
            if manifest is None:
                return False
            first = take_slice(client, name, store, "svc", after=manifest.end)
            time.sleep(1.02 - time.time() % 1)  # what follows is of another second
            second = Timestamp(history[-1].until.time + 1, 0)
            history += model.run(client, name, choose, 6)
            assert take_slice(client, name, store, "svc", after=first.end if first else manifest.end)
            _compare(client, name, store, manifest, history, second, choose)
            return True
        finally:
            client.drop_database(name)


def _base(client: Client, name: str, store: Store, choose: random.Random) -> Manifest | None:
    """Take a base slowly enough for writes to come in between."""

    def dawdle(done: int, total: int | None, unit: str) -> None:
        time.sleep(choose.random() * 0.05)

    time.sleep(choose.random() * 0.2)
    try:
        return base_backup(
            client, name, store, "svc", backup_id="b", workers=1, progress=dawdle, cancelled=lambda: False
        )
    except StepError as error:
        if "attempts" not in error.message:
            raise
        return None


def _compare(
    client: Client, name: str, store: Store, manifest: Manifest, history: list[model.Snapshot], second: Timestamp,
    choose: random.Random,
) -> None:  # fmt: skip
    """Fold to several moments, and really restore to the end of a second."""
    later = [moment for moment in history if moment.until > manifest.end]
    held = {found.name: frozenset(_documents(store, manifest, found.name)) for found in manifest.collections}
    for moment in choose.sample(later, min(4, len(later))):
        plans = _plans(name, store, manifest, moment.until)
        assert model.described(plans, held) == moment.described()
    if second <= manifest.end:
        return
    stood = [moment for moment in history if moment.until <= second][-1]
    into = f"{name}_restored"
    try:
        plans = _plans(name, store, manifest, second)
        restore(client, store, manifest, into=into, plan=plans, progress=lambda *_: None, cancelled=lambda: False)
        assert model.snapshot(client, into).described() == stood.described()
    finally:
        client.drop_database(into)


def _plans(name: str, store: Store, manifest: Manifest, until: Timestamp) -> tuple[CollectionPlan, ...]:
    base = [
        BaseCollection(found.name, found.uuid, found.options, found.indexes, found.type)
        for found in manifest.collections
    ]
    entries = read_chain(store, "svc", manifest, until)
    return fold(entries, database=name, base=base, until=until, consistent_from=manifest.end)


def _documents(store: Store, manifest: Manifest, name: str) -> Iterator[bytes]:
    from drx.backup.format.members import read_member

    data = next(found.data for found in manifest.collections if found.name == name)
    for member in manifest.file(data).members if data else ():
        yield from read_member(store, manifest.prefix + str(data), member)
