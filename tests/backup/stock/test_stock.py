"""Stock dumps: what mongodump wrote is read whole, in every form, or refused with the place of its damage."""

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from bson import Timestamp, decode, encode
from hypothesis import given, settings
from hypothesis import strategies as st

from drx.backup.format.digest import digest_of
from drx.backup.format.documents import split
from drx.backup.format.names import escape
from drx.backup.stock.dump import OPLOG, Namespace, examine
from drx.backup.stock.opening import open_dump
from drx.backup.stock.restoring import databases, plan_of
from drx.errors import StoreError, UsageError
from tests.backup.stock_files import TERMINATOR, Written, archive, directory

FIXTURES = Path(__file__).parents[3].parent / "shared" / "fixtures" / "mongo-tools"
needs_fixtures = pytest.mark.skipif(not FIXTURES.exists(), reason="the shared fixtures are not there")
FORMS = ["directory", "directory.gz", "archive", "archive.gz"]


def _write(form: str, root: Path, collections: list[Written], oplog: list[bytes] | None = None) -> Path:
    write = directory if form.startswith("directory") else archive
    return write(root / form, collections, zipped=form.endswith(".gz"), oplog=oplog)


def _read(path: Path) -> dict[Namespace, bytes]:
    dump = open_dump(path)
    wanted = {found.namespace for found in dump.collections} | {OPLOG}
    held: dict[Namespace, bytes] = {}
    for namespace, documents in dump.documents(wanted):
        held[namespace] = held.get(namespace, b"") + b"".join(documents)
    return held


def _silent(count: int) -> None:
    pass


def _go_on() -> None:
    pass


def _example() -> list[Written]:
    return [
        Written("shop", "images", [encode({"_id": number, "key": f"k{number}"}) for number in range(7)]),
        Written("shop", "users", [encode({"_id": "ada"})], indexes=[
            {"v": 2, "key": {"_id": 1}, "name": "_id_"}, {"v": 2, "key": {"mail": 1}, "name": "mail_1", "unique": True},
        ]),
        Written("shop", "empty"),
        Written("shop", "gallery", type="view", options={"viewOn": "images", "pipeline": []}, indexes=[]),
        Written("shop", "ticks", [encode({"_id": 1, "control": {}})], type="timeseries",
                options={"timeseries": {"timeField": "at"}}),
        Written("shop", "cafés 100%/x", [encode({"_id": 1})]),
        Written("other", "notes", [encode({"_id": 1})]),
        Written("admin", "system.version", [encode({"_id": "featureCompatibilityVersion"})]),
    ]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_holds_the_same(form: str, tmp_path: Path) -> None:
    written = _example()
    entry = encode({"ts": Timestamp(5, 1), "op": "n", "ns": "", "o": {}})

    path = _write(form, tmp_path, written, [entry])
    dump = open_dump(path)

    assert [found.namespace for found in dump.collections] == sorted(
        (each.database, each.name) for each in written if each.database != "admin"
    )
    assert dump.left_out == ("admin.system.version",)
    held = _read(path)
    for each in written:
        if each.database != "admin" and each.documents:
            assert held[each.database, each.name] == b"".join(each.documents)
    assert held[OPLOG] == entry
    assert databases(examine(dump, _silent, _go_on)) == ("other", "shop")
    users = next(found for found in dump.collections if found.name == "users")
    assert [index["name"] for index in users.metadata.indexes] == ["_id_", "mail_1"]


def test_the_directory_of_one_database_is_a_dump_too(tmp_path: Path) -> None:
    path = _write("directory", tmp_path, _example())

    assert databases(examine(open_dump(path / "shop"), _silent, _go_on)) == ("shop",)


