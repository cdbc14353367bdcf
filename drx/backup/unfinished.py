"""Keep what a base that is not finished has already, so that one that was interrupted goes on.

Touches the objects of that base only. What is kept are whole collections; the one under way is dumped again.
"""

import time
from dataclasses import replace

from drx.backup.catalog import MANIFEST, PROGRESS
from drx.backup.manifest import CollectionManifest, FileManifest, Progress, from_json, to_json
from drx.backup.stores.base import Store
from drx.errors import DamagedError, StepError

_SAVE_EVERY_SECONDS = 10.0  # what was dumped since is dumped again


class Unfinished:
    """What one base has so far, in the store."""

    def __init__(self, store: Store, prefix: str, progress: Progress, *, resumed: bool) -> None:
        self._store, self._prefix = store, prefix
        self._saved_at = time.monotonic()
        self.progress = progress
        self.resumed = resumed
        """Whether an earlier attempt left some of it."""

    def has(self, name: str) -> bool:
        """Whether a collection is there, whole."""
        return any(found.name == name for found in self.progress.collections)

    def keep(self, collection: CollectionManifest, files: tuple[FileManifest, ...]) -> None:
        """Add a collection that is whole, and write it down, though not after every small one."""
        before = self.progress
        self.progress = replace(
            before, collections=(*before.collections, collection), files=(*before.files, *files)
        )  # fmt: skip
        if time.monotonic() - self._saved_at >= _SAVE_EVERY_SECONDS:
            self.save()

    def save(self) -> None:
        """Write down how far it is."""
        self._store.put(self._prefix + PROGRESS, to_json(self.progress))
        self._saved_at = time.monotonic()


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
    _clear(store, prefix, kept=(PROGRESS, *(file.path for file in files)))
    return Unfinished(store, prefix, replace(left, collections=collections, files=files), resumed=True)


def _clear(store: Store, prefix: str, kept: tuple[str, ...]) -> None:
    store.abandon(prefix)
    for entry in store.list(prefix):
        if entry.key.removeprefix(prefix) not in kept:
            store.delete(entry.key)
