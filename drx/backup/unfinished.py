"""Keep what a base that is not finished has already, so that one that was interrupted goes on.

Touches the objects of that base only. What is kept are whole collections, and of the one under way what the store has.
"""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Literal

from bson import Timestamp
from pydantic import AwareDatetime

from drx.backup.format.catalog import MANIFEST, PROGRESS
from drx.backup.format.manifest import STRICT, CollectionManifest, FileManifest, Moment, from_json, to_json
from drx.backup.stores.base import Store
from drx.backup.under_way import UnderWay
from drx.errors import DamagedError, StepError

_SAVE_EVERY_SECONDS = 10.0  # what was dumped since is dumped again
_SAVING_SHARE = 0.05  # a large collection has many members to write down


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a base is that is not finished: whole collections, whose oplog from `start` on is still to be had."""

    __pydantic_config__ = STRICT

    id: str
    service: str
    database: str
    start: Moment
    started_at: AwareDatetime
    collections: tuple[CollectionManifest, ...] = ()
    files: tuple[FileManifest, ...] = ()
    server: str | None = None
    under_way: UnderWay | None = None
    format: Literal[1] = 1


class Unfinished:
    """What one base has so far, in the store."""

    def __init__(self, store: Store, prefix: str, progress: Progress, *, resumed: bool) -> None:
        self._store, self._prefix = store, prefix
        self._saving = threading.Lock()
        self._save_at = time.monotonic() + _SAVE_EVERY_SECONDS
        self.progress = progress
        self.resumed = resumed
        """Whether an earlier attempt left some of it."""

    @property
    def start(self) -> Timestamp:
        """From where on its oplog is needed."""
        return self.progress.start

    def has(self, name: str) -> bool:
        """Whether a collection is there, whole."""
        return any(found.name == name for found in self.progress.collections)

    def under_way(self, path: str, uuid: bytes | None) -> UnderWay | None:
        """Give what is there of a collection that is not whole, if it is this one still."""
        found = self.progress.under_way
        return found if found and (found.path, found.uuid) == (path, uuid) else None

    def forget_all_but(self, kept: Collection[UnderWay | None]) -> None:
        """Give up what is under way of a collection that is gone, or was made anew."""
        found = self.progress.under_way
        if found and found not in kept:
            self._store.abandon(self._prefix + found.path.rpartition("/")[0] + "/")
            self.progress = replace(self.progress, under_way=None)

    def describe(self) -> str:
        """Say how much is there, in words."""
        whole, found = len(self.progress.collections), self.progress.under_way
        begun = f" and {found.count:,} documents of the next one" if found else ""
        return f"{whole:,} whole {'collection' if whole == 1 else 'collections'}{begun}"

    def keep(self, collection: CollectionManifest, files: tuple[FileManifest, ...]) -> None:
        """Add a collection that is whole, and write it down, though not after every small one."""
        before = self.progress
        self.progress = replace(
            before, collections=(*before.collections, collection), files=(*before.files, *files), under_way=None
        )  # fmt: skip
        if before.under_way or time.monotonic() >= self._save_at:
            self.save()

    def advance(self, under_way: Callable[[], UnderWay | None]) -> None:
        """Write down how far a collection is, if it is time to; from any thread, which others do not wait for."""
        if time.monotonic() >= self._save_at and self._saving.acquire(blocking=False):
            try:
                self._reach(under_way())
            finally:
                self._saving.release()

    def stop(self, under_way: UnderWay | None) -> None:
        """Write down how far a collection was when the attempt ended."""
        with self._saving:
            self._reach(under_way)

    def save(self) -> None:
        """Write down how far it is."""
        began = time.monotonic()
        self._store.put(self._prefix + PROGRESS, to_json(self.progress))
        ended = time.monotonic()
        self._save_at = ended + max(_SAVE_EVERY_SECONDS, (ended - began) / _SAVING_SHARE)

    def _reach(self, under_way: UnderWay | None) -> None:
        if under_way:
            self.progress = replace(self.progress, under_way=under_way)
            self.save()


def begin(store: Store, prefix: str, progress: Progress) -> Unfinished:
    """Begin a base from nothing: remove what earlier attempts left."""
    unfinished = Unfinished(store, prefix, progress, resumed=False)
    _clear(store, prefix, kept=())
    unfinished.save()
    return unfinished


def reopen(store: Store, prefix: str, database: str) -> Unfinished | None:
    """Find what an interrupted base left, and remove what is of no use to it; None when there is nothing to go on from.

    Raises StepError for a base that is finished: it is never touched.
    """
    sizes = {entry.key.removeprefix(prefix): entry.size_bytes for entry in store.list(prefix)}
    if MANIFEST in sizes:
        raise StepError(f"there is a backup at {store.describe()}/{prefix} already", "Use another id")
    if PROGRESS not in sizes:
        return None
    try:
        left = from_json(Progress, store.get(prefix + PROGRESS), f"{store.describe()}/{prefix}{PROGRESS}")
    except DamagedError:
        return None
    if left.database != database:
        return None
    whole = {file.path: file for file in left.files if sizes.get(file.path) == file.size_bytes}
    collections = tuple(
        found for found in left.collections if found.metadata in whole and found.data in (None, *whole)
    )  # fmt: skip
    paths = {path for found in collections for path in (found.metadata, found.data)}
    files = tuple(file for path, file in whole.items() if path in paths)
    under_way = left.under_way
    if under_way and not store.holds(prefix + under_way.path, under_way.upload):
        under_way = None
    _clear(store, prefix, (PROGRESS, *(file.path for file in files)), under_way.upload.id if under_way else None)
    kept = replace(left, collections=collections, files=files, under_way=under_way)
    return Unfinished(store, prefix, kept, resumed=True)


def _clear(store: Store, prefix: str, kept: tuple[str, ...], spared: str | None = None) -> None:
    store.abandon(prefix, spared=spared)
    for entry in store.list(prefix):
        if entry.key.removeprefix(prefix) not in kept:
            store.delete(entry.key)