@pytest.mark.parametrize("form", FORMS)
def test_a_plan_folds_the_oplog_in(form: str, tmp_path: Path) -> None:
    oplog = [
        encode({"ts": Timestamp(10, 1), "op": "i", "ns": "shop.images", "o": {"_id": 100}}),
        encode({"ts": Timestamp(10, 2), "op": "d", "ns": "shop.images", "o": {"_id": 0}}),
        encode({"ts": Timestamp(11, 1), "op": "c", "ns": "shop.$cmd", "o": {"drop": "users"}}),
        encode({"ts": Timestamp(11, 2), "op": "i", "ns": "other.notes", "o": {"_id": 2}}),
    ]  # fmt: skip
    examined = examine(open_dump(_write(form, tmp_path, _example(), oplog)), _silent, _go_on)

    plans = {plan.name: plan for plan in plan_of(examined, "shop")}

    assert "users" not in plans
    assert [decode(each)["_id"] for each in plans["images"].changes.born()] == [100]
    assert plans["images"].changes.apply(encode({"_id": 0})) is None
    assert plans["gallery"].type == "view"
    assert [plan.name for plan in plan_of(examined, "shop", ["images"])] == ["images"]
    with pytest.raises(UsageError, match="no collection users in shop"):
        plan_of(examined, "shop", ["users"])


def test_examining_counts_and_digests_everything(tmp_path: Path) -> None:
    told: list[int] = []
    examined = examine(open_dump(_write("archive.gz", tmp_path, _example())), told.append, _go_on)

    assert examined.digests["shop", "images"] == digest_of(_example()[0].documents)
    assert sum(told) == 7 + 1 + 1 + 1 + 1


DOCUMENTS = st.lists(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(-9, 9) | st.text(max_size=20), max_size=4),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=4), st.integers(1, 5), st.sampled_from(FORMS))
def test_whatever_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, collections: list[list[dict[str, object]]], turn: int, form: str
) -> None:
    written = [
        Written("db", f"c{number}", [encode({"_id": place, **document}) for place, document in enumerate(documents)])
        for number, documents in enumerate(collections)
    ]
    root = tmp_path_factory.mktemp("stock")
    if form.startswith("archive"):
        path = archive(root / form, written, zipped=form.endswith(".gz"), turn=turn)
    else:
        path = _write(form, root, written)
    assert _read(path) == {("db", each.name): b"".join(each.documents) for each in written if each.documents}
    shutil.rmtree(root)


@pytest.mark.parametrize("form", ["archive", "archive.gz"])
def test_no_changed_byte_of_an_archive_changes_a_document(form: str, tmp_path: Path) -> None:
    written = [Written("db", "c", [encode({"_id": number, "text": "x" * 5}) for number in range(3)])]
    path = _write(form, tmp_path, written)
    whole, before = path.read_bytes(), _read(path)
    messages = []

    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x11]) + whole[place + 1 :])
        try:
            assert _read(path) == before, f"byte {place}"  # what is about the dump itself has no check sum
        except StoreError as error:
            messages.append(error.message)
    assert len(messages) > len(b"".join(written[0].documents))
    assert all(str(path) in message for message in messages)


def _structure(data: bytes) -> list[bytes]:
    """Cut an archive into what it is made of: magic, documents and terminators."""
    parts, at = [data[:4]], 4
    while at < len(data):
        size = 4 if data[at : at + 4] == TERMINATOR else int.from_bytes(data[at : at + 4], "little")
        parts.append(data[at : at + size])
        at += size
    return parts


@pytest.mark.parametrize("how", ["lost", "doubled", "swapped", "moved to the end", "of another"])
def test_an_archive_damaged_in_its_structure_is_refused_or_the_same(how: str, tmp_path: Path) -> None:
    """Each part of it is lost, or stands where another should, while every byte of the rest is right."""
    written = [
        Written("db", "c", [encode({"_id": number}) for number in range(4)]),
        Written("db", "d", [encode({"_id": "x", "n": number}) for number in range(3)]),
        Written("db", "e"),
    ]
    path = archive(tmp_path / "a", written, zipped=False, oplog=[encode({"ts": Timestamp(1, 1), "op": "n"})])
    parts, before = _structure(path.read_bytes()), _outcome(path)
    assert b"".join(parts) == path.read_bytes()
    messages = []
    for at, part in enumerate(parts):
        rest = [*parts[:at], *parts[at + 1 :]]
        damaged = {
            "lost": rest,
            "doubled": [*parts[: at + 1], *parts[at:]],
            "swapped": [*parts[:at], *reversed(parts[at : at + 2]), *parts[at + 2 :]],
            "moved to the end": [*rest, part],
            "of another": [*parts[:at], part.replace(b"\2\0\0\0c\0", b"\2\0\0\0q\0"), *parts[at + 1 :]],
        }[how]
        path.write_bytes(b"".join(damaged))
        try:
            assert _outcome(path) == before, (at, part)
        except StoreError as error:
            messages.append(error.message)
    assert messages
    assert all(str(path) in message for message in messages)


