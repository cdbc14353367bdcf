"""A store in a directory of a disk that is full, read-only, elsewhere than it seems, or poorer than others."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from drx.backup.format.catalog import list_bases
from drx.backup.holdings.inventory import list_all
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Store
from drx.backup.verify import verify_base
from drx.errors import StoreError
from tests.backup.databases import QUIET, back_up, differences, fill, put_back
from tests.disks import read_only, room_for

pytestmark = pytest.mark.usefixtures("impatience")
Db = Database[dict[str, Any]]


def test_a_full_disk_is_named_and_leaves_no_backup(database: Db, store: Store, tmp_path: Path) -> None:
    fill(database, 1000)
    with room_for(20_000), pytest.raises(StoreError, match=r"images\.bson\.gz: (File too large|No space left)"):
        back_up(database, store)
    assert [(found.id, found.state) for found in list_all(store, "svc")] == [("b1", "incomplete")]
    assert not list_bases(store, "svc")
    assert not list(store.unfinished("svc/"))
    with room_for(20_000), pytest.raises(StoreError, match=r"svc/note: (File too large|No space left)"):
        store.create("svc/note", b"x" * 30_000)
    assert not (tmp_path / "store" / "svc" / "note").exists()
    assert back_up(database, store).collections[0].digest.count == 1000


def test_a_read_only_directory_gives_everything_and_takes_nothing(
    database: Db, store: Store, into: str, tmp_path: Path
) -> None:
    fill(database)
    manifest = back_up(database, store)
    with read_only(tmp_path / "store"):
        assert list_bases(store, "svc") == (manifest,)
        assert not verify_base(store, manifest, **QUIET)
        assert not differences(database, put_back(database, store, manifest, into))
        before = {entry.key: entry.size_bytes for entry in store.list("")}
        for harm in (
            lambda: store.put("svc/new", b""),
            lambda: store.create("svc/new/er", b""),
            lambda: store.delete(f"{manifest.prefix}manifest.json"),
        ):
            with pytest.raises(StoreError, match=r"store/svc/.*(Read-only file system|Permission denied)") as caught:
                harm()
            assert "permissions" in caught.value.remedy
        with pytest.raises(StoreError, match=r"Read-only|Permission"):
            back_up(database, store, "b2")
        assert {entry.key: entry.size_bytes for entry in store.list("")} == before


@pytest.mark.parametrize("linked", ["store", "store/svc", "store/svc/base/b1", "store/svc/base/b1/dump"])
def test_what_lies_behind_a_link_is_there(database: Db, store: Store, into: str, tmp_path: Path, linked: str) -> None:
    fill(database)
    manifest = back_up(database, store)
    (tmp_path / linked).rename(tmp_path / "elsewhere")
    (tmp_path / linked).symlink_to(tmp_path / "elsewhere")
    assert [(found.id, found.state) for found in list_all(store, "svc")] == [("b1", "whole")]
    assert not verify_base(store, manifest, **QUIET)
    assert not differences(database, put_back(database, store, manifest, into))
    second = back_up(database, store, "b2")
    assert [found.id for found in list_bases(store, "svc")] == ["b1", "b2"]
    assert not verify_base(store, second, **QUIET)


def test_a_link_whose_disk_is_gone_is_named(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "unmounted")
    store = open_store(DirectoryAddress(tmp_path / "link"))
    with pytest.raises(StoreError, match="link is not there") as caught:
        list_bases(store, "svc")
    assert "Mount its disk" in caught.value.remedy
    with pytest.raises(StoreError, match="link is not there"):
        store.put("svc/a", b"")
    assert not (tmp_path / "unmounted").exists()


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_disk_without_hard_links_keeps_backups_too(
    database: Db, store: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """FAT and exFAT, as disks that are carried away often have them."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse)
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda each: store.create("svc/lock", b"%d" % each), range(8)))
    assert won.count(True) == 1
    assert store.get("svc/lock") == b"%d" % won.index(True)
    fill(database)
    manifest = back_up(database, store)
    assert not verify_base(store, manifest, **QUIET)
    assert not store.create(f"{manifest.prefix}manifest.json", b"another")
    assert not list(store.unfinished("svc/"))
