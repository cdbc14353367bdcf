"""Find out what stores really hold of a service, by listing them and reading manifests. Writes nothing."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import assert_never

from bson import Timestamp

from drx.backup.catalog import Skip
from drx.backup.custody import Custody, Holding, Place
from drx.backup.manifest import Manifest, SliceManifest, show_timestamp
from drx.backup.pieces import Listed, Piece, list_backups, list_oplog, open_piece, paired
from drx.backup.slices import best_chain
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, S3Address, Store
from drx.errors import DamagedError, StoreError

Address = S3Address | DirectoryAddress
_NAMED = 20
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def survey(addresses: Sequence[Address], service: str, database: str) -> Custody:
    """Read every store, side by side; the first is the primary one. A store that cannot be read is part of the answer.

    Raises StoreError for an address that is none.
    """
    stores = [open_store(address) for address in addresses]

    def look(number: int) -> Holding:
        return _holding(place_of(addresses[number]), stores[0], stores[number], service, database)

    with ThreadPoolExecutor(len(stores)) as pool:
        return Custody(tuple(pool.map(look, range(len(stores)))))


def place_of(address: Address) -> Place:
    """Say where a store lies."""
    match address:
        case S3Address():
            where = f"{address.server or 'AWS'} {address.region}"
            name = f"s3://{address.bucket}/{address.prefix.strip('/')}".rstrip("/")
            return Place(address.bucket, name, "bucket", where)
        case DirectoryAddress():
            return Place(address.path.name, str(address.path), "directory", "directory")
        case _:
            assert_never(address)


def _holding(place: Place, primary: Store, store: Store, service: str, database: str) -> Holding:
    """Describe one store. What it restores is its own matter, whatever became of the primary one."""
    problems: list[str] = []
    reaches, lacking, count = None, [], 0
    try:
        reaches = reach(store, service, database, lambda damage: problems.append(damage.message))
        for key in _lacking(primary, store, service):
            count += 1
            lacking += [key] if count <= _NAMED else []
    except StoreError as error:
        problems.append(error.message)
    return Holding(place, reaches, tuple(lacking), count, problems[0] if problems else "")


def _lacking(primary: Store, store: Store, service: str) -> Iterator[str]:
    """Name what a copy lacks of the primary store's finished pieces, or the primary store of its own."""
    for every in (list_backups, list_oplog):
        if store is primary:
            for listed in every(store, service):
                yield from _lost(store, listed)
        else:
            for ours, theirs in paired(every(primary, service), every(store, service)):
                yield from ours.lacking(theirs)
    yield from _lacking_point(primary, store, service)


def _lacking_point(primary: Store, store: Store, service: str) -> Iterator[str]:
    """Name the primary store's newest point of the uploads where a copy has it not."""
    prefix = f"{service}/uploads/points/"
    notes = [entry for entry in primary.list(prefix) if entry.key.endswith(".json")]
    if notes and store is not primary:
        newest = max(notes, key=lambda entry: (entry.written_at or _EARLIEST, entry.key))
        if not any(entry.key == newest.key for entry in store.list(newest.key)):
            yield newest.key


def _lost(store: Store, listed: Listed) -> Iterator[str]:
    """Name the files that a finished piece had. A slice's manifest is not opened: there are too many of them."""
    if listed.counts and listed.is_slice:
        yield from {listed.data_key} - listed.sizes.keys()
    elif listed.counts:
        files = open_piece(store, listed).files
        yield from (file.key for file in files if listed.sizes.get(file.key) != file.size_bytes)


def reach(store: Store, service: str, database: str, skip: Skip) -> datetime | None:
    """Give the newest moment that a store alone can restore: its newest whole base and what is whole after it.

    `skip` is told of damaged manifests.
    """
    backups = tuple(_whole_backups(store, service, database, skip))
    base = max((found for found in backups if found.kind == "full"), key=lambda found: found.end, default=None)
    if base is None:
        return None
    slices = [piece for piece in _slices_after(store, service, base.end, skip) if piece.database == database]
    return datetime.fromtimestamp(best_chain(base, slices, backups, None).end.time, UTC)


def _whole_backups(store: Store, service: str, database: str, skip: Skip) -> Iterator[Manifest]:
    for listed in list_backups(store, service):
        piece = _opened(store, listed, skip)
        if piece and piece.whole and isinstance(piece.manifest, Manifest) and piece.manifest.database == database:
            yield piece.manifest


def _slices_after(store: Store, service: str, end: Timestamp, skip: Skip) -> Iterator[SliceManifest]:
    after = show_timestamp(end)
    for listed in list_oplog(store, service):
        if listed.name.rpartition("-")[2] > after:
            piece = _opened(store, listed, skip)
            if piece and piece.whole and isinstance(piece.manifest, SliceManifest):
                yield piece.manifest


def _opened(store: Store, listed: Listed, skip: Skip) -> Piece | None:
    """Open a finished piece; None for one that is not finished or damaged."""
    try:
        return open_piece(store, listed) if listed.counts else None
    except DamagedError as damage:
        skip(damage)
        return None
