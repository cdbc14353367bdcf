"""`mongo.restore_dump` on a real server: dumps of stock tools, whole, chosen from, damaged."""

from pathlib import Path

import pytest
from bson import Timestamp, encode

from drx.errors import DrxError, PermanentError, StoreError
from tests.actions.context import FakeContext, run
from tests.actions.mongo.databases import Documents, fill
from tests.backup.stock_files import Written, archive, directory

pytestmark = pytest.mark.usefixtures("impatience")


def _dump(root: Path, form: str, database: str) -> Path:
    collections = [
        Written(database, "images", [encode({"_id": number, "key": f"k{number}"}) for number in range(2500)], indexes=[
            {"v": 2, "key": {"_id": 1}, "name": "_id_"}, {"v": 2, "key": {"key": 1}, "name": "key_1", "unique": True},
        ]),
        Written(database, "log", [encode({"_id": number}) for number in range(50)],
                options={"capped": True, "size": 1 << 20}),
        Written(database, "gallery", type="view", options={"viewOn": "images", "pipeline": []}, indexes=[]),
        Written("admin", "system.users", [encode({"_id": "root"})]),
    ]  # fmt: skip
    oplog = [
        encode({"ts": Timestamp(9, 1), "op": "i", "ns": f"{database}.images", "o": {"_id": "late", "key": "late"}}),
        encode({"ts": Timestamp(9, 2), "op": "d", "ns": f"{database}.images", "o": {"_id": 0}}),
    ]
    write = archive if form.startswith("archive") else directory
    return write(root / form, collections, zipped=form.endswith(".gz"), oplog=oplog)


@pytest.mark.parametrize("form", ["directory", "directory.gz", "archive", "archive.gz"])
def test_a_stock_dump_is_restored_and_proven(
    context: FakeContext, database: Documents, into: str, tmp_path: Path, form: str
) -> None:
    path = _dump(tmp_path, form, "shop")

    result = run("mongo.restore_dump", context, path=str(path), into=into)

    restored = database.client[into]
    assert sorted(restored.list_collection_names()) >= ["gallery", "images", "log"]
    assert restored.images.count_documents({}) == 2500
    assert restored.images.find_one({"_id": "late"})
    assert not restored.images.find_one({"_id": 0})
    assert restored.images.index_information()["key_1"]["unique"] is True
    assert [found["_id"] for found in restored.log.find()] == list(range(50))
    assert restored.gallery.count_documents({}) == 2500
    assert result.outputs["documents"] == 2550
    assert any("admin.system.users" in line for line in result.lines)


def test_chosen_collections_of_a_dump(context: FakeContext, database: Documents, into: str, tmp_path: Path) -> None:
    path = _dump(tmp_path, "archive.gz", "shop")

    run("mongo.restore_dump", context, path=str(path), into=into, only=["log"])

    assert database.client[into].list_collection_names() == ["log"]


def test_of_a_damaged_dump_nothing_is_restored(
    context: FakeContext, database: Documents, into: str, tmp_path: Path
) -> None:
    path = _dump(tmp_path, "archive", "shop")
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(bytes(whole))

    with pytest.raises(StoreError, match="archive is damaged"):
        run("mongo.restore_dump", context, path=str(path), into=into)
    assert into not in database.client.list_database_names()


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"path": "nowhere"}, "nowhere is not there"),
        ({"database": "moon"}, "holds no database moon"),
        ({"only": ["moon"]}, "holds no collection moon"),
        ({"into": "admin"}, "is a database of the server itself"),
    ],
)
def test_what_cannot_be_restored_is_said(
    context: FakeContext, into: str, tmp_path: Path, parameters: dict[str, object], words: str
) -> None:
    path = _dump(tmp_path, "directory", "shop")
    with pytest.raises(DrxError, match=words):
        run("mongo.restore_dump", context, **{"path": str(path), "into": into, **parameters})


def test_two_databases_have_to_be_told_apart(
    context: FakeContext, database: Documents, into: str, tmp_path: Path
) -> None:
    path = directory(tmp_path / "two", [Written("a", "x", [encode({"_id": 1})]), Written("b", "y")], zipped=False)
    with pytest.raises(PermanentError, match="does not hold one database"):
        run("mongo.restore_dump", context, path=str(path), into=into)
    run("mongo.restore_dump", context, path=str(path), into=into, database="a")
    assert database.client[into].list_collection_names() == ["x"]


def test_a_database_in_use_is_never_filled(context: FakeContext, database: Documents, tmp_path: Path) -> None:
    fill(database)
    path = _dump(tmp_path, "directory", database.name)
    with pytest.raises(PermanentError, match="is not empty"):
        run("mongo.restore_dump", context, path=str(path))
