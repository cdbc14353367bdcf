"""The catalog and single members, with hand-made objects: what contradicts itself is never used."""

from hashlib import sha256
from pathlib import Path

import bson
import pytest
from bson import Timestamp

from drx.backup.format.catalog import find_base, list_bases, list_slices, load_manifest, slice_keys
from drx.backup.format.digest import digest_of
from drx.backup.format.manifest import Member, SliceManifest, to_json
from drx.backup.format.members import compress, read_member
from drx.backup.format.pieces import list_oplog
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Store
from drx.errors import DamagedError, StoreError
from tests.backup.format.test_manifest import MANIFEST
from tests.backup.pieces import put_slice

DOCUMENTS = [bson.encode({"_id": number}) for number in range(3)]
RAW = b"".join(DOCUMENTS)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(DirectoryAddress(tmp_path))


def test_slices_are_listed_oldest_first(store: Store) -> None:
    slices = [
        SliceManifest("svc", "d", Timestamp(*start), Timestamp(*end), 1, 1, "ab")
        for start, end in [((9, 2), (10, 1)), ((9, 1), (9, 2)), ((10, 1), (2**31, 5))]
    ]
    for found in slices:
        data, manifest = slice_keys("svc", found.start, found.end)
        store.put(data, b"")
        store.put(manifest, to_json(found))
    assert [found.start for found in list_slices(store, "svc")] == [Timestamp(9, 1), Timestamp(9, 2), Timestamp(10, 1)]
    assert list_slices(store, "other") == ()


def test_a_manifest_in_the_wrong_place_is_not_used(store: Store) -> None:
    store.put("svc/base/b1/manifest.json", to_json(MANIFEST))
    store.put("svc/base/b2/manifest.json", to_json(MANIFEST))
    assert load_manifest(store, "svc", "b1") == MANIFEST
    with pytest.raises(StoreError, match=r"svc/base/b2/manifest\.json describes svc/b1"):
        load_manifest(store, "svc", "b2")
    with pytest.raises(StoreError, match=r"svc/base/b3/manifest\.json is not there"):
        load_manifest(store, "svc", "b3")


@pytest.mark.parametrize(
    ("packed", "says"),
    [
        (compress(RAW), ""),
        (compress(RAW[:-1]), "does not hold"),
        (compress(RAW + DOCUMENTS[0]), "does not hold"),
        (compress(RAW[::-1]), "does not hold"),
        (compress(DOCUMENTS[0] * 3), "does not hold the documents of the manifest"),
        (compress(RAW) + compress(b""), "does not hold the documents of the manifest"),
        (compress(RAW)[:-8], "does not hold"),
        (RAW, "does not hold"),
        (compress(bytes(1 << 26)), "does not hold"),
    ],
    ids=["whole", "cut", "more", "garbage", "other", "two members", "no trailer", "not gzip", "bomb"],
)
def test_a_member_that_is_not_what_the_manifest_says_is_not_used(store: Store, packed: bytes, says: str) -> None:
    store.put("svc/file", b"before" + packed + b"after")
    member = Member(6, len(packed), sha256(packed).hexdigest(), digest_of(DOCUMENTS))
    if not says:
        assert read_member(store, "svc/file", member) == DOCUMENTS
        return
    with pytest.raises(StoreError, match=rf"svc/file, bytes 6 to {6 + len(packed)}, {says}"):
        read_member(store, "svc/file", member)


def test_damaged_manifests_can_count_as_not_there(store: Store) -> None:
    """A new base or slice does not depend on an old one: it mends what is lost as far as it can be."""
    store.put("svc/base/b1/manifest.json", to_json(MANIFEST))
    store.put("svc/base/b0/manifest.json", to_json(MANIFEST))
    store.put("svc/base/b2/manifest.json", b"{")
    store.put("svc/oplog/0000000001.0000000001-0000000002.0000000001.json", b"{")
    with pytest.raises(DamagedError):
        list_bases(store, "svc")
    with pytest.raises(DamagedError):
        list_slices(store, "svc")
    skipped: list[DamagedError] = []
    assert list_bases(store, "svc", skipped.append) == (MANIFEST,)
    assert list_slices(store, "svc", skipped.append) == ()
    assert len(skipped) == 3
    assert find_base(store, "svc", "b1") == MANIFEST
    assert find_base(store, "svc", "b9") is None
    with pytest.raises(DamagedError):
        find_base(store, "svc", "b2")


def test_what_somebody_laid_beside_the_slices_is_none(store: Store) -> None:
    piece = put_slice(store, 1000, 2000)
    for name in ("notes.json", "9-8.json", "0000001000.0000000001-0000002000.0000000001 (1).json"):
        store.put(f"svc/oplog/{name}", b"{}")
    assert list_slices(store, "svc") == (piece,)
    assert [listed.counts for listed in list_oplog(store, "svc")] == [True]


def test_a_slice_of_another_service_or_time_is_refused(store: Store) -> None:
    put_slice(store, 1000, 2000)
    span = Timestamp(1000, 1), Timestamp(2000, 1)
    own, other = slice_keys("svc", *span)[1], slice_keys("another", *span)[1]
    store.put(other, store.get(own))
    with pytest.raises(DamagedError, match=f"was moved: it describes {own}"):
        list_slices(store, "another")
