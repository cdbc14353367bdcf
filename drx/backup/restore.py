"""Restore a base, brought to its final state on the way, into an empty database. Writes to that database only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from drx.backup.digest import Digest, digest_of
from drx.backup.entry import position_of
from drx.backup.insert import batches_of, insert
from drx.backup.manifest import FileManifest, Manifest, Member, Restored, RestoredCollection
from drx.backup.members import read_member
from drx.backup.plan import Changes, CollectionPlan
from drx.backup.scan import Client, failures
from drx.backup.stores.base import Store
from drx.backup.verify import check_at_once
from drx.backup.workers import Meter, side_by_side
from drx.errors import DrxError, PermanentError


def restore(
    client: Client,
    store: Store,
    manifest: Manifest,
    *,
    into: str,
    plan: Sequence[CollectionPlan] | None = None,
    resumed: bool = False,
    workers: int = 2,
    progress: Callable[[int, int | None, str], None],
    cancelled: Callable[[], bool],
) -> Restored:
    """Load a base into the database `into`, as `plan` says, or as it is without one; give what should now stand there.

    The database must be empty; with `resumed` it may hold what this restore wrote before it was interrupted. Nothing
    is written where an object is lost, cut or, if it is small, damaged; every other one is checked, member by member,
    before one of its documents is used. Raises StepError, StoreError or Cancelled, which say what
    stays behind.
    """
    plans = tuple(base_as_it_is(manifest) if plan is None else plan)
    job = _Job(client, store, manifest, into, workers, cancelled)
    job.check_target({item.name for item in plans}, resumed)
    check_at_once(store, manifest, workers=workers, cancelled=cancelled)
    meter = Meter(progress, sum(job.digest_of_origin(item).count for item in plans), "documents")
    try:
        for item in sorted(plans, key=lambda item: item.type == "view"):
            job.create(item)
        digests = {item.name: job.load(item, meter) for item in plans if item.type != "view"}
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
class _Job:
    client: Client
    store: Store
    manifest: Manifest
    into: str
    workers: int
    cancelled: Callable[[], bool]

    def check_target(self, planned: set[str], resumed: bool) -> None:
        """Refuse a database that holds anything this restore would not have made itself."""
        with failures(f"listing the collections of {self.into}"):
            there = {
                name
                for name in self.client[self.into].list_collection_names()
                if not name.startswith("system.") or name in planned
            }
        if unexpected := sorted(there - planned if resumed else there):
            raise PermanentError(
                f"the database {self.into} is not empty: it holds {', '.join(unexpected[:5])}",
                "Restore into another name, or drop that database first",
            )

    def create(self, item: CollectionPlan) -> None:
        """Create one collection or view with its options; one that a resumed restore made stays as it is."""
        with failures(f"creating {self.into}.{item.name}"):
            database = self.client[self.into]
            there = database.list_collection_names(filter={"name": item.name})
            if there and "capped" in item.options:
                database.drop_collection(item.name)  # its order could not be continued
                there = []
            if not there:
                database.command({"create": item.name, **item.options})

    def load(self, item: CollectionPlan, meter: Meter) -> Digest:
        """Stream the base's documents through the changes, member by member, then add what was born later."""
        source = f"system.buckets.{item.name}" if item.type == "timeseries" else item.name
        database = self.client[self.into]
        file = self.origin(item)
        digests: list[Digest] = []

        def write(documents: Sequence[bytes], check: Callable[[], None]) -> None:
            for batch in batches_of(documents):
                check()
                insert(database, source, batch)
                meter.add(len(batch))

        def load_member(member: Member, check: Callable[[], None]) -> None:
            assert file
            documents = read_member(self.store, self.manifest.prefix + file.path, member)
            documents, digest = _final(documents, member.digest, item.changes)
            write(documents, check)
            digests.append(digest)

        def load_born(documents: Sequence[bytes], check: Callable[[], None]) -> None:
            write(documents, check)
            digests.append(digest_of(documents))

        workers = 1 if "capped" in item.options else self.workers
        side_by_side(load_member, file.members if file else (), workers, self.cancelled)
        side_by_side(load_born, _chunks(item.changes.born()), 1, self.cancelled)
        return sum(digests, Digest())

    def origin(self, item: CollectionPlan) -> FileManifest | None:
        """Find the base's file whose documents stream into a collection; None when it was born in the oplog."""
        for found in self.manifest.collections:
            if found.name == item.origin and found.data:
                return self.manifest.file(found.data)
        return None

    def digest_of_origin(self, item: CollectionPlan) -> Digest:
        """Say what the base holds for a collection."""
        file = self.origin(item)
        return file.digest if file else Digest()

    def build_indexes(self, item: CollectionPlan) -> None:
        """Build what the collection had, now that the documents are there: a TTL index built earlier deletes them."""
        specifications = indexes_to_build(item.indexes, item.options)
        if specifications and item.type != "view":
            with failures(f"building the indexes of {self.into}.{item.name}"):
                self.client[self.into].command({"createIndexes": item.name, "indexes": specifications})


def _final(documents: list[bytes], digest: Digest, changes: Changes) -> tuple[list[bytes], Digest]:
    """Bring documents to their final state, and the digest that describes them with them."""
    kept, gone, new = [], [], []
    for document in documents:
        final = changes.apply(document)
        if final is not None:
            kept.append(final)
        if final is not document:
            gone.append(document)
            if final is not None:
                new.append(final)
    return kept, digest - digest_of(gone) + digest_of(new)


def _chunks(documents: Iterator[bytes]) -> Iterator[list[bytes]]:
    while chunk := list(islice(documents, 1000)):
        yield chunk


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
