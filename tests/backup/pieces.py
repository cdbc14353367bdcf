"""Bases and slices made up for tests of stores: real objects and manifests, no database behind them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from bson import Timestamp

from drx.backup.format.catalog import MANIFEST, slice_keys
from drx.backup.format.manifest import FileManifest, Manifest, SliceManifest, to_json
from drx.backup.stores.base import Store

SERVICE, DATABASE = "svc", "db"
MOMENT = datetime(2026, 11, 25, tzinfo=UTC)


def put_base(
    store: Store, backup_id: str, end: int, files: Mapping[str, bytes],
    kind: Literal["full", "differential"] = "full", parent: str | None = None,
) -> Manifest:  # fmt: skip
    """Write a backup as drx does: files first, as uploads, and the manifest last."""
    described = tuple(
        FileManifest(path, len(data), sha256(data).hexdigest(), ()) for path, data in sorted(files.items())
    )
    manifest = Manifest(
        id=backup_id, kind=kind, service=SERVICE, database=DATABASE, server_version="8.0", drx_version="0",
        start=Timestamp(end, 1), end=Timestamp(end, 1), started_at=MOMENT, finished_at=MOMENT, collections=(),
        files=described, parent=parent,
    )  # fmt: skip
    for path, data in files.items():
        with store.upload(manifest.prefix + path) as upload:
            half = len(data) // 2
            upload.write(data[:half])
            upload.write(data[half:])
            upload.complete()
    store.put(manifest.prefix + MANIFEST, to_json(manifest))
    return manifest


def put_slice(store: Store, start: int, end: int, data: bytes = b"oplog") -> SliceManifest:
    """Write a slice as drx does."""
    begin, finish = Timestamp(start, 1), Timestamp(end, 1)
    key, manifest_key = slice_keys(SERVICE, begin, finish)
    manifest = SliceManifest(SERVICE, DATABASE, begin, finish, 1, len(data), sha256(data).hexdigest())
    store.put(key, data)
    store.put(manifest_key, to_json(manifest))
    return manifest
