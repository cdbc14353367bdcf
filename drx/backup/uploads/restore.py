"""Bring the uploads bucket back to a moment: from its own versions first, else from a store. Deletes no object."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from drx.backup.stores.base import Store
from drx.backup.stores.s3 import MISSING, S3Error, S3Store
from drx.backup.stores.s3_copy import Origin
from drx.backup.uploads.choice import (
    Choice,
    CopyStored,
    CopyVersion,
    Impossible,
    Leave,
    Present,
    Undelete,
    choose,
    choose_elsewhere,
    merged,
    wanted_at,
)
from drx.backup.uploads.listing import Version, by_key, list_current, list_versions
from drx.backup.uploads.patience import Patience
from drx.backup.uploads.points import Item, Point, prefix_of, read_items
from drx.backup.uploads.transfer import copy_inside, is_refused, same_service, settings_of, stream_in, version_id
from drx.backup.workers import Meter, side_by_side
from drx.errors import DamagedError, StoreError

_WORKERS = 8
_NAMED = 1000


@dataclass
class Restored:
    """What came of it."""

    undeleted: int = 0
    versions: int = 0
    stored: int = 0
    same: int = 0
    extra: int = 0
    """Objects that are newer than the moment: they stay."""
    problems: list[str] = field(default_factory=list)
    overwrites: int = 0
    """Objects that differ now, and were left so because nothing would keep what is there now."""


@dataclass
class Restoration:
    """One restore of a bucket to a moment."""

    bucket: S3Store
    moment: datetime
    prefix: str
    patience: Patience
    check: Callable[[], None]
    cancelled: Callable[[], bool]
    meter: Meter
    store: Store | None = None
    service: str = ""
    point: Point | None = None
    into: S3Store | None = None
    may_overwrite: bool = True

    def __post_init__(self) -> None:
        self.restored = Restored()
        self._lock = threading.Lock()

    def run(self) -> Restored:
        """Do it for every key; what cannot be brought back is told in the outcome, and hinders nothing else."""
        side_by_side(self._do, self.choices(), _WORKERS, self.cancelled)
        return self.restored

    def choices(self) -> Iterator[tuple[str, Choice]]:
        """Decide for each key, as the listing comes in."""
        items = self._items()
        pairs = merged(by_key(list_versions(self.bucket, self.prefix, self.check)), items)
        if self.into is None:
            yield from ((key, choose(key, versions, item, self.moment)) for key, versions, item in pairs)
            return
        there = list_current(self.into, self.prefix, self.check)
        now = next(there, None)
        for key, versions, item in pairs:  # what is written meanwhile lies before `now`, and is not listed
            while now and now.key.encode() < key.encode():
                yield now.key, Leave("extra")
                now = next(there, None)
            present = None
            if now and now.key == key:
                present, now = Present(now.etag, now.size_bytes), next(there, None)
            yield key, choose_elsewhere(key, wanted_at(versions, item, self.moment), present)
        if now:
            yield now.key, Leave("extra")
        yield from ((each.key, Leave("extra")) for each in there)

    def _items(self) -> Iterator[Item]:
        if self.store and self.point:
            yield from (
                item for item in read_items(self.store, self.service, self.point) if item.key.startswith(self.prefix)
            )

    def _do(self, found: tuple[str, Choice], check: Callable[[], None]) -> None:
        check()
        key, choice = found
        try:
            self.patience(lambda: self._effect(key, choice, check))
        except (S3Error, DamagedError) as error:
            self._problem(error.message)
        self.meter.add(1)

    def _effect(self, key: str, choice: Choice, check: Callable[[], None]) -> None:
        match choice:
            case Leave(why):
                self._count("same" if why == "same" else "extra" if why == "extra" else "")
            case Impossible(problem):
                self._problem(problem)
            case Undelete(markers):
                for marker in markers:
                    self._remove(marker)
                self._count("undeleted")
            case CopyVersion(version, overwrites):
                if self._allowed(overwrites):
                    self._copy_version(version)
                    self._count("versions")
            case CopyStored(item, overwrites):
                if self._allowed(overwrites):
                    self._copy_stored(item, check)
                    self._count("stored")
            case _:
                assert_never(choice)

    def _allowed(self, overwrites: bool) -> bool:
        if overwrites and not self.may_overwrite:
            self._count("overwrites")
            return False
        return True

    def _remove(self, marker: Version) -> None:
        with self.bucket.failures(marker.key):
            self.bucket.client.delete_object(
                Bucket=self.bucket.bucket, Key=marker.key, VersionId=marker.version_id, **self.bucket.owner
            )

    def _copy_version(self, version: Version) -> None:
        origin = Origin(self.bucket, version.key, version.etag, version.size_bytes, version_id(version.version_id))
        copy_inside(origin, self.into or self.bucket, version.key, version.storage_class, encrypted=True)

    def _copy_stored(self, item: Item, check: Callable[[], None]) -> None:
        """Copy from the store; where its bytes came by way of this host, their settings are in the inventory."""
        store, target = self.store, self.into or self.bucket
        assert store
        key = f"{prefix_of(self.service)}objects/{item.object}"
        settings = item.settings
        if isinstance(store, S3Store) and settings is None:
            with store.failures(key):
                head = store.client.head_object(Bucket=store.bucket, Key=store.key(key), **store.owner)
            settings = settings_of(head)
            if same_service(store, target):
                origin = Origin(store, store.key(key), head["ETag"], head["ContentLength"])
                try:
                    copy_inside(origin, target, item.key, item.storage_class, encrypted=True)
                except S3Error as error:
                    if not is_refused(error) or error.code in MISSING:
                        raise
                else:
                    return
        stream_in(store, key, target, item.key, settings or {}, item.sha256, check)

    def _problem(self, text: str) -> None:
        with self._lock:
            self.restored.problems.append(text)
            if len(self.restored.problems) > _NAMED:
                many = f"more than {_NAMED:,} objects cannot be brought back"
                raise StoreError(f"{many}: {text}", "Look at what is named first")

    def _count(self, what: str) -> None:
        if what:
            with self._lock:
                setattr(self.restored, what, getattr(self.restored, what) + 1)
