"""docs/backups.md names every field that machines are given."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bson import Timestamp

from drx.backup.format.manifest import CollectionManifest, Manifest
from drx.backup.holdings.inventory import Slice, list_all
from drx.backup.holdings.retention import Rules
from drx.backup.holdings.window import find_window, read_oplog
from drx.backup.oplog.history import Event
from drx.backup.oplog.past import Past
from drx.backup.prune import prune
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress
from drx.cli.backups import events as backups_events
from drx.cli.backups import list as backups_list
from drx.cli.backups import prune as backups_prune
from drx.cli.backups import window as backups_window
from drx.cli.stores import Opened
from drx.config import BackupTarget, DirectoryStore, Retention, Target
from drx.config.target import PRIMARY
from tests.backup.format.test_manifest import MANIFEST
from tests.backup.pieces import SERVICE, put_base, put_slice

DOCUMENT = (Path(__file__).parents[2] / "docs" / "backups.md").read_text()
POLICY = Retention(timedelta(days=1), 1, 1, 1, 1, 1)


def names(value: object) -> Iterator[str]:
    """Every field, at any depth."""
    match value:
        case dict():
            yield from value
            for part in value.values():
                yield from names(part)
        case list():
            for part in value:
                yield from names(part)


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    """A store with a gap, and a slice that is lost."""
    store = open_store(DirectoryAddress(tmp_path))
    put_base(store, "b1", 100, {"dump/oplog.bson": b"o"})
    put_slice(store, 100, 200)
    put_slice(store, 300, 400)
    return Opened(store, Target("lab", SERVICE, backups=BackupTarget(DirectoryStore(tmp_path), (), POLICY)), PRIMARY)


def test_every_field_is_documented(opened: Opened) -> None:
    backups = list_all(opened.store, SERVICE)
    lost = Slice(Timestamp(500, 1), Timestamp(600, 1), "damaged", "x is not there")
    oplog = read_oplog([Slice(Timestamp(100, 1), Timestamp(200, 1), "whole", database="db"), lost])
    collection = MANIFEST.collections[0]
    assert isinstance(collection, CollectionManifest)
    assert isinstance(MANIFEST, Manifest)
    now = datetime.now(UTC)
    past = Past([Event(Timestamp(1, 1), "drop", "db.a", 1, now)], [(Timestamp(1, 1), Timestamp(2, 1))])
    pruned = prune(opened.store, SERVICE, Rules(POLICY, now), dry_run=True, check=lambda: None)
    shown = {
        "list": backups_list._listed(opened, backups, oplog),
        "show": backups_list.as_dict(backups[0]) | backups_list._contents(MANIFEST),
        "window": backups_window._as_dict(opened, find_window(backups, oplog), Timestamp(1, 1)),
        "events": backups_events._as_dict(opened, Timestamp(1, 1), past),
        "prune --dry-run": backups_prune._as_dict(opened, pruned),
    }
    backup = set(re.findall(r"`(\w+)`", row("a backup")))
    for command, value in shown.items():
        documented = set(re.findall(r"`(\w+)`", row(f"`{command}`")))
        if command in ("list", "show"):
            documented |= backup
        assert set(names(value)) <= documented, command
        if command not in ("list", "show"):
            assert set(names(value)) >= documented - {"archive", "live"}, command


def row(head: str) -> str:
    """The row of the table that begins with this."""
    (found,) = re.findall(rf"^\| {re.escape(head)} \|.*$", DOCUMENT.partition("## JSON")[2], re.MULTILINE)
    return str(found).partition("|")[2].partition("|")[2]
