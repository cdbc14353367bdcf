"""Pruning of real stores: what goes and stays, interrupted at any moment, refused by the store."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from bson import Timestamp

from drx.backup.format.manifest import to_json
from drx.backup.holdings.inventory import list_all, list_slices_of
from drx.backup.holdings.pruned import Pruned
from drx.backup.holdings.retention import Rules
from drx.backup.holdings.window import find_window, read_oplog
from drx.backup.prune import prune
from drx.backup.stores.base import DirectoryAddress, S3Address, Store
from drx.backup.stores.directory import DirectoryStore
from drx.backup.stores.s3 import S3Store
from drx.config import Retention
from drx.errors import StoreError
from tests.backup.pieces import SERVICE, put_base, put_slice

FILES = {"dump/db/a.bson.gz": b"a" * 50, "dump/oplog.bson": b"o"}
POLICY = Retention(timedelta(seconds=200), 0, 0, 0, 0, 1)
NOW = datetime.fromtimestamp(1000, UTC)


@pytest.fixture
def locking(s3_server: str, bucket: str) -> S3Store:
    """A bucket whose objects can be locked."""
    address = S3Address(f"{bucket}-lock", "p", endpoint=s3_server, access_key_id="test", secret_access_key="test")
    found = S3Store(address)
    found.client.create_bucket(Bucket=found.bucket, ObjectLockEnabledForBucket=True)
    return found


def fill(store: Store) -> None:
    """Bases at 100, 500, 700, 900, a differential of the first, and slices without a gap but the one after 400."""
    for second in (100, 500, 700, 900):
        put_base(store, f"b{second}", second, FILES)
    folded = put_base(store, "d300", 300, {"x": b"folded"}, "differential")
    store.put(f"{folded.prefix}manifest.json", to_json(replace(folded, parent="b100")))
    for start, end in ((100, 300), (300, 400), (450, 700), (700, 850), (850, 950)):
        put_slice(store, start, end)


def pruned(store: Store, now: datetime = NOW, *, dry_run: bool = False, **more: timedelta) -> Pruned:
    return prune(store, SERVICE, Rules(POLICY, now, **more), dry_run=dry_run, check=lambda: None)


def contents(store: Store) -> list[str]:
    return [entry.key.removeprefix(f"{SERVICE}/") for entry in store.list(f"{SERVICE}/")]


def seconds(timestamps: list[Timestamp]) -> list[int]:
    return [timestamp.time for timestamp in timestamps]


def window(store: Store) -> list[tuple[int, int]]:
    found = find_window(list_all(store, SERVICE), read_oplog(list_slices_of(store, SERVICE)))
    return [(span.start.time, span.end.time) for span in found.spans]


LEFT = ["base/b700", "base/b900", "oplog/0000000700.0000000001-0000000850", "oplog/0000000850.0000000001-0000000950"]


def test_what_no_rule_keeps_goes_with_its_reason(store: Store) -> None:
    fill(store)
    before = contents(store)
    planned = pruned(store, dry_run=True)
    assert contents(store) == before
    done = pruned(store)
    assert done == planned
    assert [(each.what, each.kind, each.keep, each.pieces) for each in done.decisions] == [
        ("b100", "full", False, 1),
        ("d300", "differential", False, 1),
        ("b500", "full", False, 1),
        ("b700", "full", True, 1),
        ("b900", "full", True, 1),
        ("1970-01-01 00:01:40 - 1970-01-01 00:11:40", "slices", False, 3),
        ("1970-01-01 00:11:40 - 1970-01-01 00:15:50", "slices", True, 2),
    ]
    assert (done.kept, done.deleted) == (4, 6)
    assert done.freed_bytes > 0
    assert all(each.reasons for each in done.decisions)
    assert all(key.startswith(tuple(LEFT)) for key in contents(store))
    assert window(store) == [(700, 950)]
    again = pruned(store)
    assert (again.deleted, again.freed_bytes, again.kept) == (0, 0, 4)


def test_the_newest_slice_stays_for_the_next_one(store: Store) -> None:
    put_slice(store, 100, 200)
    put_slice(store, 200, 300)
    put_base(store, "b700", 700, FILES)
    assert pruned(store).deleted == 1
    assert seconds([piece.end for piece in list_slices_of(store, SERVICE)]) == [300]


class Interrupted(BaseException):
    """The process ends here: SIGKILL, a power cut."""


class Mortal(DirectoryStore):
    """A store under a process that dies before its n-th change."""

    def __init__(self, path: Path, changes: int) -> None:
        super().__init__(DirectoryAddress(path))
        self.left = changes

    def delete(self, key: str) -> None:
        if self.left == 0:
            raise Interrupted
        self.left -= 1
        super().delete(key)


def test_ended_at_any_moment_it_leaves_what_counts_whole_and_goes_on(tmp_path: Path) -> None:
    ended = 0
    for changes in range(100):
        path = tmp_path / str(changes)
        path.mkdir()
        fill(DirectoryStore(DirectoryAddress(path)))
        store = Mortal(path, changes)
        try:
            pruned(store)
        except Interrupted:
            ended += 1
            found = list_all(store, SERVICE)
            assert {each.state for each in found} <= {"whole", "incomplete"}
            assert {each.state for each in list_slices_of(store, SERVICE)} <= {"whole", "incomplete"}
            parents = {each.id for each in found if each.state == "whole"}
            assert all(each.facts.parent is None or each.facts.parent in parents for each in found if each.facts)
            assert (700, 950) in [(max(start, 700), end) for start, end in window(store)]
            store.left = 100
            for file in path.rglob("*"):
                os.utime(file, (0, 0))  # it was written long ago
            pruned(store, NOW + timedelta(days=2))
            assert not any("b100" in key for key in contents(store))
        else:
            break
    assert ended > 10


def put_good_base(store: Store) -> None:
    """Write a base that is newer than all that the tests leave behind."""
    manifest = put_base(store, "b900", 900, FILES)
    later = datetime.now(UTC) + timedelta(hours=1)
    store.put(f"{manifest.prefix}manifest.json", to_json(replace(manifest, finished_at=later)))


def begin_upload(store: Store, key: str) -> None:
    """Leave an upload as a process that is killed does."""
    if isinstance(store, S3Store):
        store.client.create_multipart_upload(Bucket=store.bucket, Key=store.key(key))
    elif isinstance(store, DirectoryStore):
        path = store.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(".drx-abc").write_bytes(b"half")


def test_what_was_never_finished_goes_and_its_uploads_are_aborted(store: Store, locking: S3Store) -> None:
    for each in (store, locking):
        put_good_base(each)
        each.put(f"{SERVICE}/base/cut/dump/db/a.bson.gz", b"a")
        begin_upload(each, f"{SERVICE}/base/cut/dump/b")
        begin_upload(each, f"{SERVICE}/base/only/dump/c")
        listed = {found.id: (found.state, found.files, found.uploads) for found in list_all(each, SERVICE)}
        assert listed == {"b900": ("whole", 3, 0), "cut": ("incomplete", 1, 1), "only": ("incomplete", 0, 1)}

        later = datetime.now(UTC) + timedelta(hours=23)
        assert pruned(each, later).deleted == 0
        later += timedelta(hours=2)
        assert pruned(each, later).deleted == 2
        assert list(each.unfinished(f"{SERVICE}/base/")) == []
        assert [found.id for found in list_all(each, SERVICE)] == ["b900"]


def test_a_damaged_manifest_is_named_and_hides_nothing(store: Store) -> None:
    fill(store)
    store.put(f"{SERVICE}/base/b500/manifest.json", b"{")
    store.delete(f"{SERVICE}/base/b100/dump/oplog.bson")
    found = {each.id: each for each in list_all(store, SERVICE)}
    assert {name: each.state for name, each in found.items()} == {
        "b100": "damaged", "d300": "whole", "b500": "damaged", "b700": "whole", "b900": "whole",
    }  # fmt: skip
    assert "b500/manifest.json is damaged" in found["b500"].problem
    assert found["b100"].problem.endswith("b100/dump/oplog.bson is not there")
    assert pruned(store).hold.startswith("the newest backup, b500, is damaged")
    assert len(list_all(store, SERVICE)) == 5


def test_what_is_under_object_lock_stays_and_the_rest_goes(locking: S3Store) -> None:
    fill(locking)
    until = datetime.now(UTC) + timedelta(days=1)
    for key in ("base/b500/manifest.json", "oplog/0000000100.0000000001-0000000300.0000000001.json"):
        locking.client.put_object_retention(
            Bucket=locking.bucket, Key=locking.key(f"{SERVICE}/{key}"),
            Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until},
        )  # fmt: skip
    reasons = {each.what: each.reasons for each in pruned(locking).decisions if each.keep}
    said = f"under Object Lock until {until:%Y-%m-%d %H:%M} UTC"
    assert reasons["b500"] == (said,)
    assert reasons["1970-01-01 00:01:40 - 1970-01-01 00:05:00"] == (said,)
    left = {found.id: found.state for found in list_all(locking, SERVICE)}
    assert left == {"b500": "whole", "b700": "whole", "b900": "whole"}


class Refusing(DirectoryStore):
    """A store that lets nobody delete some keys."""

    def __init__(self, path: Path, refuses: Callable[[str], bool]) -> None:
        super().__init__(DirectoryAddress(path))
        self.refuses = refuses

    def delete(self, key: str) -> None:
        if self.refuses(key):
            raise StoreError(f"{key}: AccessDenied", "Check the credentials")
        super().delete(key)


def test_refusals_are_kept_and_too_many_end_it(tmp_path: Path) -> None:
    fill(DirectoryStore(DirectoryAddress(tmp_path)))
    done = pruned(Refusing(tmp_path, lambda key: "b100" in key))
    assert done.failures == [f"{SERVICE}/base/b100/manifest.json: AccessDenied"]
    assert done.deleted == 5
    for second in range(101, 130):
        put_base(DirectoryStore(DirectoryAddress(tmp_path)), f"b{second}", second, {})
    with pytest.raises(StoreError, match="AccessDenied"):
        pruned(Refusing(tmp_path, lambda key: True))


def test_a_base_finished_meanwhile_is_not_taken_for_unfinished(tmp_path: Path) -> None:
    store = Finishing(DirectoryAddress(tmp_path))
    put_good_base(store)
    store.put(f"{SERVICE}/base/late/dump/db/a.bson.gz", b"a")
    done = pruned(store, datetime.now(UTC) + timedelta(days=2))
    assert "base/late/manifest.json was written meanwhile" in done.failures[0]
    assert f"{SERVICE}/base/late/manifest.json" in [entry.key for entry in store.list(SERVICE)]


class Finishing(DirectoryStore):
    """A store in which somebody finishes a base just before it is cleared away."""

    def abandon(self, prefix: str, before: datetime | None = None, spared: str | None = None) -> None:
        if prefix.endswith("/late/"):
            self.put(f"{prefix}manifest.json", b"{}")
        super().abandon(prefix, before, spared)


def test_memory_does_not_grow_with_the_number_of_slices(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a few slices are looked at ahead, and their decisions are one."""
    ahead = [0]

    def listed(prefix: str) -> Iterator[object]:
        for entry in real(prefix):
            ahead[0] += 1
            yield entry

    for number in range(300):
        put_slice(store, number, number + 1)
    real = store.list
    monkeypatch.setattr(store, "list", listed)
    slices = list_slices_of(store, SERVICE)
    next(slices)
    assert ahead[0] < 100
    slices.close()  # type: ignore[attr-defined]
    assert len(pruned(store).decisions) == 1
