"""What somebody laid into a store to do harm: bounded memory, and a refusal that names the object."""

import gzip
import time
import zlib
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from bson import Timestamp
from pymongo.database import Database

from drx.backup.format.catalog import slice_keys
from drx.backup.format.digest import Digest
from drx.backup.format.manifest import Member, SliceManifest, to_json
from drx.backup.format.members import LARGEST_MEMBER, inflate_member
from drx.backup.oplog.slices import slice_entries, take_slice
from drx.backup.stores.base import Store
from drx.backup.uploads.points import Point, inventory_key, read_items
from drx.errors import DamagedError, PermanentError
from tests.memory import memory_below

BOMB_BYTES = 256 << 20
_BOMBS: dict[bytes, bytes] = {}


def bomb(of: bytes) -> bytes:
    """A quarter of a GB of one byte, as a small gzip member."""
    if of not in _BOMBS:
        packer, piece = zlib.compressobj(4, wbits=31), of * (1 << 20)
        packed = b"".join(packer.compress(piece) for _ in range(BOMB_BYTES >> 20))
        _BOMBS[of] = packed + packer.flush()
    return _BOMBS[of]


def member(data: bytes, size_bytes: int) -> Member:
    return Member(0, len(data), sha256(data).hexdigest(), Digest(1, size_bytes, 0))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (BOMB_BYTES, f"it would take {BOMB_BYTES:,} bytes, and none takes {LARGEST_MEMBER:,}"),
        (1 << 20, "does not hold the documents of the manifest"),
    ],
)
def test_a_member_that_inflates_without_end_is_refused(store: Store, said: int, why: str) -> None:
    store.put("k", bomb(b"\0"))
    with memory_below(16 << 20), pytest.raises(DamagedError, match=r"/k, bytes 0 to \d+, does not hold") as caught:
        inflate_member(store, "k", member(bomb(b"\0"), said))
    assert why in str(caught.value)


def test_a_slice_that_inflates_without_end_is_refused(store: Store) -> None:
    begin, end = Timestamp(1, 1), Timestamp(2, 1)
    packed = bomb(b"\0")
    piece = SliceManifest("svc", "db", begin, end, 1, len(packed), sha256(packed).hexdigest())
    key, _ = slice_keys("svc", begin, end)
    store.put(key, packed)
    with (
        memory_below(3 * LARGEST_MEMBER + (16 << 20)),
        pytest.raises(DamagedError, match=rf"oplog/.*bson\.gz is damaged: .*more than {LARGEST_MEMBER:,} bytes"),
    ):
        list(slice_entries(store, "svc", piece))


@pytest.mark.parametrize("of", [b" ", b"\n"])
def test_an_inventory_that_inflates_without_end_is_refused(store: Store, of: bytes) -> None:
    packed, now = bomb(of), datetime(2026, 11, 27, tzinfo=UTC)
    store.put(inventory_key("svc", "p"), packed)
    point = Point("p", "bucket", now, now, 1, 1, 0, sha256(packed).hexdigest())
    with memory_below(64 << 20), pytest.raises(DamagedError, match="is not what was written"):
        list(read_items(store, "svc", point))


def test_an_inventory_is_read_whole_however_well_it_is_packed(store: Store) -> None:
    line = (
        b'{"key":"%07d","version_id":"v","size_bytes":1,"etag":"e","modified":"2026-11-27T00:00:00Z",'
        b'"storage_class":"STANDARD","object":"o"}\n'
    )
    packed = gzip.compress(b"".join(line % number for number in range(30_000)))
    store.put(inventory_key("svc", "p"), packed)
    now = datetime(2026, 11, 27, tzinfo=UTC)
    point = Point("p", "bucket", now, now, 30_000, 30_000, 0, sha256(packed).hexdigest())
    assert [item.key for item in read_items(store, "svc", point)] == [f"{number:07d}" for number in range(30_000)]


def test_a_slice_with_times_still_to_come_does_not_end_archiving_unseen(
    database: Database[dict[str, Any]], store: Store
) -> None:
    """Whoever puts one there, or a server whose clock ran ahead: what is written until then would be in no slice."""
    database.images.insert_one({"_id": 1})
    now = int(time.time())
    for ahead, refused in ((300, False), (86_400, True)):
        key, manifest_key = slice_keys("svc", Timestamp(now, 1), Timestamp(now + ahead, 1))
        made = SliceManifest("svc", database.name, Timestamp(now, 1), Timestamp(now + ahead, 1), 0, 0, "")
        store.put(key, b"")
        store.put(manifest_key, to_json(made))
        if refused:
            with pytest.raises(PermanentError, match=r"/svc reach up to .* still to come"):
                take_slice(database.client, database.name, store, "svc", after=made.end)
        else:
            assert take_slice(database.client, database.name, store, "svc", after=made.end) is None
