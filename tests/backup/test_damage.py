"""No byte of a store changes unseen: whatever is flipped, cut or removed is named, and never restored."""

import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from drx.backup.dump import base_backup
from drx.backup.format import members
from drx.backup.format.catalog import PROGRESS, list_slices, load_manifest
from drx.backup.format.documents import split
from drx.backup.format.manifest import Manifest
from drx.backup.format.members import read_member
from drx.backup.oplog import capture
from drx.backup.oplog.fold import BaseCollection, fold
from drx.backup.oplog.moments import until_after
from drx.backup.oplog.slices import read_chain, take_slice
from drx.backup.restore import restore
from drx.backup.server import scan
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Entry, S3Address, Store
from drx.backup.verify import verify_everything
from drx.errors import DrxError

Client = MongoClient[dict[str, Any]]
Db = Database[dict[str, Any]]
QUIET: dict[str, Any] = {"progress": lambda done, total, unit: None, "cancelled": lambda: False}


@pytest.fixture
def open_a_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Store]:
    def opened(kind: str) -> Store:
        if kind == "directory":
            return open_store(DirectoryAddress(tmp_path))
        endpoint, bucket = request.getfixturevalue("s3_server"), request.getfixturevalue("bucket")
        return open_store(S3Address(bucket, "p", endpoint=endpoint, access_key_id="test", secret_access_key="test"))

    return opened


def fill(database: Db, store: Store, monkeypatch: pytest.MonkeyPatch) -> Manifest:
    """Make a base of several collections, in several members each, and two slices after it."""
    monkeypatch.setattr(capture, "_SETTLED_SECONDS", 0.1)
    monkeypatch.setattr(members, "MEMBER_BYTES", 2000)
    monkeypatch.setattr(scan, "_BATCH_BYTES", 2000)
    database.images.insert_many({"_id": number, "text": uuid.uuid4().hex * 2} for number in range(80))
    database.users.insert_many({"_id": uuid.uuid4().hex} for _ in range(5))
    database.users.create_index("name", unique=False)
    database.command({"create": "recent", "viewOn": "images", "pipeline": []})
    manifest = base_backup(database.client, database.name, store, "svc", backup_id="b1", **QUIET)
    end = manifest.end
    for number in range(2):
        database.images.insert_many({"text": uuid.uuid4().hex} for _ in range(20 * number + 1))
        taken = take_slice(database.client, database.name, store, "svc", after=end)
        assert taken
        end = taken.end
    return manifest


def restore_all(database: Db, store: Store, into: str, until: Any) -> None:
    """Restore to the newest moment, by all that the store holds."""
    manifest = load_manifest(store, "svc", "b1")
    base = [
        BaseCollection(found.name, found.uuid, found.options, found.indexes, found.type)
        for found in manifest.collections
    ]
    entries = read_chain(store, "svc", manifest, until)
    plan = fold(entries, database=database.name, base=base, until=until, consistent_from=manifest.end)
    restore(database.client, store, manifest, into=into, plan=plan, **QUIET)


@dataclass(frozen=True)
class Place:
    """Something done to one object."""

    key: str
    harm: str
    at: int

    def strike(self, store: Store) -> bytes:
        """Do it, and give what stood there."""
        good = store.get(self.key)
        match self.harm:
            case "remove":
                store.delete(self.key)
            case "cut":
                store.put(self.key, good[: self.at])
            case "flip":
                store.put(self.key, good[: self.at] + bytes([good[self.at] ^ 1 << self.at % 8]) + good[self.at + 1 :])
        return good


