"""Take a base backup: a database and its oplog, straight into a store, manifest last. Changes nothing on the server."""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import NamedTuple

from drx import __version__
from drx.backup.format.catalog import MANIFEST, PROGRESS, base_prefix
from drx.backup.format.digest import Digest
from drx.backup.format.documents import split
from drx.backup.format.manifest import CollectionManifest, FileManifest, Manifest, to_json
from drx.backup.format.members import MemberBuffer, MemberWriter, compress
from drx.backup.format.metadata import Metadata, metadata_to_json
from drx.backup.format.names import escape
from drx.backup.oplog.capture import Capture, Captured, RolledOver, oldest_position, start_position
from drx.backup.server.lineage import may_continue, oplog_mark
from drx.backup.server.scan import Client, CollectionMoved, Described, Scan, describe, failures, scan
from drx.backup.server.topology import clock_of, keeps_oplog
from drx.backup.stores.base import Store
from drx.backup.under_way import RangeWriter, UnderWay
from drx.backup.unfinished import Progress, Unfinished, begin, reopen
from drx.backup.workers import Meter, side_by_side
from drx.errors import DrxError, StepError, StoreError

OPLOG = "dump/oplog.bson"  # stock tools expect this name, though its content is gzipped like the rest
_ATTEMPTS = 3
_NO_OPLOG = "the server keeps no oplog: what is written meanwhile is in the base or not, and no slice continues it"


def _nobody(_: str) -> None:
    """Nobody has to be told."""


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
    say: Callable[[str], None] = _nobody,
) -> Manifest:
    """Back up one database, consistent at the manifest's `end` once its oplog is folded in.

    One that was interrupted goes on under its id: whole collections are kept, and of the one under way what the store
    has, as long as the oplog reaches back to its start. Collections renamed meanwhile make it start over; `say` is told
    what was kept, and why nothing was. Raises StepError when the server fails or the oplog rolled
    over, StoreError when the store fails, Cancelled; the store then holds no manifest, so there is no backup.
    """
    prefix = base_prefix(service, backup_id)
    with failures("asking what kind of server it is"):
        has_oplog = keeps_oplog(client)
    if not has_oplog:
        say(_NO_OPLOG)
    job = _Job(client, database, store, service, backup_id, workers, progress, cancelled, say, has_oplog)
    found, oplog, captured = _undisturbed(job)
    with failures("asking for the server's version"):
        version = str(client.server_info()["version"])
    prelude = job.put_whole(f"dump/{database}/prelude.json.gz", _prelude(version))
    files = (*found.files, *([oplog] if oplog else []), prelude)
    collections = tuple(sorted(found.collections, key=lambda collection: collection.name))
    manifest = Manifest(
        id=backup_id, kind="full", service=service, database=database, server_version=version,
        drx_version=__version__, start=captured.start, end=captured.end, started_at=found.started_at,
        finished_at=datetime.now(UTC), collections=collections, files=files, oplog=OPLOG if oplog else None,
        oplog_entries=captured.entries, server=found.server,
    )  # fmt: skip
    if not store.create(prefix + MANIFEST, to_json(manifest)):
        raise StoreError(f"{store.describe()}/{prefix} was finished by somebody else meanwhile", "Use another id")
    store.delete(prefix + PROGRESS)
    return manifest


def _undisturbed(job: "_Job") -> "_Dumped":
    """Dump until an attempt ends during which no collection was renamed or converted."""
    moved = ""
    for attempt in range(1, _ATTEMPTS + 1):
        unfinished = job.begin(anew=attempt > 1)
        try:
            dumped = job.run(unfinished)
        except RolledOver as error:
            if attempt == _ATTEMPTS or not unfinished.resumed:
                raise
            moved = error.message
        except CollectionMoved as error:
            moved = error.message
        else:
            if not dumped.captured.disturbed:
                return dumped
            moved = dumped.captured.disturbed[0]
        if attempt < _ATTEMPTS:
            job.say(f"started over: {moved}")
    raise StepError(
        f"collections of {job.database} were dropped, renamed or converted during each of {_ATTEMPTS} attempts to back "
        f"it up. The last: {moved}",
        "Take the base when nobody changes collections",
    )


def _prelude(server_version: str) -> bytes:
    return json.dumps({"ServerVersion": server_version, "ToolVersion": f"drx {__version__}"}).encode()


