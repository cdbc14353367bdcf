"""Take, find and check backups of the environment's database. Drivers are imported in use."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.by_hand.dump_tools import dump_base, dump_slice
from drx.actions.locking import locked
from drx.actions.servers import backup_store, mongo_target, with_mongo
from drx.errors import DamagedError, PermanentError, StepError
from drx.fields import Duration, Moment
from drx.units import show_duration, show_time

if TYPE_CHECKING:
    from bson import Timestamp
    from pymongo import MongoClient

    from drx.backup.format.manifest import Manifest, SliceManifest
    from drx.backup.oplog.slices import Chain
    from drx.backup.stores.base import Store
    from drx.values import Json

    _Piece = TypeVar("_Piece", Manifest, SliceManifest)

BASE_OUTPUTS = {
    "id": "Id of the base.",
    "consistent_at": "The moment it is consistent at, in UTC.",
    "documents": "How many documents it holds.",
    "size_bytes": "How many bytes of BSON these are.",
}


@action(
    "backup.base",
    effect="write",
    repeatable=True,
    targets=("store",),
    uses=("mongo",),
    outputs=BASE_OUTPUTS,
    by_hand=lambda _: dump_base(),
)
def base(params: Params, context: Context) -> Result:
    """Take a base backup: the whole database and its oplog, straight into the store.

    It counts only once its manifest is written, last. Run again after an interruption, it goes on under the same id:
    collections that are whole are kept, and what the store has of a large one under way, unless the oplog no longer
    reaches back to its start. While it runs, no other host takes a base of this service, nor removes one.
    """
    from drx.backup.dump import base_backup
    from drx.backup.format.catalog import PROGRESS, base_prefix, find_base

    service, backup_id = context.target.service, f"{context.run_id}.{context.step_id.replace('/', '.')}"
    store = backup_store(context)

    def take(client: "MongoClient[dict[str, Any]]") -> "Manifest":
        with locked(context, store, "base") as lock:
            finished = find_base(store, service, backup_id)
            if finished:
                store.delete(base_prefix(service, backup_id) + PROGRESS)
                return finished
            return base_backup(
                client, mongo_target(context).database, store, service, backup_id=backup_id,
                progress=context.progress, cancelled=lock.cancelled, say=said.append,
            )  # fmt: skip

    said: list[str] = []
    manifest = with_mongo(context, take, long=True)
    lines = tuple(f"{found.name}: {found.digest.count:,} documents" for found in manifest.collections)
    return describe_base(manifest, (*said, *lines[-20:]))


def describe_base(manifest: "Manifest", lines: tuple[str, ...] = ()) -> Result:
    """Tell what a base holds, as outputs and in words."""
    consistent_at = datetime.fromtimestamp(manifest.end.time, UTC)
    return Result(
        {
            "id": manifest.id,
            "consistent_at": show_time(consistent_at),
            "documents": sum(found.digest.count for found in manifest.collections),
            "size_bytes": sum(found.digest.size_bytes for found in manifest.collections),
        },
        (f"{manifest.id}, consistent at {consistent_at:%Y-%m-%d %H:%M:%S} UTC", *lines),
    )


_SLICE_OUTPUTS = {
    "start": "Timestamp of its first entry; null where nothing was written since.",
    "end": "Timestamp up to which the oplog is archived.",
    "entries": "How many entries it holds.",
}


def list_bases() -> str:
    """Write the shell lines that list complete bases: those that have a manifest."""
    return (
        'aws s3 ls --recursive "$STORE/$SERVICE/base/" | grep "/manifest.json$"\n'
        "# each name holds the time it began; take the newest that is old enough: export BASE=..."
    )


@action(
    "backup.slice",
    effect="write",
    repeatable=True,
    targets=("store",),
    uses=("mongo",),
    outputs=_SLICE_OUTPUTS,
    by_hand=lambda _: dump_slice(),
)
def slice_(params: Params, context: Context) -> Result:
    """Archive what was written since the last slice, or since the newest base where there is none.

    A gap, because the oplog no longer reaches back, is archived as such and fails the step: a new base is needed. So it
    is where the database moved to another server: what that one writes continues no base of the old one. A slice that
    is missing in the store is taken again, as long as the oplog still holds it; that fails once, too.
    """
    return _take_slice(context, lambda _: "Take a new base, so that moments from now on can be restored", urgent=False)


@action(
    "backup.emergency_slice",
    effect="write",
    repeatable=True,
    targets=("store",),
    uses=("mongo",),
    outputs=_SLICE_OUTPUTS,
    by_hand=lambda _: dump_slice(),
)
def emergency_slice(params: Params, context: Context) -> Result:
    """Archive the live oplog up to this moment, before it is lost.

    The first thing to do in an incident where the database server still lives: after it, the recovery point is the
    operation before the accident, not the last regular slice. It only reads from the server. Where a slice is missing
    in the store and the oplog still holds it, it is archived again: the step fails, and succeeds when tried again.
    Where the oplog lost it as well, the step says up to which moment a restore is still possible. Where another slice
    is being taken, or was when its host died, it waits for 15 seconds and then goes on beside it: slices may overlap.
    """
    return _take_slice(context, _still_possible, urgent=True)


def _still_possible(reached: str) -> str:
    return (
        f"A restore is possible up to {reached}, now. If the accident was before that, skip this step and go on; "
        "take no base of the damaged database"
    )


def _take_slice(context: Context, when_broken: Callable[[str], str], *, urgent: bool) -> Result:
    from drx.backup.format.catalog import list_bases, list_differentials, list_slices
    from drx.backup.format.manifest import show_timestamp
    from drx.backup.oplog.slices import best_chain, find_chain, next_start, refill_start, take_slice
    from drx.backup.server.lineage import oplog_mark

    database, service, store = mongo_target(context).database, context.target.service, backup_store(context)

    damaged: list[DamagedError] = []  # manifests: what they stand for is archived again, if the oplog has it

    def take(client: "MongoClient[dict[str, Any]]") -> "tuple[SliceManifest | None, Timestamp, str]":
        with locked(context, store, "slice", urgent=urgent) as lock:
            server = oplog_mark(client)
            there = list_bases(store, service, damaged.append)
            bases = _of_this_server(there, database, server)
            slices = _of_this_server(list_slices(store, service, damaged.append), database, server)
            after = next_start(bases, slices)
            if after is None:
                foreign = [found.id for found in there if found.database == database]
                raise PermanentError(
                    f"{store.describe()} holds no base of {service} that a slice could continue"
                    + "".join(f"; {each} is of another database server" for each in foreign[-1:])
                    + "".join(f"; {found.message}" for found in damaged[:1]),
                    "Look into a copy of the store; where nothing is lost yet, take a base",
                )
            before = find_chain(max(bases, key=lambda base: base.end), slices) if bases else None
            if before and before.gap:
                after = refill_start(client, before, after)
            taken = take_slice(client, database, store, service, after=after, server=server, check=lock.check)
            if taken and lock.refusal:
                _refuse_overwritten(store, taken)
            if before:
                differentials = list_differentials(store, service, damaged.append)
                pieces = [*slices, taken] if taken else slices
                around = best_chain(before.manifest, pieces, differentials, None)
                _refuse_gap(before, find_chain(before.manifest, pieces), around, when_broken)
            return taken, after, lock.refusal

    taken, after, unlocked = with_mongo(context, take, long=True)
    beside = (*((f"taken without the lock: {unlocked}",) if unlocked else ()), *(each.message for each in damaged[:5]))
    if taken is None:
        outputs: dict[str, Json] = {"start": None, "end": show_timestamp(after), "entries": 0}
        return Result(outputs, ("nothing was written since", *beside))
    return Result(
        {"start": show_timestamp(taken.start), "end": show_timestamp(taken.end), "entries": taken.entries},
        (f"{taken.entries:,} entries, {taken.size_bytes:,} bytes", *beside),
    )


def _of_this_server(found: "Iterable[_Piece]", database: str, server: str | None) -> "list[_Piece]":
    """Choose what a slice of this server's oplog may continue: after a move to another one, only a new base."""
    from drx.backup.server.lineage import may_continue

    return [each for each in found if each.database == database and may_continue(each.server, server)]