def places(store: Store, choose: random.Random, count: int) -> Iterator[Place]:
    """Remove each object and cut it once; then flip, and sometimes cut, at random places of random ones."""
    sizes = {entry.key: entry.size_bytes for entry in store.list("")}
    for key, size in sizes.items():
        yield Place(key, "remove", 0)
        yield Place(key, "cut", choose.randrange(size))
    for _ in range(count - 2 * len(sizes)):
        key = choose.choice(list(sizes))
        yield Place(key, choose.choice(["flip", "flip", "flip", "cut"]), choose.randrange(sizes[key]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["directory", "s3"])
def test_whatever_is_flipped_cut_or_removed_is_named_and_not_restored(
    kind: str, database: Db, into: str, open_a_store: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_a_store(kind)
    manifest = fill(database, store, monkeypatch)
    until = until_after(max(piece.end for piece in list_slices(store, "svc")))
    kinds = {entry.key.rpartition("/")[2] for entry in store.list("")}
    assert {"manifest.json", "oplog.bson", "prelude.json.gz", "recent.metadata.json.gz", "images.bson.gz"} < kinds
    assert verify_everything(store, "svc", **QUIET).damaged == ()
    target = database.client[into]
    for place in places(store, random.Random(1), 500):
        good = place.strike(store)
        try:
            (line,) = verify_everything(store, "svc", **QUIET).damaged
            assert place.key in line
            with pytest.raises(DrxError) as caught:
                restore_all(database, store, into, until)
            assert place.key.removesuffix(".json") in str(caught.value), (place, str(caught.value))
            assert not restored_of(place, manifest, store, good, target)
        finally:
            store.put(place.key, good)
        if target.list_collection_names():
            database.client.drop_database(into)
    assert verify_everything(store, "svc", **QUIET).damaged == ()
    restore_all(database, store, into, until)
    assert target.images.count_documents({}) == 80 + 1 + 21


def restored_of(place: Place, manifest: Manifest, store: Store, good: bytes, target: Database[Any]) -> list[bytes]:
    """Give what was restored of a damaged object: of the damaged member, where the object is all there."""
    names = target.list_collection_names()
    there = [raw for name in names for batch in target[name].find_raw_batches() for raw in split(batch)]
    file = next((file for file in manifest.files if manifest.prefix + file.path == place.key), None)
    if place.harm != "flip" or file is None or not file.members:
        return there
    (member,) = [each for each in file.members if each.offset <= place.at < each.offset + each.size_bytes]
    store.put(place.key, good)
    damaged = set(read_member(store, place.key, member))
    return [raw for raw in there if raw in damaged]


@pytest.mark.slow
def test_a_base_under_way_is_no_damage_and_one_without_its_manifest_is(
    database: Db, open_a_store: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_a_store("directory")
    manifest = fill(database, store, monkeypatch)
    store.put("svc/base/b2/dump/d/c.bson.gz", b"half")
    (line,) = verify_everything(store, "svc", **QUIET).damaged
    assert "svc/base/b2/manifest.json is not there" in line
    store.put(f"svc/base/b2/{PROGRESS}", b"{}")
    found = verify_everything(store, "svc", **QUIET)
    assert (found.backups, len(found.slices), found.damaged) == ((manifest,), 2, ())


@pytest.mark.slow
def test_a_backup_in_another_ones_place_is_named(
    database: Db, open_a_store: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_a_store("directory")
    fill(database, store, monkeypatch)
    one, two = (entry.key for entry in store.list("svc/oplog/") if entry.key.endswith(".json"))
    store.put(one, store.get(two))
    store.put("svc/base/b2/manifest.json", store.get("svc/base/b1/manifest.json"))
    assert [line.rpartition(": ")[2] for line in verify_everything(store, "svc", **QUIET).damaged] == [
        "it describes svc/base/b1/manifest.json", f"it describes {two}",
    ]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("gone", ["svc/base/b1/", "svc/oplog/"])
def test_what_retention_deletes_meanwhile_is_no_damage(
    database: Db, open_a_store: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    store = open_a_store("directory")
    fill(database, store, monkeypatch)
    listed = [entry.key for entry in store.list(gone)]
    whole = verify_everything(store, "svc", **QUIET)
    looked: list[str] = []
    real = store.list

    def listing(prefix: str) -> Iterator[Entry]:
        """Delete as soon as it was listed, manifests first."""
        found = list(real(prefix))
        if gone.startswith(prefix) and not looked:
            looked.append(prefix)
            for key in sorted(listed, key=lambda key: not key.endswith(".json")):
                store.delete(key)
        return iter(found)

    monkeypatch.setattr(store, "list", listing)
    found = verify_everything(store, "svc", **QUIET)
    assert looked
    assert found.damaged == ()
    assert found.backups == (() if "base" in gone else whole.backups)
    assert set(found.slices) == (set(whole.slices) if "base" in gone else set())  # two at a time, in any order