class _Dumped(NamedTuple):
    """What one attempt wrote, with what it found there."""

    collections: Progress
    oplog: FileManifest | None
    captured: Captured


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one collection is dumped: what is read of it, nothing of a view, and what an earlier attempt left of it."""

    described: Described
    path: str
    scan: Scan | None = None
    kept: UnderWay | None = None

    @property
    def estimated_count(self) -> int:
        """About how many documents are still to be read."""
        return max(0, (self.scan.estimated_count if self.scan else 0) - (self.kept.count if self.kept else 0))


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
    say: Callable[[str], None]
    has_oplog: bool

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
        if not self.has_oplog:
            progress = Progress(
                self.backup_id, self.service, self.database, clock_of(self.client), datetime.now(UTC), server=server
            )
            return begin(self.store, self.prefix, progress)
        if left and not known:
            self.say("started over: an earlier attempt read from another database server")
        elif left and not anew and oldest_position(self.client) > left.start:
            self.say("started over: the oplog no longer reaches back to where an earlier attempt began")
        elif left and not anew:
            self.say(f"went on with an earlier attempt, which left {left.describe()}")
            return left
        start, now = start_position(self.client), datetime.now(UTC)
        progress = Progress(self.backup_id, self.service, self.database, start, now, server=server)
        return begin(self.store, self.prefix, progress)

    def run(self, unfinished: Unfinished) -> _Dumped:
        """Dump every collection that is lacking, while the oplog is archived from the start to after the last read."""
        if not self.has_oplog:
            self.dump_collections(unfinished)
            return _Dumped(unfinished.progress, None, Captured(unfinished.start, clock_of(self.client), 0))
        with self.store.upload(self.prefix + OPLOG) as upload:
            writer = MemberWriter(upload, OPLOG)
            oplog = MemberBuffer(writer, with_ids=False)

            def archive(entries: bytes) -> None:
                oplog.add(split(entries))

            capture = Capture(self.client, self.database, unfinished.start, archive)
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
        plans = [
            self.plan(described, unfinished)
            for described in describe(self.client, self.database)
            if not unfinished.has(described.name)  # one of that name made since then is in the oplog
        ]
        plans.sort(key=lambda plan: plan.kept is None)  # no other one is under way before it is whole
        unfinished.forget_all_but([plan.kept for plan in plans])
        meter = Meter(self.progress, sum(plan.estimated_count for plan in plans), "documents")
        for plan in plans:
            data = self.dump_documents(plan, plan.scan, meter, unfinished) if plan.scan else None
            described, metadata = plan.described, self.put_metadata(plan.described)
            collection = CollectionManifest(
                described.name, described.type, described.uuid, described.options, described.indexes,
                data.digest if data else Digest(), metadata.path, data.path if data else None,
            )  # fmt: skip
            unfinished.keep(collection, (data, metadata) if data else (metadata,))

    def plan(self, described: Described, unfinished: Unfinished) -> "_Plan":
        """Plan the reading of a collection, or of what is left of it: one made anew under its name is another."""
        path = f"dump/{self.database}/{escape(described.source or described.name)}.bson.gz"
        if described.source is None:
            return _Plan(described, path)
        after = unfinished.start if self.has_oplog else None
        planned = replace(scan(self.client, self.database, described, self.workers), after=after)
        kept = unfinished.under_way(path, described.uuid)
        return _Plan(described, path, replace(planned, ranges=kept.left) if kept else planned, kept)

    def dump_documents(self, plan: "_Plan", planned: Scan, meter: Meter, unfinished: Unfinished) -> FileManifest:
        """Stream one collection's documents to the store; members follow one another as ranges finish them."""
        key, begun = self.prefix + plan.path, plan.kept.upload if plan.kept else None
        lasting = begun is not None or planned.in_order
        with self.store.lasting_upload(key, begun) if lasting else self.store.upload(key) as upload:
            writer = RangeWriter(upload, plan.path, plan.described.uuid, planned, plan.kept)

            def dump_range(number: int, check: Callable[[], None]) -> None:
                def wrote(count: int) -> None:
                    check()
                    meter.add(count)
                    if lasting:
                        unfinished.advance(writer.under_way)

                writer.write(number, wrote)

            try:
                side_by_side(dump_range, range(len(planned.ranges)), planned.workers(self.workers), self.cancelled)
                return writer.finish(self.store, key)
            except DrxError:
                if lasting:
                    with suppress(StoreError):  # what went wrong before counts
                        unfinished.stop(writer.under_way())
                raise

    def put_metadata(self, described: Described) -> FileManifest:
        path = f"dump/{self.database}/{escape(described.name)}.metadata.json.gz"
        metadata = Metadata(described.name, described.type, described.uuid, described.options, described.indexes)
        return self.put_whole(path, metadata_to_json(metadata))

    def put_whole(self, path: str, content: bytes) -> FileManifest:
        """Write a small file, gzipped."""
        packed = compress(content)
        self.store.put(self.prefix + path, packed)
        return FileManifest(path, len(packed), sha256(packed).hexdigest(), ())
