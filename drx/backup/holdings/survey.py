"""Find out what stores really hold of a service, by listing them and reading manifests. Writes nothing."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import assert_never

from bson import Timestamp

from drx.backup.format.catalog import Skip
from drx.backup.format.manifest import Manifest, SliceManifest, show_timestamp
from drx.backup.format.pieces import Listed, Piece, list_backups, list_oplog, open_piece, paired
from drx.backup.holdings.custody import Custody, Holding, Place
from drx.backup.oplog.slices import best_chain
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
    with ThreadPoolExecutor(len(stores)) as pool:
        read = list(pool.map(lambda store: _read(store, service, database), stores))

        def judge(number: int) -> Holding:
            return _holding(place_of(addresses[number]), stores[0], stores[number], service, read[0], read[number])

        return Custody(tuple(pool.map(judge, range(len(stores)))))


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


@dataclass
class _Read:
    """What was read of a store by itself: whatever became of the others, that is what it restores."""

    reaches: datetime | None = None
    seals: dict[str, bytes] = field(default_factory=dict)
    """By the name of each backup the SHA-256 of its manifest, where that can be read."""
    problems: list[str] = field(default_factory=list)

    def skip(self, damage: DamagedError) -> None:
        """Note a manifest that is damaged."""
        self.problems.append(damage.message)


def _read(store: Store, service: str, database: str) -> _Read:
    read = _Read()
    try:
        read.reaches = _reach(store, service, database, read)
    except StoreError as error:
        read.problems.append(error.message)
    return read


def _holding(place: Place, primary: Store, store: Store, service: str, ours: _Read, theirs: _Read) -> Holding:
    lacking, count, problems = [], 0, list(theirs.problems)
    try:
        for key in _lacking(primary, store, service, ours, theirs):
            count += 1
            lacking += [key] if count <= _NAMED else []
    except StoreError as error:
        problems.append(error.message)
    return Holding(place, theirs.reaches, tuple(lacking), count, problems[0] if problems else "")


def _lacking(primary: Store, store: Store, service: str, ours: _Read, theirs: _Read) -> Iterator[str]:
    """Name what a copy lacks of the primary store's finished pieces, or the primary store of its own.

    The manifest of another backup under the same name is no copy, whatever sizes its files have.
    """
    for every in (list_backups, list_oplog):
        if store is primary:
            for listed in every(store, service):
                yield from _lost(store, listed)
        else:
            for mine, copied in paired(every(primary, service), every(store, service)):
                yield from mine.lacking(copied)
                seals = {read.seals[mine.name] for read in (ours, theirs) if mine.name in read.seals}
                if len(seals) > 1 and mine.manifest_key not in mine.lacking(copied):
                    yield mine.manifest_key
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


def _reach(store: Store, service: str, database: str, read: _Read) -> datetime | None:
    """Give the newest moment that a store alone can restore: its newest whole base and what is whole after it."""
    backups = tuple(_whole_backups(store, service, database, read))
    base = max((found for found in backups if found.kind == "full"), key=lambda found: found.end, default=None)
    if base is None:
        return None
    slices = [piece for piece in _slices_after(store, service, base.end, read.skip) if piece.database == database]
    return datetime.fromtimestamp(best_chain(base, slices, backups, None).end.time, UTC)


def _whole_backups(store: Store, service: str, database: str, read: _Read) -> Iterator[Manifest]:
    for listed in list_backups(store, service):
        piece = _opened(store, listed, read.skip)
        if piece is None or not isinstance(piece.manifest, Manifest):
            continue
        read.seals[listed.name] = sha256(piece.data).digest()
        if piece.whole and piece.manifest.database == database and piece.manifest.prefix == listed.name:
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