def _outcome(path: Path) -> object:
    """All that a restore would make of a dump."""
    examined = examine(open_dump(path), _silent, _go_on)
    kinds = [(found.namespace, found.is_view, found.metadata.indexes) for found in examined.dump.collections]
    return sorted(kinds, key=str), examined.digests


@pytest.mark.parametrize("form", FORMS)
def test_a_dump_that_is_cut_off_anywhere_is_refused(form: str, tmp_path: Path) -> None:
    path = _write(form, tmp_path, _example()[:1])
    file = path if path.is_file() else next(path.glob("shop/*.bson*"))
    whole = file.read_bytes()
    for length in range(1, len(whole)):
        file.write_bytes(whole[:length])
        if length % len(b"".join(_example()[0].documents[:1])) or form != "directory":
            with pytest.raises(StoreError, match=file.name):
                examine(open_dump(path), _silent, _go_on)


def _no_magic(path: Path) -> str:
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    return "is no archive of mongodump"


def _empty(path: Path) -> str:
    path.write_bytes(b"")
    return "is no archive of mongodump"


def _missing(path: Path) -> str:
    return "is not there"


def _bare_directory(path: Path) -> str:
    path.mkdir()
    return "holds no dump"


def _twice(path: Path) -> str:
    directory(path, [Written("db", "c")], zipped=False)
    (path / "db" / "c.bson.gz").write_bytes(gzip.compress(b""))
    return "are the same collection"


def _wrong_metadata(path: Path) -> str:
    directory(path, [Written("db", "c")], zipped=False)
    (path / "db" / "c.metadata.json").write_text('{"indexes": 7}')
    return "c.metadata.json is not stock metadata"


def _renamed(path: Path) -> str:
    directory(path, [Written("db", "c")], zipped=False)
    (path / "db" / "c.metadata.json").rename(path / "db" / "d.metadata.json")
    return "says it holds the collection c"


def _nameless_index(path: Path) -> str:
    directory(path, [Written("db", "c", indexes=[{"key": {"a": 1}}])], zipped=False)
    return "c.metadata.json is not stock metadata"


def _lacking(path: Path) -> str:
    directory(path, [Written("db", "c"), Written("db", "d")], zipped=False)
    (path / "db" / "c.bson").unlink()
    return "c.bson is not there, only its metadata"


def _link_to_nothing(path: Path) -> str:
    directory(path, [Written("db", "c")], zipped=False)
    (path / "db" / "e.bson").symlink_to(path / "nowhere")
    return "e.bson is no file, or a link to nothing"


def _two_stems(path: Path) -> str:
    directory(path, [Written("db", "a b")], zipped=False)
    (path / "db" / "a b.bson").write_bytes(b"")
    (path / "db" / "a b.metadata.json").write_text(Written("db", "a b").metadata)
    return "are the same collection, a b"


@pytest.mark.parametrize(
    "make",
    [_no_magic, _empty, _missing, _bare_directory, _twice, _wrong_metadata, _renamed, _nameless_index, _lacking,
     _link_to_nothing, _two_stems],
)  # fmt: skip
def test_what_is_no_dump_is_said(make: Callable[[Path], str], tmp_path: Path) -> None:
    path = tmp_path / "dump"
    words = make(path)
    with pytest.raises(StoreError, match=words):
        open_dump(path)


def test_an_empty_file_that_should_be_gzip_is_damaged(tmp_path: Path) -> None:
    path = directory(tmp_path / "dump", [Written("db", "c", [encode({"_id": 1})])], zipped=True)
    (path / "db" / "c.bson.gz").write_bytes(b"")
    with pytest.raises(StoreError, match=r"c\.bson\.gz is damaged: it is empty"):
        examine(open_dump(path), _silent, _go_on)


