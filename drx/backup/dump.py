"""Take a base backup: a database and its oplog, straight into a store, manifest last. Changes nothing on the server."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from drx import __version__
from drx.backup.capture import Capture, Captured, start_position
from drx.backup.catalog import MANIFEST, base_prefix
from drx.backup.digest import Digest
from drx.backup.documents import split
from drx.backup.manifest import CollectionManifest, FileManifest, Manifest, to_json
from drx.backup.members import MemberBuffer, MemberWriter, compress
from drx.backup.metadata import Metadata, metadata_to_json
from drx.backup.names import escape
from drx.backup.scan import Client, CollectionMoved, Described, Range, Scan, describe, failures, scan
from drx.backup.stores.base import Store
from drx.backup.workers import Meter, side_by_side
from drx.errors import StepError, StoreError

OPLOG = "dump/oplog.bson"  # stock tools expect this name, though its content is gzipped like the rest
_ATTEMPTS = 3


def base_backup(
    client: Client,
    database: str,
    store: Store,
    service: str,
    *,
    backup_id: str,
    workers: int = 2,
    progress: Callable[[int, int | None, str], None],
    cancelled: Callable[[], bool],
) -> Manifest:
    """Back up one database, consistent at the manifest's `end` once its oplog is folded in.

    Collections renamed meanwhile make it start over. Raises StepError when the server fails or the oplog rolled over,
    StoreError when the store fails, Cancelled; the store then holds no manifest, so there is no backup.
    """
    prefix = base_prefix(service, backup_id)
    job = _Job(client, database, store, prefix, workers, progress, cancelled)
    started_at, (collections, files, captured) = _undisturbed(job)
    with failures("asking for the server's version"):
        version = str(client.server_info()["version"])
    files = (*files, job.put_whole(f"dump/{database}/prelude.json.gz", _prelude(version)))
    manifest = Manifest(
        id=backup_id, kind="full", service=service, database=database, server_version=version,
        drx_version=__version__, start=captured.start, end=captured.end, started_at=started_at,
        finished_at=datetime.now(UTC), collections=collections, files=files, oplog=OPLOG,
        oplog_entries=captured.entries,
    )  # fmt: skip
    if not store.create(prefix + MANIFEST, to_json(manifest)):
        raise StoreError(f"{store.describe()}/{prefix} was finished by somebody else meanwhile", "Use another id")
    return manifest


def _undisturbed(job: "_Job") -> tuple[datetime, "_Dumped"]:
    """Dump until an attempt ends during which no collection was renamed or converted; say when that one began."""
    for attempt in range(1, _ATTEMPTS + 1):
        job.clear()
        started_at = datetime.now(UTC)
        try:
            dumped = job.run()
        except CollectionMoved:
            if attempt == _ATTEMPTS:
                raise
            continue
        if not dumped.captured.disturbed:
            return started_at, dumped
    raise StepError(
        f"collections of {job.database} were renamed or converted during {_ATTEMPTS} attempts to back it up",
        "Take the base when nobody changes collections",
    )


def _prelude(server_version: str) -> bytes:
    return json.dumps({"ServerVersion": server_version, "ToolVersion": f"drx {__version__}"}).encode()


class _Dumped(NamedTuple):
    """What one attempt wrote."""

    collections: tuple[CollectionManifest, ...]
    files: tuple[FileManifest, ...]
    captured: Captured


@dataclass(frozen=True, slots=True)
class _Job:
    client: Client
    database: str
    store: Store
    prefix: str
    workers: int
    progress: Callable[[int, int | None, str], None]
    cancelled: Callable[[], bool]

    def clear(self) -> None:
        """Remove what an earlier attempt left; a finished backup is never touched."""
        self.store.abandon(self.prefix)
        left = [entry.key for entry in self.store.list(self.prefix)]
        if self.prefix + MANIFEST in left:
            raise StepError(f"there is a backup at {self.store.describe()}/{self.prefix} already", "Use another id")
        for key in left:
            self.store.delete(key)

    def run(self) -> _Dumped:
        """Dump every collection while the oplog is archived from before the first read to after the last."""
        start = start_position(self.client)
        with self.store.upload(self.prefix + OPLOG) as upload:
            writer = MemberWriter(upload, OPLOG)
            oplog = MemberBuffer(writer, with_ids=False)

            def archive(entries: bytes) -> None:
                oplog.add(split(entries))

            capture = Capture(self.client, self.database, start, archive)
            capture.begin()
            try:
                collections, files = self.dump_collections()
                captured = capture.finish()
            finally:
                capture.stop()
            oplog.flush()
            files.append(writer.finish())
        return _Dumped(tuple(collections), tuple(files), captured)

    def dump_collections(self) -> tuple[list[CollectionManifest], list[FileManifest]]:
        """Dump one collection after the other, the ranges of each side by side."""
        collections, files = [], []
        scans = [
            (described, scan(self.client, self.database, described, self.workers) if described.source else None)
            for described in describe(self.client, self.database)
        ]
        meter = Meter(self.progress, sum(planned.estimated_count for _, planned in scans if planned), "documents")
        for described, planned in scans:
            digest, data = Digest(), None
            if planned:
                data = self.dump_documents(described, planned, meter)
                files.append(data)
                digest = data.digest
            metadata = self.put_metadata(described)
            files.append(metadata)
            collections.append(
                CollectionManifest(
                    described.name, described.type, described.uuid, described.options, described.indexes, digest,
                    metadata.path, data.path if data else None,
                )
            )  # fmt: skip
        return collections, files

    def dump_documents(self, described: Described, planned: Scan, meter: Meter) -> FileManifest:
        """Stream one collection's documents to the store; members follow one another as ranges finish them."""
        path = f"dump/{self.database}/{escape(described.source or described.name)}.bson.gz"
        with self.store.upload(self.prefix + path) as upload:
            writer = MemberWriter(upload, path)

            def dump_range(part: Range, check: Callable[[], None]) -> None:
                buffer = MemberBuffer(writer)
                for batch in planned.batches(part):
                    check()
                    buffer.add(batch)
                    meter.add(len(batch))
                buffer.flush()

            side_by_side(dump_range, planned.ranges, self.workers, self.cancelled)
            return writer.finish()

    def put_metadata(self, described: Described) -> FileManifest:
        path = f"dump/{self.database}/{escape(described.name)}.metadata.json.gz"
        metadata = Metadata(described.name, described.type, described.uuid, described.options, described.indexes)
        return self.put_whole(path, metadata_to_json(metadata))

    def put_whole(self, path: str, content: bytes) -> FileManifest:
        """Write a small file, gzipped."""
        packed = compress(content)
        self.store.put(self.prefix + path, packed)
        return FileManifest(path, len(packed), sha256(packed).hexdigest(), ())
