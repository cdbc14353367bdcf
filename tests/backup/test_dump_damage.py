"""Damage to a stored base or to what was restored from it: named, and nothing restored."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from drx.backup.stores.base import Store
from drx.backup.verify import verify_base
from drx.errors import DamagedError, StoreError
from tests.backup.databases import QUIET, Db, back_up, differences, every_kind, fill, insert_raw, put_back, raw


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def test_damage_is_named_and_nothing_of_it_restored(database: Db, store: Store, tmp_path: Path, into: str) -> None:
    fill(database)
    manifest = back_up(database, store)
    key = f"svc/base/b1/dump/{database.name}/images.bson.gz"
    path = tmp_path / "store" / key
    good = path.read_bytes()
    for damage in (flip, cut, empty, Path.unlink):
        damage(path)
        (line,) = verify_base(store, manifest, **QUIET)
        assert key in line
        with pytest.raises(StoreError, match=r"images\.bson\.gz") as caught:
            put_back(database, store, manifest, into)
        said = f"0 documents loaded so far stay in the database {into}" in str(caught.value)
        assert said == (damage is flip)  # the others are seen before anything is created
        assert database.client[into].images.count_documents({}) == 0
        database.client.drop_database(into)
        path.write_bytes(good)
    assert not differences(database, put_back(database, store, manifest, into))


def test_every_other_object_is_read_back_too(database: Db, store: Store, tmp_path: Path, into: str) -> None:
    fill(database)
    manifest = back_up(database, store)
    for file in manifest.files:
        path = tmp_path / "store" / manifest.prefix / file.path
        good = path.read_bytes()
        flip(path)
        assert [file.path in line for line in verify_base(store, manifest, **QUIET)] == [True]
        if not file.members:
            with pytest.raises(DamagedError, match=rf"{re.escape(file.path)} is damaged"):
                put_back(database, store, manifest, into)
            assert into not in database.client.list_database_names()
        path.write_bytes(good + b"x")
        assert [file.path in line for line in verify_base(store, manifest, **QUIET)] == [True]
        path.write_bytes(good)
    assert not verify_base(store, manifest, **QUIET)


def test_a_restored_database_that_differs_is_found_out(database: Db, store: Store, into: str, fixtures: Path) -> None:
    every_kind(database, fixtures)
    restored = put_back(database, store, back_up(database, store), into)
    target = database.client[into]
    seven = target.images.find_one({"_id": 7})
    assert seven

    def uncapped() -> None:
        target.drop_collection("log")
        insert_raw(target, "log", raw(database, "log"))

    damages: list[tuple[str, Callable[[], object]]] = [
        ("images holds 300 documents", lambda: target.images.replace_one({"_id": 7}, seven | {"text": "0" * 100})),
        ("images holds 299 documents", lambda: target.images.delete_one({"_id": 7})),
        ("more is there, but was not restored", lambda: target.create_collection("more")),
        ("images: index ttl is missing", lambda: target.images.drop_index("ttl")),
        ("images: index n_1 is there", lambda: target.images.create_index("n")),
        ("checked: option validator is", lambda: target.command("collMod", "checked", validator={})),
        ("recent is missing", lambda: target.drop_collection("recent")),
        ("log: option capped is None", uncapped),
        ("images is missing", lambda: target.drop_collection("images")),
    ]
    assert not differences(database, restored)
    for line, damage in damages:
        assert not any(found.startswith(line) for found in differences(database, restored))
        damage()
        assert any(found.startswith(line) for found in differences(database, restored)), line