def test_a_long_name_of_a_time_series_is_cut_in_its_buckets_alone(tmp_path: Path) -> None:
    name = "t" * 230
    options = {"timeseries": {"timeField": "at"}}
    path = directory(tmp_path / "dump", [Written("db", "ticks", type="timeseries", options=options)], zipped=False)
    ticks = Written("db", name, type="timeseries", options=options)
    (path / "db" / "ticks.metadata.json").rename(path / "db" / f"{name}.metadata.json")
    (path / "db" / f"{name}.metadata.json").write_text(ticks.metadata)
    (path / "db" / "system.buckets.ticks.bson").rename(path / "db" / f"{escape(ticks.source)}.bson")
    (path / "db" / f"{escape(ticks.source)}.bson").write_bytes(encode({"_id": 1}))
    assert _read(path) == {("db", name): encode({"_id": 1})}


def test_an_old_archive_says_of_a_view_by_its_options_alone(tmp_path: Path) -> None:
    view = Written("db", "v", type="view", options={"viewOn": "c", "pipeline": []}, indexes=[])
    path = archive(tmp_path / "dump.archive", [view, Written("db", "c", [encode({"_id": 1})])], zipped=False)
    old = path.read_bytes().replace(b"type\0\x05\0\0\0view", b"typo\0\x05\0\0\0view")
    path.write_bytes(old.replace(b'"type": "view"', b'"typo": "view"'))
    examined = examine(open_dump(path), _silent, _go_on)
    assert [(plan.name, plan.type) for plan in plan_of(examined, "db")] == [("c", None), ("v", "view")]


def test_a_collection_without_metadata_is_restored_without_indexes(tmp_path: Path) -> None:
    path = directory(tmp_path / "dump", [Written("db", "c", [encode({"_id": 1})])], zipped=True)
    (path / "db" / "c.metadata.json.gz").unlink()
    (found,) = plan_of(examine(open_dump(path), _silent, _go_on), "db")
    assert (found.name, [index["name"] for index in found.indexes]) == ("c", ["_id_"])


@needs_fixtures
def test_an_archive_of_stock_tools_is_read_with_its_check_sum() -> None:
    dump = open_dump(FIXTURES / "test.bar.archive")
    assert [found.namespace for found in dump.collections] == [("test", "bar")]
    examined = examine(dump, _silent, _go_on)
    assert examined.digests["test", "bar"].count > 0


@needs_fixtures
def test_a_damaged_archive_of_stock_tools_is_refused() -> None:
    with pytest.raises(StoreError, match=r"bad-format\.archive"):
        examine(open_dump(FIXTURES / "bad-format.archive"), _silent, _go_on)


@needs_fixtures
def test_names_and_oplogs_of_stock_tools_are_read() -> None:
    assert [found.name for found in open_dump(FIXTURES / "specialcharacter").collections] == ["cafés"]
    examined = examine(open_dump(FIXTURES / "oplogdump"), _silent, _go_on)
    (plan,) = plan_of(examined, "db1")
    assert plan.name == "c1"
    assert examined.dump.left_out == ("admin.system.version",)
    with_index = examine(open_dump(FIXTURES / "duplicate_index_key_with_oplog"), _silent, _go_on)
    assert plan_of(with_index, "test")


@needs_fixtures
@pytest.mark.parametrize("name", ["commit_indexes_build", "create_indexes", "oplog_partial_skips"])
def test_a_dump_that_is_only_an_oplog_folds_onto_nothing(name: str) -> None:
    examined = examine(open_dump(FIXTURES / name), _silent, _go_on)
    entries = [decode(each) for _, piece in examined.dump.documents({OPLOG}) for each in piece]
    touched = {str(entry["ns"]).partition(".")[0] for entry in entries} - {"", "admin", "config"}
    for database in touched:
        plan_of(examined, database)


@needs_fixtures
def test_a_document_of_every_type_survives(tmp_path: Path) -> None:
    raw = (FIXTURES / "all_types.bson").read_bytes()
    documents = split(raw)
    path = archive(tmp_path / "all.archive", [Written("db", "types", documents)], zipped=True)
    assert _read(path)["db", "types"] == raw
