"""Take a differential: everything since a base, folded to its net effect and written as a short, ordinary oplog.

Stock mongorestore replays it onto the restored base (`--oplogReplay --oplogFile`), and drx folds it like any slice. It
reads the store only, and is read back before it counts.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from heapq import merge

from bson import Timestamp, decode

from drx import __version__
from drx.backup.format.batches import batches_of
from drx.backup.format.catalog import MANIFEST, Skip, differential_prefix, list_differentials, list_slices
from drx.backup.format.manifest import PLAIN, FileManifest, Manifest, to_json
from drx.backup.format.members import MemberBuffer, MemberWriter, read_member
from drx.backup.oplog.condense import condensed
from drx.backup.oplog.detour import around_damage
from drx.backup.oplog.effects import Chain, Effect
from drx.backup.oplog.entry import first_field, parse, position_in
from drx.backup.oplog.fold import BaseCollection, CollectionPlan, fold
from drx.backup.oplog.moments import until_after
from drx.backup.oplog.net import net_entries
from drx.backup.oplog.parts import Parts
from drx.backup.oplog.slices import best_chain, read_chain
from drx.backup.oplog.transactions import goes_on, is_unfinished
from drx.backup.stores.base import Store
from drx.errors import PermanentError, StoreError

OPLOG = "oplog.bson"
_BATCH = 1000


def take_differential(
    store: Store, service: str, base: Manifest, *, backup_id: str, check: Callable[[], None],
    skip: Skip = lambda _: None,
) -> Manifest:  # fmt: skip
    """Fold what happened since a base, as far as a restore could go, and write what is left of it.

    An earlier differential is read instead of the slices that it stands for; `skip` is told of one that is damaged.
    `check` is called often, and may raise. Raises PermanentError where nothing was archived since, or where the net
    effect cannot be written as an oplog; DamagedError for a damaged slice; StoreError where the store fails. No
    manifest is left then.
    """
    started_at = datetime.now(UTC)
    slices = list_slices(store, service)

    def folded(differentials: Sequence[Manifest]) -> tuple[Timestamp, _Watched, tuple[CollectionPlan, ...]]:
        end = best_chain(base, slices, differentials, None).end
        if end <= base.end:
            raise PermanentError(f"nothing was archived since the base {base.id}", "Take a slice first")
        chain = read_chain(store, service, base, until_after(end), differentials=differentials)
        source = _Watched(chain, check)
        return end, source, _folded(base, source, until_after(end))

    end, source, plans = around_damage(list_differentials(store, service, skip), folded, skip)
    prefix = differential_prefix(service, backup_id)
    file, entries = _write(store, prefix, _all_of(base, plans, source, end), check)
    _prove(store, prefix, file, base, plans, until_after(end), check)
    manifest = Manifest(
        id=backup_id, kind="differential", service=service, database=base.database,
        server_version=base.server_version, drx_version=__version__, start=base.start, end=end,
        started_at=started_at, finished_at=datetime.now(UTC), collections=(), files=(file,), oplog=OPLOG,
        oplog_entries=entries, parent=base.id, server=base.server,
    )  # fmt: skip
    if not store.create(prefix + MANIFEST, to_json(manifest)):
        raise StoreError(f"{store.describe()}/{prefix} was finished by somebody else meanwhile", "Use another id")
    return manifest


def _folded(base: Manifest, entries: Iterable[bytes], until: Timestamp) -> tuple[CollectionPlan, ...]:
    return fold(entries, database=base.database, base=_collections(base), until=until, consistent_from=base.end)


def _collections(base: Manifest) -> list[BaseCollection]:
    return [
        BaseCollection(found.name, found.uuid, found.options, found.indexes, found.type) for found in base.collections
    ]


class _Watched:
    """Passes entries on; remembers when the last one was written, and which transactions are not over yet."""

    def __init__(self, entries: Iterator[bytes], check: Callable[[], None]) -> None:
        self._entries, self._check = entries, check
        self.last: bytes | None = None
        self.open = Parts()

    def __iter__(self) -> Iterator[bytes]:
        for number, raw in enumerate(self._entries):
            if number % _BATCH == 0:
                self._check()
            self.last = raw
            if b"applyOps\0" in raw or b"Transaction\0" in raw:
                self._follow(raw)
            yield raw

    def _follow(self, raw: bytes) -> None:
        entry = parse(raw)
        command, transaction = first_field(entry.o) if entry.op == "c" else "", entry.transaction or b""
        if command == "applyOps" and is_unfinished(entry):
            self.open.add(transaction, raw, anew=not goes_on(entry, command))
        elif command == "abortTransaction" or goes_on(entry, command):
            self.open.drop(transaction)

    def wall(self, end: Timestamp) -> datetime:
        """Tell when the last entry was written; by its timestamp where it does not say, or where there is none."""
        wall = decode(self.last, PLAIN).get("wall") if self.last else None
        return wall if isinstance(wall, datetime) else datetime.fromtimestamp(end.time, UTC)


def _all_of(base: Manifest, plans: tuple[CollectionPlan, ...], source: _Watched, end: Timestamp) -> Iterator[bytes]:
    """Give what is left of transactions that are not over yet, then the net effect of everything else."""
    yield from merge(*map(source.open.take, source.open.keys()), key=position_in)
    yield from net_entries(
        base.database, _collections(base), plans, consistent_from=base.end, end=end, wall=source.wall(end)
    )


def _write(store: Store, prefix: str, entries: Iterator[bytes], check: Callable[[], None]) -> tuple[FileManifest, int]:
    count = 0
    store.abandon(prefix)
    with store.upload(prefix + OPLOG) as upload:
        writer = MemberWriter(upload, OPLOG)
        buffer = MemberBuffer(writer, with_ids=False)
        for batch in batches_of(entries, len):
            check()
            buffer.add(batch)
            count += len(batch)
        buffer.flush()
        return writer.finish(), count


def _prove(
    store: Store, prefix: str, file: FileManifest, base: Manifest, plans: tuple[CollectionPlan, ...], until: Timestamp,
    check: Callable[[], None],
) -> None:  # fmt: skip
    """Read the differential back and fold it onto the base: that has to give what the whole oplog gave."""

    def entries() -> Iterator[bytes]:
        for member in file.members:
            check()
            yield from read_member(store, prefix + file.path, member)

    again = _folded(base, entries(), until)
    if [summary(plan) for plan in again] != [summary(plan) for plan in plans]:
        raise PermanentError(
            f"what happened since the base {base.id} cannot be written as a differential",
            "Restores use the slices; take a new base where those are too many",
        )


@dataclass(frozen=True)
class Summary:
    """What a plan comes to; equal summaries, equal collections."""

    name: str
    type: str | None
    origin: str | None
    options: dict[str, object]
    indexes: dict[str, dict[str, object]]
    effects: int
    """Sum of a hash of each effect, in whatever order they come."""
    order: str
    """Hash of the documents born, in the order in which a capped collection keeps them; empty for others."""


def summary(plan: CollectionPlan) -> Summary:
    """Say what a plan comes to, in bounded memory."""
    is_capped, effects, order = "capped" in plan.options, 0, sha256()
    for identity, effect in plan.changes.net():
        effects = (effects + _hash(identity, effect)) % (1 << 128)
        if is_capped and isinstance(effect, bytes):
            order.update(identity)
    indexes = {str(index["name"]): dict(index) for index in plan.indexes}
    return Summary(
        plan.name, plan.type, plan.origin, dict(plan.options), indexes, effects, order.hexdigest() if is_capped else ""
    )


def _hash(identity: bytes, effect: Effect) -> int:
    match effect:
        case None:
            parts = [b"gone"]
        case Chain(updates=updates):
            parts = [b"chain", *condensed(updates)]
        case _:
            parts = [b"born", effect]
    digest = sha256(identity)
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return int.from_bytes(digest.digest()[:16], "little")
