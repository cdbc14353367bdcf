"""Take a base backup: a database and its oplog, straight into a store, manifest last. Changes nothing on the server."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from drx import __version__
from drx.backup.capture import Capture, Captured, RolledOver, oldest_position, start_position
from drx.backup.catalog import MANIFEST, PROGRESS, base_prefix
from drx.backup.digest import Digest
from drx.backup.documents import split
from drx.backup.lineage import may_continue, oplog_mark
from drx.backup.manifest import CollectionManifest, FileManifest, Manifest, Progress, to_json
from drx.backup.members import MemberBuffer, MemberWriter, compress
from drx.backup.metadata import Metadata, metadata_to_json
from drx.backup.names import escape
from drx.backup.scan import Client, CollectionMoved, Described, Range, Scan, describe, failures, scan
from drx.backup.stores.base import Store
from drx.backup.unfinished import Unfinished, begin, reopen
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

    One that was interrupted goes on under its id: whole collections are kept, as long as the oplog reaches back to its
    start. Collections renamed meanwhile make it start over. Raises StepError when the server fails or the oplog rolled
    over, StoreError when the store fails, Cancelled; the store then holds no manifest, so there is no backup.
    """
    prefix = base_prefix(service, backup_id)
    job = _Job(client, database, store, service, backup_id, workers, progress, cancelled)
    found, oplog, captured = _undisturbed(job)
    with failures("asking for the server's version"):
        version = str(client.server_info()["version"])
    files = (*found.files, oplog, job.put_whole(f"dump/{database}/prelude.json.gz", _prelude(version)))
    collections = tuple(sorted(found.collections, key=lambda collection: collection.name))
    manifest = Manifest(
        id=backup_id, kind="full", service=service, database=database, server_version=version,
        drx_version=__version__, start=captured.start, end=captured.end, started_at=found.started_at,
        finished_at=datetime.now(UTC), collections=collections, files=files, oplog=OPLOG,
        oplog_entries=captured.entries, server=found.server,
    )  # fmt: skip
    if not store.create(prefix + MANIFEST, to_json(manifest)):
        raise StoreError(f"{store.describe()}/{prefix} was finished by somebody else meanwhile", "Use another id")
    store.delete(prefix + PROGRESS)
    return manifest


def _undisturbed(job: "_Job") -> "_Dumped":
    """Dump until an attempt ends during which no collection was renamed or converted."""
    for attempt in range(1, _ATTEMPTS + 1):
        unfinished = job.begin(anew=attempt > 1)
        try:
            dumped = job.run(unfinished)
        except (CollectionMoved, RolledOver) as error:
            if attempt == _ATTEMPTS or (isinstance(error, RolledOver) and not unfinished.resumed):
                raise
            continue
        if not dumped.captured.disturbed:
            return dumped
    raise StepError(
        f"collections of {job.database} were renamed or converted during {_ATTEMPTS} attempts to back it up",
        "Take the base when nobody changes collections",
    )


def _prelude(server_version: str) -> bytes:
    return json.dumps({"ServerVersion": server_version, "ToolVersion": f"drx {__version__}"}).encode()


class _Dumped(NamedTuple):
    """What one attempt wrote, with what it found there."""

    collections: Progress
    oplog: FileManifest
    captured: Captured


@dataclass(frozen=True, slots=True)
class _Job:
    client: Client
    database: str
    store: Store
    service: str
    backup_id: str
    workers: int
    progress: Callable[[int, int | None, str], None]
    cancelled: Callable[[], bool]

    @property
    def prefix(self) -> str:
        """Where the base lies in the store."""
        return base_prefix(self.service, self.backup_id)

    def begin(self, *, anew: bool) -> Unfinished:
        """Go on from what is left of an earlier attempt, if this oplog still reaches back to its start; or begin."""
        left = reopen(self.store, self.prefix, self.database)
        with failures("asking whose oplog it is"):
            server = oplog_mark(self.client)
        known = left and may_continue(left.progress.server, server)
        if left and known and not anew and oldest_position(self.client) <= left.progress.start:
            return left
        start, now = start_position(self.client), datetime.now(UTC)
        progress = Progress(self.backup_id, self.service, self.database, start, now, server=server)
        return begin(self.store, self.prefix, progress)

    def run(self, unfinished: Unfinished) -> _Dumped:
        """Dump every collection that is lacking, while the oplog is archived from the start to after the last read."""
        with self.store.upload(self.prefix + OPLOG) as upload:
            writer = MemberWriter(upload, OPLOG)
            oplog = MemberBuffer(writer, with_ids=False)

            def archive(entries: bytes) -> None:
                oplog.add(split(entries))

            capture = Capture(self.client, self.database, unfinished.progress.start, archive)
            capture.begin()
            try:
                self.dump_collections(unfinished)
                captured = capture.finish()
            finally:
                capture.stop()
            oplog.flush()
            file = writer.finish()
        return _Dumped(unfinished.progress, file, captured)

    def dump_collections(self, unfinished: Unfinished) -> None:
        """Dump one collection after the other, the ranges of each side by side."""
        scans = [
            (described, scan(self.client, self.database, described, self.workers) if described.source else None)
            for described in describe(self.client, self.database)
            if not unfinished.has(described.name)  # one of that name made since then is in the oplog
        ]
        meter = Meter(self.progress, sum(planned.estimated_count for _, planned in scans if planned), "documents")
        for described, planned in scans:
            data = self.dump_documents(described, planned, meter) if planned else None
            metadata = self.put_metadata(described)
            collection = CollectionManifest(
                described.name, described.type, described.uuid, described.options, described.indexes,
                data.digest if data else Digest(), metadata.path, data.path if data else None,
            )  # fmt: skip
            unfinished.keep(collection, (data, metadata) if data else (metadata,))

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
