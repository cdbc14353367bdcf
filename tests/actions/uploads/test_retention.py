"""Points of the uploads follow the rules of retention, and bytes go with the last point that names them."""

import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drx.backup.holdings.pruned import Pruned
from drx.backup.holdings.retention import Rules
from drx.backup.holdings.survey import survey
from drx.backup.locks import Holder, holding
from drx.backup.prune import prune
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Store
from drx.backup.uploads.points import Item, Point, PointWriter, list_points, prefix_of
from drx.backup.uploads.prune import judge_points
from drx.backup.uploads.verify import missing, verify_points
from drx.cli.backups.list import list_, show
from drx.cli.stores import Opened
from drx.config import BackupTarget, DirectoryStore, Retention, Target
from tests.actions.context import FakeContext, run

SERVICE = "svc"
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)
POLICY = Retention(7 * DAY, 0, 0, 0, 0, 1)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "store").mkdir()
    return open_store(DirectoryAddress(tmp_path / "store"))


@pytest.fixture
def context(tmp_path: Path, store: Store) -> FakeContext:
    backups = BackupTarget(DirectoryStore(tmp_path / "store"), (), POLICY)
    return FakeContext(tmp_path / "artifacts", Target("sandbox", SERVICE, sandbox=True, backups=backups))


def put_object(store: Store, tmp_path: Path, name: str, age: timedelta = 30 * DAY) -> None:
    key = f"{prefix_of(SERVICE)}objects/{name}"
    store.put(key, name.encode())
    written = time.time() - age.total_seconds()
    os.utime(tmp_path / "store" / key, (written, written))


def put_point(store: Store, point_id: str, at: datetime, *names: str) -> Point:
    with PointWriter(store, SERVICE, point_id) as writer:
        for name in names:
            writer.add(Item(name, len(name), "e", "null", at, "STANDARD", name))
        return writer.finish("s3://uploads", at, at)


def objects(store: Store) -> list[str]:
    return [entry.key.rpartition("/")[2] for entry in store.list(f"{prefix_of(SERVICE)}objects/")]


def ids(store: Store) -> list[str]:
    return [point.id for point in list_points(store, SERVICE)]


def pruned(store: Store, *, dry_run: bool = False, hold: str = "") -> Pruned:
    rules = Rules(POLICY, datetime.now(UTC))
    return prune(store, SERVICE, rules, dry_run=dry_run, check=lambda: None, uploads_hold=hold)


def three_points(store: Store, tmp_path: Path) -> None:
    """One of a month ago, one of ten days ago, which the span needs, and one of now; and an object of none of them."""
    for name in ("a", "b", "c", "stray"):
        put_object(store, tmp_path, name)
    put_object(store, tmp_path, "young", timedelta())
    now = datetime.now(UTC)
    put_point(store, "old", now - 30 * DAY, "a", "b")
    put_point(store, "before", now - 10 * DAY, "b")
    put_point(store, "new", now, "b", "c")


@pytest.mark.parametrize(
    ("policy", "ages", "kept"),
    [
        (POLICY, (0, 6, 8, 9), {0, 6, 8}),
        (POLICY, (8, 9), {8}),
        (replace(POLICY, minimum=3), (20, 30, 40, 50), {20, 30, 40}),
        (replace(POLICY, monthly=2), (0, 20, 30, 40, 70), {0, 20, 30}),
        (replace(POLICY, daily=9), (10, 20, 30), {10, 20, 30}),
    ],
)
def test_the_rules_are_those_of_bases(policy: Retention, ages: tuple[int, ...], kept: set[int]) -> None:
    points = [Point(str(age), "b", NOW, NOW - age * DAY, 0, 0, 0, "") for age in ages]
    assert {int(point.id) for point, reasons in judge_points(points, Rules(policy, NOW)) if reasons} == kept


def test_each_bucket_keeps_its_last_point() -> None:
    points = [Point(name, name, NOW, NOW - 90 * DAY, 0, 0, 0, "") for name in ("one", "other")]
    assert all(reasons for _, reasons in judge_points(points, Rules(POLICY, NOW)))