def _refuse_overwritten(store: "Store", taken: "SliceManifest") -> None:
    """Fail where another slice of exactly this span was written beside it, without the lock, over its data."""
    from drx.backup.format.catalog import slice_keys
    from drx.backup.format.pieces import read_sha256

    key, _ = slice_keys(taken.service, taken.start, taken.end)
    if read_sha256(store, key) != taken.sha256:
        raise StepError(f"another slice was written over {store.describe()}/{key}", "Try again")


def _refuse_gap(before: "Chain", now: "Chain", around: "Chain", when_broken: Callable[[str], str]) -> None:
    """Fail where the chain of the newest base is broken, or was until a moment ago: a store that loses is no store.

    A break that a differential leads around is none for the moments that matter now; the window shows it.
    """
    if gap := around.gap:
        reached = f"{datetime.fromtimestamp(around.end.time, UTC):%Y-%m-%d %H:%M:%S} UTC"
        raise PermanentError(f"what was written after the newest base is not whole: {gap}", when_broken(reached))
    if (gap := before.gap) and not now.gap:
        raise PermanentError(
            f"a slice was lost: {gap}; the live oplog still had it, and it is archived again",
            "Try again: everything is there now. Find out later who deletes from the store",
        )


class HasBase(Params):
    before: Moment | None = None
    """The base has to be consistent before this moment; without it, any base will do."""
    younger_than: Duration | None = None
    """The base must not be older than this."""


@action(
    "backup.has_base",
    effect="read",
    repeatable=True,
    targets=("store",),
    uses=("mongo",),
    outputs=BASE_OUTPUTS,
    by_hand=lambda _: list_bases(),
)
def has_base(params: HasBase, context: Context) -> Result:
    """See whether there is a base to restore from: the newest one, or the newest before a moment."""
    from bson import Timestamp

    from drx.actions.recovery.bases import base_before, origin_of

    before = Timestamp(int(params.before.timestamp()), 0) if params.before else None
    store = backup_store(context)
    damaged: list[DamagedError] = []
    manifest = call_blocking(
        context, lambda: base_before(store, origin_of(context), before, damaged.append), lambda: None
    )
    age = datetime.now(UTC) - datetime.fromtimestamp(manifest.end.time, UTC)
    if params.younger_than is not None and age > params.younger_than:
        limit_text = show_duration(timedelta(seconds=round(params.younger_than.total_seconds())))
        raise PermanentError(
            f"the newest base, {manifest.id}, is {show_duration(age)} old, not {limit_text}", "Take a base"
        )
    return describe_base(manifest, tuple(f"not needed, but {found.message}" for found in damaged[:5]))
