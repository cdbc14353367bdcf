"""Take differential backups: `backup.differential`. Drivers are imported in use."""

from typing import TYPE_CHECKING

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.locking import locked
from drx.actions.servers import backup_store
from drx.errors import DamagedError

if TYPE_CHECKING:
    from drx.backup.format.manifest import Manifest


@action(
    "backup.differential",
    effect="write",
    repeatable=True,
    targets=("store",),
    uses=("mongo",),
    outputs={
        "id": "Id of the differential.",
        "base": "Id of the base that it continues.",
        "end": "Timestamp up to which it stands for everything.",
        "entries": "How many entries it holds.",
        "size_bytes": "How many bytes it takes in the store.",
    },
    by_hand=lambda _: "# nothing: it stands for the slices since the base, which a restore by hand reads themselves",
)
def differential(params: Params, context: Context) -> Result:
    """Fold everything archived since the newest base into one short piece of oplog, and prove it.

    A restore then reads the base, this, and the slices after it, so that it is quicker, and slices lost in between do
    no harm. It reads the store, not the server: take a slice first, so that it reaches up to now. It is read back and
    has to lead to the same result, or it does not count. An earlier differential is read instead of the slices that it
    stands for, and passed over where it is damaged.
    """
    from drx.backup.format.catalog import list_differentials
    from drx.backup.format.manifest import show_timestamp
    from drx.backup.oplog.differential import take_differential

    service, backup_id = context.target.service, f"{context.run_id}.{context.step_id.replace('/', '.')}"
    store = backup_store(context)

    damaged: list[DamagedError] = []

    def take() -> "Manifest":
        from drx.actions.recovery.bases import base_before, origin_of

        with locked(context, store, "slice") as lock:
            finished = [found for found in list_differentials(store, service, damaged.append) if found.id == backup_id]
            if finished:
                return finished[0]
            base = base_before(store, origin_of(context), None)
            return take_differential(store, service, base, backup_id=backup_id, check=lock.check, skip=damaged.append)

    taken = call_blocking(context, take, lambda: None)
    file = taken.file(taken.oplog or "")
    outputs = {
        "id": taken.id,
        "base": taken.parent,
        "end": show_timestamp(taken.end),
        "entries": taken.oplog_entries,
        "size_bytes": file.size_bytes,
    }
    passed_over = dict.fromkeys(found.message for found in damaged)
    return Result(
        outputs,
        (f"{taken.oplog_entries:,} entries, {file.size_bytes:,} bytes, since {taken.parent}", *passed_over),
    )