def test_bytes_go_with_the_last_point_that_names_them(store: Store, tmp_path: Path) -> None:
    three_points(store, tmp_path)
    planned = pruned(store, dry_run=True)
    assert (ids(store), objects(store)) == (["old", "before", "new"], ["a", "b", "c", "stray", "young"])
    done = pruned(store)
    assert done == planned
    assert (ids(store), objects(store)) == (["before", "new"], ["b", "c", "young"])
    assert [(each.what, each.pieces) for each in done.decisions if not each.keep] == [
        ("old", 1), ("bytes of uploads", 2),
    ]  # fmt: skip
    assert verify_points(store, SERVICE, lambda *_: None, lambda: False, lambda: None) == (2, ())
    assert pruned(store).deleted == 0


@pytest.mark.parametrize("path", ["points/new.jsonl.gz", "points/before.json"])
def test_no_byte_goes_while_a_point_cannot_be_read(store: Store, tmp_path: Path, path: str) -> None:
    three_points(store, tmp_path)
    store.put(f"{prefix_of(SERVICE)}{path}", b"damaged")
    done = pruned(store)
    assert len(done.damaged) == 1
    assert done.deleted == 0
    assert objects(store) == ["a", "b", "c", "stray", "young"]
    assert len(list(store.list(f"{prefix_of(SERVICE)}points/"))) == 6


def test_uploads_that_are_being_backed_up_are_left_alone(context: FakeContext, store: Store, tmp_path: Path) -> None:
    three_points(store, tmp_path)
    with holding(store, SERVICE, "uploads", Holder("kay", "elsewhere", 1, "another")):
        run("backup.prune", context)
    assert ids(store) == ["old", "before", "new"]
    assert "the uploads of svc" in (context.artifacts / "retention.txt").read_text()
    assert run("backup.prune", context).outputs["deleted"] == 2
    assert ids(store) == ["before", "new"]


def test_lost_and_altered_bytes_are_found(store: Store, tmp_path: Path) -> None:
    three_points(store, tmp_path)
    store.delete(f"{prefix_of(SERVICE)}objects/c")
    point = list_points(store, SERVICE)[-1]
    assert missing(store, SERVICE, point, lambda: None) == 1
    _, damaged = verify_points(store, SERVICE, lambda *_: None, lambda: False, lambda: None)
    assert len(damaged) == 1
    assert "objects/c" in damaged[0]


def test_points_are_listed_and_shown(
    context: FakeContext, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    three_points(store, tmp_path)
    opened = Opened(store, context.target, "primary")
    assert list_(opened, as_json=False) == 0
    assert "3 points of the uploads, since " in capsys.readouterr().out
    assert list_(opened, as_json=True) == 0
    assert [point["id"] for point in json.loads(capsys.readouterr().out)["uploads"]["points"]] == ids(store)
    assert show(opened, "new", as_json=False) == 0
    assert "holds          2 objects, 2 B" in capsys.readouterr().out
    store.delete(f"{prefix_of(SERVICE)}objects/c")
    assert show(opened, "new", as_json=False) == 4
    assert "1 object is not in the store as it was written" in capsys.readouterr().out
    store.put(f"{prefix_of(SERVICE)}points/new.json", b"damaged")
    assert list_(opened, as_json=False) == 4
    assert "new.json is no note of an inventory" in capsys.readouterr().out


def test_a_copy_without_the_newest_point_lacks_it(store: Store, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    places = [DirectoryAddress(tmp_path / name) for name in ("store", "copy")]
    assert survey(places, SERVICE, "db").holdings[1].lacking == ()
    put_point(store, "new", NOW)
    assert survey(places, SERVICE, "db").holdings[1].lacking == (f"{SERVICE}/uploads/points/new.json",)
    put_point(open_store(places[1]), "new", NOW)
    assert survey(places, SERVICE, "db").holdings[1].lacking == ()
