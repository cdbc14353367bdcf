"""`backup.prune`: every store by itself, loudly where something is wrong."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drx.backup.format.manifest import to_json
from drx.backup.holdings.inventory import list_all
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Store
from drx.config import BackupTarget, DirectoryStore, Retention, Target
from drx.errors import PermanentError, StepError
from tests.actions.context import FakeContext, run
from tests.backup.pieces import SERVICE, put_base

POLICY = Retention(timedelta(hours=1), 0, 0, 0, 0, 1)
HOUR = 3600


@pytest.fixture
def stores(tmp_path: Path) -> tuple[Store, Store]:
    """Two stores with a base of a day ago, of five hours ago and of now."""
    found = []
    for name in ("primary", "copy"):
        (tmp_path / name).mkdir()
        store = open_store(DirectoryAddress(tmp_path / name))
        for backup_id, age in (("old", 24 * HOUR), ("before", 5 * HOUR), ("new", 0)):
            end = int(datetime.now(UTC).timestamp()) - age
            manifest = put_base(store, backup_id, end, {"dump/oplog.bson": b"o"})
            at = datetime.fromtimestamp(end, UTC) + timedelta(minutes=1)
            store.put(f"{manifest.prefix}manifest.json", to_json(replace(manifest, finished_at=at)))
        found.append(store)
    return found[0], found[1]


@pytest.fixture
def context(tmp_path: Path) -> FakeContext:
    backups = BackupTarget(DirectoryStore(tmp_path / "primary"), (DirectoryStore(tmp_path / "copy"),), POLICY)
    return FakeContext(tmp_path / "artifacts", Target("sandbox", SERVICE, sandbox=True, backups=backups))


def ids(store: Store) -> list[str]:
    return [found.id for found in list_all(store, SERVICE)]


def test_a_dry_run_changes_nothing_and_says_the_same(context: FakeContext, stores: tuple[Store, Store]) -> None:
    planned = run("backup.prune", context, dry_run=True)
    assert [ids(store) for store in stores] == [["old", "before", "new"]] * 2
    assert any("1 would be deleted" in line for line in planned.lines)
    done = run("backup.prune", context)
    assert done.outputs == planned.outputs == {"kept": 4, "deleted": 2, "freed_bytes": done.outputs["freed_bytes"]}
    assert [ids(store) for store in stores] == [["before", "new"]] * 2
    assert done.lines[0] == "old (full): no rule keeps it"
    report = (context.artifacts / "retention.txt").read_text()
    assert report.count("delete  full") == 2
    assert report.count("within 1h") == 4


def test_a_copy_that_is_gone_fails_the_step_and_the_others_are_pruned(
    context: FakeContext, stores: tuple[Store, Store], tmp_path: Path
) -> None:
    (tmp_path / "copy").rename(tmp_path / "unmounted")
    with pytest.raises(StepError, match=r"not everything could be deleted: .*copy is not there"):
        run("backup.prune", context)
    assert ids(stores[0]) == ["before", "new"]


def test_nothing_goes_where_backups_have_stopped(context: FakeContext, stores: tuple[Store, Store]) -> None:
    for store in stores:
        store.delete(f"{SERVICE}/base/new/manifest.json")
        store.delete(f"{SERVICE}/base/new/dump/oplog.bson")
    with pytest.raises(PermanentError, match=r"the newest good base is 5h.* old, not 4h"):
        run("backup.prune", context, newest_within="4h")
    assert [ids(store) for store in stores] == [["old", "before"]] * 2


def test_an_unfinished_newest_backup_holds_its_store_only(context: FakeContext, stores: tuple[Store, Store]) -> None:
    stores[1].delete(f"{SERVICE}/base/new/manifest.json")
    with pytest.raises(PermanentError, match=r"nothing was deleted in .*copy: the newest backup, new, is incomplete"):
        run("backup.prune", context)
    assert [ids(store) for store in stores] == [["before", "new"], ["old", "before", "new"]]


def test_an_older_damaged_backup_stays_and_fails_the_step(context: FakeContext, stores: tuple[Store, Store]) -> None:
    stores[0].delete(f"{SERVICE}/base/before/dump/oplog.bson")
    with pytest.raises(PermanentError, match=r"a backup is damaged: .*primary: before: .*oplog\.bson is not there"):
        run("backup.prune", context)
    assert ids(stores[0]) == ["old", "before", "new"], "the damaged one is no base before the span: the old one is"
