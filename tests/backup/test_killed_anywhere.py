"""Killed between any two changes of a store, every piece of work leaves nothing that counts, goes on, or is cleared."""

import math
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from drx.backup import unfinished
from drx.backup.copies import bring_up_to_date
from drx.backup.format import members
from drx.backup.format.catalog import MANIFEST, PROGRESS, list_bases, list_differentials, list_slices
from drx.backup.format.manifest import Manifest, to_json
from drx.backup.holdings.inventory import list_all, list_slices_of
from drx.backup.holdings.retention import Rules
from drx.backup.oplog import capture
from drx.backup.oplog.differential import take_differential
from drx.backup.oplog.slices import find_chain, take_slice
from drx.backup.prune import prune
from drx.backup.server import scan
from drx.backup.stores import open_store, s3_upload
from drx.backup.stores.base import DirectoryAddress, S3Address, Store
from drx.backup.verify import verify_base, verify_everything
from drx.config.target import Retention
from drx.errors import StepError
from tests.backup.databases import QUIET, Db, back_up, differences, put_back
from tests.backup.mortal import Died, mortal
from tests.backup.pieces import MOMENT, put_base, put_slice

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
KIB = 1 << 10
OPEN: tuple[str, ...] = ("directory", "s3")


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make many members and parts of a little data, and write down each step."""
    monkeypatch.setattr(capture, "_SETTLED_SECONDS", 0.05)
    monkeypatch.setattr(unfinished, "_SAVE_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(unfinished, "_SAVING_SHARE", math.inf)
    monkeypatch.setattr(scan, "_SPLIT_FROM_BYTES", 64 * KIB)
    monkeypatch.setattr(scan, "_BATCH_BYTES", 32 * KIB)
    monkeypatch.setattr(members, "MEMBER_BYTES", 32 * KIB)
    monkeypatch.setattr(s3_upload, "_FIRST_PART", 64 * KIB)
    monkeypatch.setattr(s3_upload, "_SMALLEST_PART", 1)


@pytest.fixture(params=OPEN)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Store]:
    """Open a store anew, as another process does."""
    if request.param == "directory":
        (tmp_path / "store").mkdir()
        return lambda: open_store(DirectoryAddress(tmp_path / "store"))
    endpoint, bucket = request.getfixturevalue("s3_server"), request.getfixturevalue("bucket")
    return lambda: open_store(S3Address(bucket, "p", endpoint=endpoint, access_key_id="test", secret_access_key="test"))


def fill(database: Db) -> None:
    """Make a collection of each kind that is dumped in its own way."""
    database.large.insert_many({"_id": number, "data": os.urandom(8 * KIB)} for number in range(40))
    database.create_collection("log", capped=True, size=1 << 20)
    database.log.insert_many({"_id": number, "data": os.urandom(8 * KIB)} for number in range(12))
    database.create_collection("own", clusteredIndex={"key": {"_id": 1}, "unique": True, "name": "own"})
    database.own.insert_many({"_id": number, "data": os.urandom(8 * KIB)} for number in range(12))
    database.create_collection("readings", timeseries={"timeField": "at", "metaField": "sensor"})
    database.readings.insert_many({"at": MOMENT + timedelta(minutes=n), "sensor": n % 2} for n in range(9))
    database.command({"create": "recent", "viewOn": "large", "pipeline": []})


def keys(store: Store) -> list[str]:
    return sorted(entry.key for entry in store.list("svc/"))


def clear(store: Store) -> None:
    store.abandon("svc/")
    for key in keys(store):
        store.delete(key)


def cleared_away(store: Store) -> None:
    """Prune, once what was never finished is old and a good base came after it."""
    later = datetime.now(UTC) + timedelta(hours=2)
    good = put_base(store, "good", int(later.timestamp()), {"dump/x": b"x"})
    store.put(f"{good.prefix}{MANIFEST}", to_json(replace(good, finished_at=later)))
    rules = Rules(Retention(timedelta(), 0, 0, 0, 0, 1), datetime.now(UTC) + timedelta(days=2))
    done = prune(store, "svc", rules, dry_run=False, check=lambda: None)
    assert not done.failures
    assert {found.state for found in list_all(store, "svc")} == {"whole"}
    assert {found.state for found in list_slices_of(store, "svc")} <= {"whole"}
    assert not list(store.unfinished("svc/"))


@pytest.mark.parametrize("ending", ["goes on", "is cleared away"])
def test_a_base(database: Db, opened: Callable[[], Store], into: str, ending: str) -> None:
    fill(database)
    whole = {found.name: found.digest for found in back_up(database, opened()).collections}
    store, phases = opened(), set()
    clear(store)
    for changes in count():  # how many there are differs a little: progress is written down when there is time for it
        store = opened()
        with mortal(store, changes) as life:
            back_up(database, store)
        if not life.is_over:
            break
        store = opened()
        is_finished = f"svc/base/b1/{MANIFEST}" in keys(store)
        states = {found.state for found in list_all(store, "svc")}
        assert states <= ({"whole"} if is_finished else {"incomplete"})
        assert len(list_bases(store, "svc")) == is_finished
        phases.add((PROGRESS in "".join(keys(store)), bool(list(store.unfinished("svc/"))), is_finished))
        if ending == "is cleared away":
            cleared_away(store)
            assert is_finished or keys(store) == [f"svc/base/good/{each}" for each in ("dump/x", MANIFEST)]
        elif not is_finished:
            manifest = back_up(database, store)
            assert {found.name: found.digest for found in manifest.collections} == whole
            assert not verify_base(store, manifest, **QUIET)
            assert keys(store) == sorted(
                [f"{manifest.prefix}{MANIFEST}", *(manifest.prefix + file.path for file in manifest.files)]
            )
            assert not list(store.unfinished("svc/"))
        clear(store)
    assert changes > 30
    assert phases >= {(True, True, False), (True, False, False)}
    (manifest,) = list_bases(store, "svc")
    assert not differences(database, put_back(database, store, manifest, into))


@pytest.mark.parametrize(("change", "key"), [("create", MANIFEST), ("delete", PROGRESS)])
def test_a_base_at_its_very_end(
    database: Db, opened: Callable[[], Store], monkeypatch: pytest.MonkeyPatch, change: str, key: str
) -> None:
    fill(database)
    store = opened()

    def die(where: str, *_: object) -> None:
        if where.endswith(key):
            raise Died

    monkeypatch.setattr(store, change, die)
    with pytest.raises(Died):
        back_up(database, store)
    assert (f"svc/base/b1/{PROGRESS}" in keys(store), change == "delete") == (True, bool(list_bases(store, "svc")))
    if change == "create":
        said: list[str] = []
        manifest = back_up(database, opened(), say=said.append)
        assert said == ["went on with an earlier attempt, which left 5 whole collections"]
        assert not verify_base(store, manifest, **QUIET)
    else:
        (manifest,) = list_bases(store, "svc")
        assert not verify_base(store, manifest, **QUIET)
        with pytest.raises(StepError, match="there is a backup at"):
            back_up(database, opened())
    cleared_away(opened())


def test_a_slice(database: Db, opened: Callable[[], Store]) -> None:
    database.c.insert_one({"_id": 0})
    base = back_up(database, opened())
    end = base.end
    for changes in count():
        database.c.insert_many({"data": os.urandom(KIB)} for _ in range(100))
        before = len(list_slices(opened(), "svc"))
        store = opened()
        with mortal(store, changes) as life:
            taken = take_slice(database.client, database.name, store, "svc", after=end)
        if not life.is_over:
            break
        store = opened()
        states = [found.state for found in list_slices_of(store, "svc")]
        assert set(states) <= {"whole", "incomplete"}
        assert len(list_slices(store, "svc")) == states.count("whole") in (before, before + 1)
        database.c.insert_one({"_id": f"later {changes}"})
        taken = take_slice(database.client, database.name, store, "svc", after=end)
        assert taken
        chain = find_chain(base, list_slices(store, "svc"))
        assert (chain.end, chain.gap) == (taken.end, None)
        assert not verify_everything(store, "svc", **QUIET).damaged
        end = taken.end
    assert changes >= 2
    cleared_away(opened())


def test_a_differential(database: Db, opened: Callable[[], Store]) -> None:
    database.c.insert_one({"_id": 0})
    base = back_up(database, opened())
    database.c.insert_many({"data": os.urandom(KIB)} for _ in range(200))
    assert take_slice(database.client, database.name, opened(), "svc", after=base.end)
    taken: tuple[Manifest, ...] = ()
    for changes in count():
        store = opened()
        with mortal(store, changes):
            take_differential(store, "svc", base, backup_id=f"d{changes}", check=lambda: None)
        taken = list_differentials(opened(), "svc")
        states = {found.state for found in list_all(opened(), "svc") if found.kind == "differential"}
        assert states <= ({"whole", "incomplete"} if taken else {"incomplete"})
        if taken:  # the last change of all may be to tidy up after the manifest
            break
    assert changes >= 2
    assert not verify_base(opened(), taken[0], **QUIET)
    cleared_away(opened())


def put_several(store: Store) -> Manifest:
    files = {"dump/db/large.bson.gz": os.urandom(200 * KIB), "dump/db/users.bson.gz": b"users"}
    put_base(store, "b1", 100, files)
    put_slice(store, 100, 200)
    put_base(store, "d1", 200, {"oplog.bson": os.urandom(100 * KIB)}, "differential", "b1")
    return put_base(store, "b2", 200, files)


def test_a_copy(opened: Callable[[], Store], tmp_path: Path) -> None:
    (tmp_path / "primary").mkdir()
    primary = open_store(DirectoryAddress(tmp_path / "primary"))
    put_several(primary)
    for changes in count():
        copy = opened()
        with mortal(copy, changes) as life:
            bring_up_to_date(primary, [copy], "svc", workers=1, **QUIET)
        if not life.is_over:
            break
        copy = opened()
        assert {found.state for found in list_all(copy, "svc")} <= {"whole", "incomplete"}
        for manifest in (*list_bases(copy, "svc"), *list_differentials(copy, "svc")):
            assert not verify_base(copy, manifest, **QUIET)
        (outcome,) = bring_up_to_date(primary, [copy], "svc", **QUIET)
        assert (outcome.complete, outcome.mended) == (True, [])
        assert {key: copy.get(key) for key in keys(copy)} == {key: primary.get(key) for key in keys(primary)}
        assert not list(copy.unfinished("svc/"))
        clear(copy)
    assert changes >= 10


def test_pruning(opened: Callable[[], Store]) -> None:
    """What still counts is whole; a second time clears away the rest."""
    states: dict[str, str] = {}
    for changes in count():
        store = opened()
        put_several(store)
        store.put("svc/base/cut/dump/x", b"half")
        with store.lasting_upload("svc/base/cut/dump/y", None) as upload:
            upload.write(os.urandom(100 * KIB))
        with mortal(store, changes) as life:
            cleared_away(store)
        states = {found.id: found.state for found in list_all(opened(), "svc")}
        assert set(states.values()) <= {"whole", "incomplete"}
        if not life.is_over:
            break
        clear(opened())
    assert changes >= 12
    assert states == {"good": "whole"}
