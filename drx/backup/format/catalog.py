"""Find bases and slices in a store by their keys. Never writes; a base without a manifest is not there."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bson import Timestamp

from drx.backup.format.manifest import Manifest, SliceManifest, from_json, show_timestamp
from drx.backup.stores.base import Store
from drx.errors import DamagedError

MANIFEST = "manifest.json"
PROGRESS = "progress.json"
"""Lies beside a base that is not finished, and says how far it is."""

_SLICE_NAME = re.compile(r"\d{10}\.\d{10}-\d{10}\.\d{10}\.(json|bson\.gz)")

Skip = Callable[[DamagedError], object]


def base_prefix(service: str, backup_id: str) -> str:
    """Where one base lies; its manifest and its dump come below."""
    return f"{service}/base/{backup_id}/"


def differential_prefix(service: str, backup_id: str) -> str:
    """Where one differential lies; its manifest and its oplog come below."""
    return f"{service}/diff/{backup_id}/"


def slice_keys(service: str, start: Timestamp, end: Timestamp) -> tuple[str, str]:
    """Where one slice and its manifest lie; sorted keys are sorted times."""
    name = f"{service}/oplog/{show_timestamp(start)}-{show_timestamp(end)}"
    return f"{name}.bson.gz", f"{name}.json"


def is_slice_key(key: str) -> bool:
    """Tell a slice's objects from others that somebody laid beside them."""
    return bool(_SLICE_NAME.fullmatch(key.rpartition("/")[2]))


def load_manifest(store: Store, service: str, backup_id: str) -> Manifest:
    """Read one base's manifest.

    Raises StoreError when there is none, DamagedError when it cannot be read, or names another base.
    """
    return _load(store, base_prefix(service, backup_id))


def _load(store: Store, prefix: str) -> Manifest:
    key = prefix + MANIFEST
    manifest = from_json(Manifest, store.get(key), f"{store.describe()}/{key}")
    if manifest.prefix != prefix:
        raise DamagedError(
            f"{store.describe()}/{key} describes {manifest.service}/{manifest.id}",
            "It was moved: use another base",
        )
    return manifest


def find_base(store: Store, service: str, backup_id: str) -> Manifest | None:
    """Read one base's manifest; None when there is none, for the base was never finished."""
    key = base_prefix(service, backup_id) + MANIFEST
    there = any(entry.key == key for entry in store.list(key))
    return load_manifest(store, service, backup_id) if there else None


def list_bases(store: Store, service: str, skip: Skip | None = None) -> tuple[Manifest, ...]:
    """Read every base of a service, oldest first by the moment it is consistent at.

    `skip` is told of each manifest that is damaged, and the base left out; without it, DamagedError is raised.
    """
    return _list(store, f"{service}/base/", skip)


def list_differentials(store: Store, service: str, skip: Skip | None = None) -> tuple[Manifest, ...]:
    """Read the manifest of every differential of a service, oldest first; `skip` as for bases."""
    return _list(store, f"{service}/diff/", skip)


def _list(store: Store, area: str, skip: Skip | None) -> tuple[Manifest, ...]:
    found = []
    for entry in store.list(area):
        backup_id, _, rest = entry.key.removeprefix(area).partition("/")
        if rest == MANIFEST:
            with _skipping(skip):
                found.append(_load(store, f"{area}{backup_id}/"))
    return tuple(sorted(found, key=lambda manifest: (manifest.end, manifest.id)))


def list_slices(store: Store, service: str, skip: Skip | None = None) -> tuple[SliceManifest, ...]:
    """Read every slice of a service, oldest first; `skip` as for bases."""
    found = []
    for entry in store.list(f"{service}/oplog/"):
        if entry.key.endswith(".json") and is_slice_key(entry.key):
            with _skipping(skip):
                found.append(_load_slice(store, service, entry.key))
    return tuple(found)


def _load_slice(store: Store, service: str, key: str) -> SliceManifest:
    """Read one slice's manifest; one that lies under another key than its own may be another service's."""
    name = f"{store.describe()}/{key}"
    manifest = from_json(SliceManifest, store.get(key), name)
    belongs = slice_keys(manifest.service, manifest.start, manifest.end)[1]
    if belongs != key:
        raise DamagedError(f"{name} was moved: it describes {belongs}", "Put it back, or use another copy")
    return manifest


@contextmanager
def _skipping(skip: Skip | None) -> Iterator[None]:
    try:
        yield
    except DamagedError as error:
        if skip is None:
            raise
        skip(error)
