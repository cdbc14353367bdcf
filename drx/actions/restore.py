"""Restore a database beside the damaged one, and prove it: `mongo.restore`, `mongo.verify`. Drivers load in use."""

from typing import TYPE_CHECKING, Any

from drx.actions.base import Context, Params, Result, action
from drx.actions.points import BeforeOperation, Point, show_point
from drx.actions.servers import backup_store, mongo_target, user_database, with_mongo
from drx.config import Target
from drx.errors import PermanentError, StepError
from drx.fields import Text

if TYPE_CHECKING:
    from pymongo import MongoClient

    from drx.actions.recovery import Recovery
    from drx.backup.manifest import Restored

OUTPUTS = {
    "database": "The database that was restored into.",
    "base": "Id of the base it was restored from.",
    "restored_to": "Timestamp before which every operation is in it.",
    "last_write": "When the last operation in it was written, in UTC.",
    "documents": "How many documents it holds.",
    "size_bytes": "How many bytes of BSON these are.",
    "digest": "Their digest, independent of order.",
}


class Restore(Params):
    into: Text
    """Database to restore into: a new one, or an empty one; never the one the backup is of."""
    at: Point | None = None
    """The moment: a time (all of that second is in it), `{before: TIMESTAMP}`, `{before: {drop: COLLECTION}}`; without
    it, the newest moment that the archived oplog reaches."""
    read_back: bool = True
    """Read every document back and compare. Say false only where the step has a `verify: {action: mongo.verify}`, which
    does so itself: nothing is proven before."""


def _into(params: Restore, target: Target) -> str:
    return params.into


def _mongorestore(params: Restore) -> str:
    limit = ""
    if isinstance(params.at, BeforeOperation) and isinstance(params.at.before, str):
        limit = f' --oplogLimit="{params.at.before.replace(".", ":")}"'
    return (
        f"# the newest base from before {show_point(params.at).removeprefix('just before ')}\n"
        'aws s3 cp --recursive "$STORE/$SERVICE/base/$BASE/dump" dump\n'
        f"mongorestore --uri \"$MONGO_URI\" --gzip --dir dump --nsFrom '$DATABASE.*' --nsTo '{params.into}.*'\n"
        "# the oplog: gunzip the slices after the base into dump/oplog.bson; it knows only the old database's name,\n"
        "# so replay it on a server of its own that was restored without --nsTo\n"
        f'mongorestore --uri "$OTHER_URI" --dir dump --oplogReplay{limit}'
    )


@action(
    "mongo.restore",
    effect="write",
    repeatable=True,
    targets=("mongo",),
    resource=_into,
    outputs=OUTPUTS,
    by_hand=_mongorestore,
)
def restore(params: Restore, context: Context) -> Result:
    """Restore the database of the newest base before a moment, with every operation up to that moment.

    Every object is checked before it is used; every document is written once, in its final state, and read back: a
    digest that differs is a failure. After an interruption it goes on where it was. Nothing is ever restored into the
    database that the backup is of.
    """
    from drx.actions.recovery import plan_recovery
    from drx.backup.restore import restore as load
    from drx.backup.verify import verify_restored

    into = user_database(params.into)
    if into == mongo_target(context).database:
        raise PermanentError(
            f"'{into}' is the database in use", "Restore beside it, check, then point the application there"
        )
    store = backup_store(context)

    def work(client: "MongoClient[dict[str, Any]]") -> tuple["Recovery", "Restored"]:
        recovery = plan_recovery(store, context.target.service, params.at, context)
        if into == recovery.manifest.database:
            raise PermanentError(f"'{into}' is the database the backup is of", "Restore into another name")
        resumed = ("mongo", into) in context.created
        if not resumed:
            _claim(client, into, context)
        restored = load(
            client, store, recovery.manifest, into=into, plan=recovery.plans, resumed=resumed,
            progress=context.progress, cancelled=context.cancelled,
        )  # fmt: skip
        if params.read_back:
            _prove(verify_restored(client, restored, progress=_silent, cancelled=context.cancelled), into)
        return recovery, restored

    return _result(*with_mongo(context, work, long=True), proven=params.read_back)


def _claim(client: "MongoClient[dict[str, Any]]", into: str, context: Context) -> None:
    """Say that the run creates the database, unless somebody else's documents are in it."""
    if client[into].list_collection_names():
        raise PermanentError(
            f"the database {into} is not empty", "Restore into another name, or drop that database first"
        )
    context.created_resource("mongo", into)


class Verify(Params):
    database: Text
    """The restored database."""
    at: Point | None = None
    """The moment it was restored to, as `mongo.restore` was given it."""


def _compare_by_hand(params: Verify) -> str:
    return f"# restore again elsewhere, then compare each collection's count and dbHash with {params.database}"


@action(
    "mongo.verify",
    effect="read",
    repeatable=True,
    targets=("mongo",),
    outputs=OUTPUTS,
    by_hand=_compare_by_hand,
)
def verify(params: Verify, context: Context) -> Result:
    """Hold a restored database against its backup: every document, index, option and view.

    What has to stand there is worked out anew from the base and the archived oplog, so that nothing the restore
    remembers is believed.
    """
    from drx.actions.recovery import expected, plan_recovery
    from drx.backup.verify import verify_restored

    store = backup_store(context)

    def work(client: "MongoClient[dict[str, Any]]") -> tuple["Recovery", "Restored"]:
        recovery = plan_recovery(store, context.target.service, params.at, context)
        wanted = expected(store, recovery, params.database, context)
        found = verify_restored(client, wanted, progress=context.progress, cancelled=context.cancelled)
        _prove(found, params.database)
        return recovery, wanted

    return _result(*with_mongo(context, work, long=True))


def _prove(differences: tuple[str, ...], database: str) -> None:
    if differences:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        raise StepError(
            f"{database} is not what the backup says: {differences[0]}{more}",
            "Drop it and restore again, from another base or another copy",
            lines=differences[:20],
        )


def _result(recovery: "Recovery", restored: "Restored", *, proven: bool = True) -> Result:
    digest = restored.digest
    lines = tuple(f"{found.name}: {found.digest.count:,} documents" for found in restored.collections if not found.type)
    return Result(
        recovery.outputs(restored.database, digest), lines[-20:], proven_until=recovery.proven_until if proven else None
    )


def _silent(done: int, total: int | None, unit: str) -> None:
    """Reading back is not shown: the bar would run twice."""
