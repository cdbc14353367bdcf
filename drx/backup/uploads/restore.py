"""Bring the uploads bucket back to a moment: from its own versions first, else from a store. Deletes no object."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from drx.backup.stores.base import Store
from drx.backup.stores.s3 import ANYWAY, MISSING, TAKEN, Condition, S3Error, S3Store
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
from drx.backup.uploads.listing import NULL, Version, by_key, list_current, list_versions
from drx.backup.uploads.points import Item, Point, prefix_of, read_items
from drx.backup.uploads.transfer import (
    all_settings,
    copy_inside,
    head_settings,
    is_refused,
    same_service,
    settings_of,
    stream_in,
)
from drx.backup.uploads.undelete import BATCH, Removal
from drx.backup.workers import Meter, side_by_side
from drx.errors import DamagedError, StoreError

_WORKERS = 8
_NAMED = 1000
_NO_CONDITIONS = "NotImplemented"
_Task = list[tuple[str, Choice]]


@dataclass
class Restored:
    """What came of it."""

    undeleted: int = 0
    versions: int = 0
    stored: int = 0
    same: int = 0
    extra: int = 0
    """Objects that are newer than the moment, be it that they were written meanwhile: they stay."""
    problems: list[str] = field(default_factory=list)
    overwrites: int = 0
    """Objects that differ now, and were left so because nothing would keep what is there now."""
    unguarded: bool = False
    """The server knows no conditions: what was written meanwhile may have been written over."""


@dataclass
class Restoration:
    """One restore of a bucket to a moment."""

    bucket: S3Store
    moment: datetime
    prefix: str
    removal: Removal
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
        side_by_side(self._do, self._tasks(), _WORKERS, self.cancelled)
        return self.restored

    def _tasks(self) -> Iterator[_Task]:
        """Give what is done at once: one object, or as many with delete markers as fit into one request."""
        hidden: _Task = []
        markers = 0
        for key, choice in self.choices():
            if not isinstance(choice, Undelete):
                yield [(key, choice)]
                continue
            if hidden and markers + len(choice.markers) > BATCH:
                yield hidden
                hidden, markers = [], 0
            hidden.append((key, choice))
            markers += len(choice.markers)
        if hidden:
            yield hidden

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

    def _do(self, task: _Task, check: Callable[[], None]) -> None:
        check()
        if isinstance(task[0][1], Undelete):
            self._undelete({key: choice.markers for key, choice in task if isinstance(choice, Undelete)})
        else:
            self._bring_back(*task[0], check)
        self.meter.add(len(task))

    def _undelete(self, markers: dict[str, tuple[Version, ...]]) -> None:
        wanted = [each for found in markers.values() for each in found]
        refused: dict[Version, str] = {}
        for start in range(0, len(wanted), BATCH):  # one object alone may have more
            refused |= self.removal.remove(wanted[start : start + BATCH])
        for found in markers.values():
            if reason := next((refused[each] for each in found if each in refused), ""):
                self._problem(reason)
            else:
                self._count("undeleted")

    def _bring_back(self, key: str, choice: Choice, check: Callable[[], None]) -> None:
        guarded = not self.restored.unguarded
        try:
            self.removal.patience(lambda: self._effect(choice, check, guarded=guarded))
        except S3Error as error:
            if error.code == _NO_CONDITIONS and guarded:
                self.restored.unguarded = True
                self._bring_back(key, choice, check)
            elif error.code == TAKEN and self._is_newer(key, choice):
                self._count("extra")
            else:
                self._problem(error.message)
        except DamagedError as error:
            self._problem(error.message)

    def _effect(self, choice: Choice, check: Callable[[], None], *, guarded: bool) -> None:
        match choice:
            case Leave(why):
                self._count("same" if why == "same" else "extra" if why == "extra" else "")
            case Impossible(problem):
                self._problem(problem)
            case CopyVersion(version, over):
                if self._allowed(over):
                    self._copy_version(version, _condition(over) if guarded else ANYWAY)
                    self._count("versions")
            case CopyStored(item, over):
                if self._allowed(over):
                    self._copy_stored(item, _condition(over) if guarded else ANYWAY, check)
                    self._count("stored")
            case Undelete():
                raise AssertionError("markers are removed many at a time")
            case _:
                assert_never(choice)

    def _allowed(self, over: str | None) -> bool:
        if over and not self.may_overwrite:
            self._count("overwrites")
            return False
        return True

    def _is_newer(self, key: str, choice: Choice) -> bool:
        """Whether another object is there than when it was listed."""
        assert isinstance(choice, CopyVersion | CopyStored)
        target = self.into or self.bucket

        def etag() -> str:
            with target.failures(key):
                return target.client.head_object(Bucket=target.bucket, Key=key, **target.owner)["ETag"]

        try:
            return self.removal.patience(etag) != choice.over
        except S3Error:
            return False  # then it is a problem, and told as one

    def _copy_version(self, version: Version, condition: Condition) -> None:
        asked = None if version.version_id == NULL and version.is_latest else version.version_id
        origin = Origin(self.bucket, version.key, version.etag, version.size_bytes, asked)
        target, known = self.into or self.bucket, head_settings(origin)
        copy_inside(origin, target, version.key, version.storage_class, condition, known)

    def _copy_stored(self, item: Item, condition: Condition, check: Callable[[], None]) -> None:
        """Copy from the store; where its bytes came by way of this host, their settings are in the inventory."""
        store, target = self.store, self.into or self.bucket
        assert store
        key = f"{prefix_of(self.service)}objects/{item.object}"
        settings = item.settings
        if isinstance(store, S3Store) and settings is None:
            origin = Origin(store, store.key(key), item.etag, item.size_bytes)
            if same_service(store, target):
                try:
                    self._copy_inside(origin, target, item, condition)
                except S3Error as error:
                    if not is_refused(error) or error.code in MISSING:
                        raise
                else:
                    return
            settings = all_settings(origin)
        stream_in(store, key, target, item.key, settings or {}, item, condition, check)

    def _copy_inside(self, origin: Origin, target: S3Store, item: Item, condition: Condition) -> None:
        """Copy by the server. An ETag that is not the recorded one shows an encrypted object, or one made in parts."""
        if "-" not in origin.etag:
            try:
                copy_inside(origin, target, item.key, item.storage_class, condition)
                return
            except S3Error as error:
                if error.code != TAKEN:
                    raise
        with origin.store.failures(origin.name):
            head = origin.store.client.head_object(
                Bucket=origin.store.bucket, Key=origin.name, **origin.store.owner
            )  # fmt: skip
        if head["ContentLength"] != item.size_bytes:
            raise DamagedError(
                f"{origin.store.describe()}/{origin.name} is not what was backed up", "Use another store"
            )
        found = replace(origin, etag=head["ETag"])
        copy_inside(found, target, item.key, item.storage_class, condition, settings_of(head))

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


def _condition(over: str | None) -> Condition:
    return {"IfMatch": over} if over else {"IfNoneMatch": "*"}
