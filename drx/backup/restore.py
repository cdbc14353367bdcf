"""Restore documents, brought to their final state on the way, into an empty database. Writes to that one only."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import is_
from typing import Protocol

from drx.backup.format.batches import batches_of
from drx.backup.format.digest import Digest, digest_of
from drx.backup.format.manifest import FileManifest, Manifest, Member, Restored, RestoredCollection
from drx.backup.format.members import read_member
from drx.backup.oplog.entry import position_of
from drx.backup.oplog.plan import Changes, CollectionPlan
from drx.backup.server.insert import insert
from drx.backup.server.scan import Client, failures
from drx.backup.stores.base import Store
from drx.backup.verify import check_at_once
from drx.backup.workers import Meter, side_by_side
from drx.errors import DrxError, PermanentError


@dataclass(frozen=True, slots=True)
class Part:
    """Some documents of one collection of a source, read when they are needed."""

    collection: str
    read: Callable[[], tuple[list[bytes], Digest]]


class Source(Protocol):
    """Where the documents of a restore come from."""

    def count(self, collections: Collection[str]) -> int:
        """Tell how many documents these collections hold."""

    def parts(self, collections: Collection[str]) -> Iterator[Part]:
        """Give all documents of these collections, those of each in order."""


def restore(
    client: Client,
    store: Store,
    manifest: Manifest,
    *,
    into: str,
    plan: Sequence[CollectionPlan] | None = None,
    resumed: bool = False,
    beside: bool = False,
    workers: int = 2,
    progress: Callable[[int, int | None, str], None],
    cancelled: Callable[[], bool],
) -> Restored:
    """Load a base into the database `into`, as `plan` says, or as it is without one; give what should now stand there.

    Nothing is written where an object is lost, cut or, if it is small, damaged; every other one is checked, member by
    member, before one of its documents is used. Raises as `restore_from` does, and StoreError.
    """
    plans = tuple(base_as_it_is(manifest) if plan is None else plan)
    check_target(client, into, {item.name for item in plans}, resumed=resumed, beside=beside)
    check_at_once(store, manifest, workers=workers, cancelled=cancelled)
    source = _Base(store, manifest)
    return restore_from(
        client, source, plans, into=into, resumed=resumed, beside=beside, workers=workers, progress=progress,
        cancelled=cancelled,
    )  # fmt: skip


def restore_from(
    client: Client,
    source: Source,
    plans: Sequence[CollectionPlan],
    *,
    into: str,
    resumed: bool = False,
    beside: bool = False,
    workers: int = 2,
    progress: Callable[[int, int | None, str], None],
    cancelled: Callable[[], bool],
) -> Restored:
    """Load what `source` holds into the database `into`, as the plans say; give what should now stand there.

    The database must be empty; with `resumed` it may hold what this restore wrote before it was interrupted, with
    `beside` it may hold other collections. Raises StepError or Cancelled, which say what stays behind.
    """
    check_target(client, into, {item.name for item in plans}, resumed=resumed, beside=beside)
    job = _Job(client, source, into, workers, cancelled)
    meter = Meter(progress, source.count([item.origin for item in plans if item.origin]), "documents")
    try:
        for item in sorted(plans, key=lambda item: item.type == "view"):
            job.create(item)
        digests = job.load([item for item in plans if item.type != "view"], meter)
        for item in plans:
            job.build_indexes(item)
    except DrxError as error:
        error.message += f"; {meter.done:,} documents loaded so far stay in the database {into}"
        raise
    return Restored(
        into,
        tuple(
            RestoredCollection(item.name, item.type, item.options, item.indexes, digests.get(item.name, Digest()))
            for item in sorted(plans, key=lambda item: item.name)
        ),
    )


def check_target(client: Client, into: str, planned: set[str], *, resumed: bool, beside: bool) -> None:
    """Refuse a database that holds anything this restore would not have made itself; raises PermanentError.

    With `beside`, only the planned collections count.
    """
    with failures(f"listing the collections of {into}"):
        there = {
            name for name in client[into].list_collection_names() if not name.startswith("system.") or name in planned
        }
    unexpected = sorted((there & planned if beside else there) - (planned if resumed else set()))
    if unexpected:
        raise PermanentError(
            f"the database {into} is not empty: it holds {', '.join(unexpected[:5])}",
            "Restore into another name, or drop that database first",
        )


def base_as_it_is(manifest: Manifest) -> tuple[CollectionPlan, ...]:
    """Plan a restore of the base alone, without its oplog."""
    return tuple(
        CollectionPlan(
            found.name, found.options, found.indexes, found.type, found.name,
            Changes(f"{manifest.database}.{found.name}", position_of(manifest.end)),
        )
        for found in manifest.collections
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Base:
    """The documents of a base, member by member: any of them can be read by itself."""

    store: Store
    manifest: Manifest

    def count(self, collections: Collection[str]) -> int:
        return sum(file.digest.count for _, file in self._files(collections))

    def parts(self, collections: Collection[str]) -> Iterator[Part]:
        for name, file in self._files(collections):
            for member in file.members:
                yield Part(name, partial(self._read, file, member))

    def _read(self, file: FileManifest, member: Member) -> tuple[list[bytes], Digest]:
        return read_member(self.store, self.manifest.prefix + file.path, member), member.digest

    def _files(self, collections: Collection[str]) -> Iterator[tuple[str, FileManifest]]:
        for found in self.manifest.collections:
            if found.name in collections and found.data:
                yield found.name, self.manifest.file(found.data)


@dataclass(frozen=True, slots=True)
class _Job:
    client: Client
    source: Source
    into: str
    workers: int
    cancelled: Callable[[], bool]

    def create(self, item: CollectionPlan) -> None:
        """Create one collection or view with its options; one that a resumed restore made stays as it is."""
        with failures(f"creating {self.into}.{item.name}"):
            database = self.client[self.into]
            there = database.list_collection_names(filter={"name": item.name})
            if there and ("capped" in item.options or (item.type is None and "timeseries" in item.options)):
                database.drop_collection(item.name)  # its order is lost; or, without buckets, it would take doubles
                there = []
            if not there:
                database.command({"create": item.name, **item.options})

    def load(self, plans: Sequence[CollectionPlan], meter: Meter) -> dict[str, Digest]:
        """Stream the source's documents through the changes, then add what was born later; digests by collection."""
        digests: dict[str, list[Digest]] = {item.name: [] for item in plans}
        by_origin = {item.origin: item for item in plans if item.origin}
        ordered = [origin for origin, item in by_origin.items() if "capped" in item.options]
        free = [origin for origin in by_origin if origin not in ordered]

        def write(item: CollectionPlan, documents: Sequence[bytes], check: Callable[[], None]) -> None:
            name = f"system.buckets.{item.name}" if item.type == "timeseries" else item.name
            for batch in batches_of(documents, len):
                check()
                insert(self.client[self.into], name, batch)
                meter.add(len(batch))

        def load_part(part: Part, check: Callable[[], None]) -> None:
            item = by_origin[part.collection]
            documents, digest = _final(*part.read(), item.changes)
            write(item, documents, check)
            digests[item.name].append(digest)

        side_by_side(load_part, self.source.parts(ordered), 1, self.cancelled)
        side_by_side(load_part, self.source.parts(free), self.workers, self.cancelled)
        for item in plans:

            def load_born(documents: Sequence[bytes], check: Callable[[], None], item: CollectionPlan = item) -> None:
                write(item, documents, check)
                digests[item.name].append(digest_of(documents))

            side_by_side(load_born, batches_of(item.changes.born(), len), 1, self.cancelled)
        return {name: sum(found, Digest()) for name, found in digests.items()}

    def build_indexes(self, item: CollectionPlan) -> None:
        """Build what the collection had, now that the documents are there: a TTL index built earlier deletes them."""
        specifications = indexes_to_build(item.indexes, item.options)
        if specifications and item.type != "view":
            with failures(f"building the indexes of {self.into}.{item.name}"):
                self.client[self.into].command({"createIndexes": item.name, "indexes": specifications})


