"""Archive pieces of oplog in a store, and read a base's oplog and the pieces after it as one unbroken chain."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice

from bson import Timestamp
from isal import isal_zlib

from drx.backup.format.catalog import Skip, list_slices, slice_keys
from drx.backup.format.documents import DamagedDocument, split
from drx.backup.format.manifest import Manifest, SliceManifest, show_timestamp, to_json
from drx.backup.format.members import LARGEST_MEMBER, MemberBuffer, MemberWriter, read_member
from drx.backup.format.pieces import list_oplog
from drx.backup.oplog.capture import Capture, Captured, Client, RolledOver, newest_position, oldest_position
from drx.backup.oplog.detour import DamagedDifferential
from drx.backup.oplog.entry import position_in, position_of
from drx.backup.server.lineage import may_continue
from drx.backup.stores.base import Store
from drx.errors import DamagedError, PermanentError

_CLOCKS_DIFFER_SECONDS = 600
_GZIP = 31  # window bits that mean a gzip header
_InflateError: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # the stub takes it for an instance


def next_start(bases: Iterable[Manifest], slices: Iterable[SliceManifest]) -> Timestamp | None:
    """Say where the next slice has to begin: where the newest one ends, else with the oldest base; None without any.

    A base taken meanwhile is no place to begin: moments between the newest slice and that base would be lost. Pure.
    """
    ends = [piece.end for piece in slices]
    return max(ends) if ends else min((base.end for base in bases), default=None)


def _unchecked() -> None:
    """Nobody has to be asked."""


def take_slice(
    client: Client, database: str, store: Store, service: str, *, after: Timestamp, server: str | None = None,
    check: Callable[[], None] = _unchecked,
) -> SliceManifest | None:  # fmt: skip
    """Archive the oplog from `after`, inclusive, up to now; None when nothing was written since.

    Where the oplog no longer reaches back, what is left is archived and the gap is named in the manifest. `server` says
    whose oplog it is. `check` is called often, and raises where it has to stop.
    """
    end = newest_position(client)
    if end <= after:
        _refuse_future(after, f"{store.describe()}/{service}")
        return None
    try:
        return _archive(client, database, store, service, after, end, None, server, check)
    except RolledOver:
        oldest = oldest_position(client)
        gap = f"the oplog rolled over before the entries from {show_timestamp(after)} on were archived"
        return _archive(client, database, store, service, oldest, end, gap, server, check)


def _refuse_future(after: Timestamp, where: str) -> None:
    """Refuse to say that nothing was written since a moment that is still to come: until then nothing were archived."""
    if after.time > time.time() + _CLOCKS_DIFFER_SECONDS:
        raise PermanentError(
            f"the backups in {where} reach up to {_clock(after)}, still to come: nothing is archived until then",
            "Compare the clocks of this host and the database. If they are right, move away what is of that time",
        )


def _archive(
    client: Client, database: str, store: Store, service: str, start: Timestamp, end: Timestamp, gap: str | None,
    server: str | None, check: Callable[[], None],
) -> SliceManifest:  # fmt: skip
    key, manifest_key = slice_keys(service, start, end)
    with store.upload(key) as upload:
        writer = MemberWriter(upload, key)
        buffer = MemberBuffer(writer, with_ids=False)
        captured = _capture(client, database, start, end, buffer, check)
        buffer.flush()
        file = writer.finish()
    manifest = SliceManifest(
        service, database, captured.start, captured.end, captured.entries, file.size_bytes, file.sha256, gap, server
    )
    check()
    store.put(manifest_key, to_json(manifest))
    return manifest


def _capture(
    client: Client, database: str, start: Timestamp, end: Timestamp, buffer: MemberBuffer, check: Callable[[], None]
) -> Captured:
    def sink(entries: bytes) -> None:
        check()
        buffer.add(split(entries))

    capture = Capture(client, database, start, sink)
    capture.begin()
    try:
        return capture.finish(end)
    finally:
        capture.stop()


@dataclass(frozen=True, slots=True)
class Chain:
    """A base and the slices that continue it without a gap; every moment up to `end` can be restored.

    `gap` says why it goes no further although later slices exist. A `differential` stands for all that happened up to
    its end, and the slices continue that.
    """

    manifest: Manifest
    slices: tuple[SliceManifest, ...]
    end: Timestamp
    gap: str | None
    differential: Manifest | None = None


def refill_start(client: Client, chain: Chain, after: Timestamp) -> Timestamp:
    """Say where to begin to mend a broken chain: at the break, as long as the live oplog reaches back to it."""
    return chain.end if oldest_position(client) <= chain.end else after


def best_chain(
    manifest: Manifest, slices: Sequence[SliceManifest], differentials: Iterable[Manifest], until: Timestamp | None
) -> Chain:
    """Choose the shortest way from a base to just before `until`, or else the one that goes furthest. Pure.

    A differential leads only to moments after its end.
    """
    usable = [found for found in differentials if found.parent == manifest.id and (until is None or found.end < until)]
    newest_first = sorted(usable, key=lambda found: found.end, reverse=True)
    chains = [find_chain(manifest, slices, found) for found in (*newest_first, None)]
    if until is not None:
        for chain in chains:
            if position_of(chain.end) >= position_of(until) - 1:
                return chain
    return max(chains, key=lambda chain: chain.end)


def find_chain(manifest: Manifest, slices: Iterable[SliceManifest], differential: Manifest | None = None) -> Chain:
    """Choose the slices that continue a base, or its differential, as far as they reach. Pure.

    Slices of another server's oplog continue nothing, whatever times they hold.
    """
    end, server, foreign = differential.end if differential else manifest.end, manifest.server, ""
    chosen: list[SliceManifest] = []
    for piece in sorted(slices, key=lambda piece: (piece.start, piece.end)):
        if piece.database != manifest.database or piece.end <= end:
            continue
        if not may_continue(server, piece.server):
            foreign = foreign or f"the slices from {show_timestamp(piece.start)} on are of another server's oplog"
            continue
        if piece.start > end:
            reason = f": {piece.gap}" if piece.gap else ""
            gap = f"no slice holds the oplog between {show_timestamp(end)} and {show_timestamp(piece.start)}{reason}"
            return Chain(manifest, tuple(chosen), end, gap, differential)
        chosen.append(piece)
        end, server = piece.end, server or piece.server
    return Chain(manifest, tuple(chosen), end, foreign or None, differential)


def read_chain(
    store: Store, service: str, manifest: Manifest, until: Timestamp, skip: Skip | None = None,
    differentials: Iterable[Manifest] = (),
) -> Iterator[bytes]:  # fmt: skip
    """Give every entry from the base's start to just before `until`, in order, each once.

    Objects are checked before their entries come out, and read to their end even where `until` comes before it. `skip`
    is told of slices whose manifests are damaged; the rest may do without them. Of the `differentials`, one may stand
    for everything up to its end: what comes out then has the same net effect, and is not what happened.

    Raises PermanentError when `until` lies outside what the chain covers, naming the gap; DamagedError, while it is
    read, naming the object that is damaged: DamagedDifferential where there may be another way.
    """
    chain = best_chain(manifest, list_slices(store, service, skip), differentials, until)
    if until <= manifest.end:
        raise PermanentError(
            f"the base {manifest.id} is consistent from {show_timestamp(manifest.end)} on, "
            f"which is not before {show_timestamp(until)}",
            "Choose an earlier base",
        )
    if position_of(chain.end) < position_of(until) - 1:
        raise PermanentError(
            f"the archived oplog that continues the base {manifest.id} ends at {_clock(chain.end)}"
            + (f": {chain.gap}" if chain.gap else "")
            + _without_manifest(store, service, chain.end)
            + f"; {_clock(until)}, exclusive, was asked for",
            "Ask for a moment up to there, take a slice first, or choose another base",
        )
    return _chain_entries(store, service, chain, position_of(until))


def _clock(timestamp: Timestamp) -> str:
    """Write a moment for a person, and exactly."""
    return f"{datetime.fromtimestamp(timestamp.time, UTC):%Y-%m-%d %H:%M:%S} UTC ({show_timestamp(timestamp)})"


def _without_manifest(store: Store, service: str, end: Timestamp) -> str:
    """Name the first slice after a moment that counts for nothing, because only its data are there."""
    key, _ = slice_keys(service, end, end)
    lost = (listed.data_key for listed in list_oplog(store, service) if not listed.counts and listed.data_key > key)
    return "".join(f"; {store.describe()}/{found} has no manifest" for found in islice(lost, 1))


def _chain_entries(store: Store, service: str, chain: Chain, limit: int) -> Iterator[bytes]:
    """Read source after source; where two overlap, the later one speaks, for it was read later."""
    first = chain.differential or chain.manifest
    begin = position_of(first.end) + 1 if chain.differential else position_of(first.start)
    starts = [max(position_of(piece.start), begin) for piece in chain.slices]
    ends = [position_of(first.end), *(position_of(piece.end) for piece in chain.slices)]
    ends = [end + 1 for end in ends]
    limits = [min(end, nxt, limit) for end, nxt in zip(ends, [*starts, limit], strict=True)]
    own = _differential_entries(store, chain.differential) if chain.differential else _own_entries(store, first)
    yield from _between(own, 0, limits[0], in_order=chain.differential is None)
    for piece, start, stop in zip(chain.slices, starts, limits[1:], strict=True):
        if start < limit:
            yield from _between(slice_entries(store, service, piece), start, stop, in_order=True)


def _between(entries: Iterator[Sequence[bytes]], start: int, stop: int, *, in_order: bool) -> Iterator[bytes]:
    """Choose what lies between two positions; of entries as a server wrote them, the ends tell of what is between."""
    for documents in entries:
        if in_order and documents and start <= position_in(documents[0]) and position_in(documents[-1]) < stop:
            yield from documents
            continue
        for raw in documents:
            if start <= position_in(raw) < stop:
                yield raw


def _own_entries(store: Store, manifest: Manifest) -> Iterator[list[bytes]]:
    """Read the oplog that lies beside a base, or that a differential is."""
    if manifest.oplog is None:
        return
    file = manifest.file(manifest.oplog)
    for member in file.members:
        yield read_member(store, manifest.prefix + file.path, member)


def _differential_entries(store: Store, differential: Manifest) -> Iterator[list[bytes]]:
    lost = {differential.prefix + file.path for file in differential.files}
    lost -= {entry.key for entry in store.list(differential.prefix)}
    if lost:
        raise DamagedDifferential(differential, f"{store.describe()}/{min(lost)} is not there")
    try:
        yield from _own_entries(store, differential)
    except DamagedError as error:
        raise DamagedDifferential(differential, error.message) from None


def slice_entries(store: Store, service: str, piece: SliceManifest) -> Iterator[list[bytes]]:
    """Read the entries of a slice, a whole gzip member at a time.

    Raises DamagedError that names the object; what came out before is then not to be used.
    """
    key, _ = slice_keys(service, piece.start, piece.end)
    where = f"{store.describe()}/{key}"
    remedy = "Use another copy of it, or restore to a moment before it"
    checksum, count = sha256(), 0

    def pieces() -> Iterator[bytes]:
        for data in store.stream(key):
            checksum.update(data)
            yield data

    try:
        for raw in _members(pieces()):
            documents = split(raw)
            count += len(documents)
            yield documents
    except (_InflateError, EOFError, DamagedDocument) as error:
        raise DamagedError(f"{where} is damaged: {error}", remedy) from None
    if checksum.hexdigest() != piece.sha256 or count != piece.entries:
        raise DamagedError(f"{where} is damaged: it is not what its manifest says", remedy)


def _members(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Inflate gzip members laid end to end; each comes out only after its own check sum held."""
    inflater = isal_zlib.decompressobj(_GZIP)
    raw = bytearray()
    begun = False
    for piece in pieces:
        data = piece
        while data:
            begun = True
            raw += inflater.decompress(data, LARGEST_MEMBER + 1 - len(raw))
            if len(raw) > LARGEST_MEMBER:
                raise EOFError(f"a gzip member holds more than {LARGEST_MEMBER:,} bytes")
            if not inflater.eof:
                break
            yield bytes(raw)
            data = inflater.unused_data
            inflater, raw, begun = isal_zlib.decompressobj(_GZIP), bytearray(), False
    if begun:
        raise EOFError("its last gzip member is cut off")