def _final(documents: list[bytes], digest: Digest, changes: Changes) -> tuple[list[bytes], Digest]:
    """Bring documents to their final state, and the digest that describes them with them."""
    finals = [changes.apply(document) for document in documents]
    if all(map(is_, finals, documents)):
        return documents, digest
    kept = [final for final in finals if final is not None]
    changed = [(before, after) for before, after in zip(documents, finals, strict=True) if after is not before]
    gone = digest_of(before for before, _ in changed)
    return kept, digest - gone + digest_of(after for _, after in changed if after is not None)


def indexes_to_build(listed: Sequence[Mapping[str, object]], options: Mapping[str, object]) -> list[dict[str, object]]:
    """Turn listed indexes into ones that can be created again, as stock mongorestore does.

    Where the collection has a collation, a server lists it with every index that has it too, `_id_` first of all; an
    index without one is then a simple one, and must say so. A server that does not even list it for `_id_` leaves
    inherited ones out instead.
    """
    own = [index for index in listed if index.get("name") == "_id_"]
    simple = "collation" in options and all("collation" in index for index in own)
    wanted = [
        {key: value for key, value in index.items() if key not in ("v", "ns")}
        for index in listed
        if index not in own and not index.get("clustered")
    ]
    for index in wanted if simple else ():
        index.setdefault("collation", {"locale": "simple"})
    return wanted
