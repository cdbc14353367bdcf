"""Restore a database beside the damaged one, and prove it: `mongo.restore`, `mongo.verify`. Drivers load in use."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from drx.actions.base import Context, Params, Result, action
from drx.actions.by_hand.dump_tools import restore_base
from drx.actions.recovery.in_use import in_use
from drx.actions.recovery.points import Point
from drx.actions.recovery.proof import claim, prove, silent
from drx.actions.servers import backup_store, mongo_target, user_database, with_mongo
from drx.config import Target
from drx.config.target import PRIMARY
from drx.errors import PermanentError, StepError
from drx.fields import Text

if TYPE_CHECKING:
    from pymongo import MongoClient

    from drx.actions.recovery.assemble import Recovery
    from drx.backup.format.manifest import Manifest, Restored
    from drx.backup.stores.base import Store

OUTPUTS = {
    "database": "The database that was restored into.",
    "base": "Id of the base it was restored from.",
    "restored_to": "Timestamp before which every operation is in it.",
    "last_write": "When the last operation in it was written, in UTC.",
    "documents": "How many documents it holds.",
    "size_bytes": "How many bytes of BSON these are.",
    "digest": "Their digest, independent of order.",
}


class Selection(Params):
    at: Point | None = None
    """The moment: a time (all of that second is in it), `{up_to: TIMESTAMP}`, `{before: TIMESTAMP}`,
    `{before: {drop: COLLECTION}}`; without it, the newest moment that the archived oplog reaches."""
    only: tuple[Text, ...] = ()
    """Collections, by name; without it, all of the database."""
    service: Text | None = None
    """Whose backups: the name under which they lie in the store, such as production's; without it, the
    environment's own."""
    source: Text | None = None
    """The database that the backups are of; without it, the environment's own."""
    store: Text = PRIMARY
    """Where the backups are read: `primary`, `copy`, `copy-2`, or the name of a bucket or directory."""


class Restore(Selection):
    into: Text
    """Database to restore into: a new one, or an empty one; never the one the backup is of."""
    replace: bool = False
    """What is there gives way: the whole database, or the collections of `only`, once the whole base was read back. A
    person has to type its name."""
    read_back: bool = True
    """Read every document back and compare. Say false only where the step has a `verify: {action: mongo.verify}`, which
    does so itself: nothing is proven before."""


def _into(params: Restore, target: Target) -> str:
    return params.into


def _by_hand(params: Restore) -> str:
    return restore_base(params.at, into=params.into, only=params.only, service=params.service, source=params.source)


@action(
    "mongo.restore",
    effect="write",
    repeatable=True,
    targets=("mongo",),
    uses=("store",),
    resource=_into,
    destroys=lambda params: params.replace,
    outputs={**OUTPUTS, "seconds": "How long it took, not reading back; null where it went on with an earlier try."},
    by_hand=_by_hand,
)
def restore(params: Restore, context: Context) -> Result:
    """Restore a database, or some of its collections, from the newest base before a moment, up to that moment.

    Every object is checked before it is used; every document is written once, in its final state, and read back: a
    digest that differs is a failure. After an interruption it goes on where it was. Nothing is ever restored into the
    database that the backup is of. Meanwhile retention deletes nothing in the store.
    """
    from drx.actions.recovery.assemble import plan_recovery
    from drx.actions.recovery.bases import origin_of
    from drx.backup.restore import restore as load
    from drx.backup.verify import verify_restored

    into, origin, store = (
        _target(params, context),
        origin_of(context, params.service, params.source),
        backup_store(context, params.store),
    )

    began = time.monotonic()

    def work(client: "MongoClient[dict[str, Any]]") -> tuple["Recovery", "Restored", float | None]:
        with in_use(context, store, origin.service) as unprotected:
            said.extend(unprotected)
            return load_and_prove(client)

    def load_and_prove(client: "MongoClient[dict[str, Any]]") -> tuple["Recovery", "Restored", float | None]:
        recovery = plan_recovery(store, origin, params.at, context).only(params.only)
        if params.replace:
            _check_whole(store, recovery.manifest, context)
        resumed = claim(client, into, context, params.only, replace=params.replace)
        with _moving(into) if resumed and params.at is None else nullcontext():
            restored = load(
                client, store, recovery.manifest, into=into, plan=recovery.plans, resumed=resumed,
                beside=bool(params.only and params.replace), progress=context.progress, cancelled=context.cancelled,
            )  # fmt: skip
        seconds = None if resumed else time.monotonic() - began
        if params.read_back:
            found = verify_restored(
                client, restored, alone=not params.only, progress=silent, cancelled=context.cancelled
            )
            prove(found, into)
        return recovery, restored, seconds

    said: list[str] = []
    recovery, restored, seconds = with_mongo(context, work, long=True)
    result = _result(recovery, restored, proven=params.read_back)
    outputs = {**result.outputs, "seconds": None if seconds is None else round(seconds, 3)}
    return replace(result, outputs=outputs, lines=(*result.lines, *said))


@contextmanager
def _moving(into: str) -> Iterator[None]:
    """Say what to do where the newest moment has become another one since an earlier try."""
    try:
        yield
    except StepError as error:
        error.remedy = (
            "The newest moment may be a later one than when this restore began. "
            f"Drop {into}, unless it is in use by now, and restore again; or state the moment with `at`"
        )
        raise


def _target(params: Restore, context: Context) -> str:
    """Give the database to restore into; never the one that the backup is of."""
    into, own = user_database(params.into), mongo_target(context).database
    foreign = params.service is not None and params.service != context.target.service
    if into == own and not foreign:
        raise PermanentError(
            f"'{into}' is the database in use", "Restore beside it, check, then point the application there"
        )
    if into == (params.source or own) and not foreign:
        raise PermanentError(f"'{into}' is the database the backup is of", "Restore into another name")
    return into


def _check_whole(store: "Store", manifest: "Manifest", context: Context) -> None:
    """Read a base back before anything gives way to it; raises PermanentError, with nothing touched."""
    from drx.backup.verify import verify_base

    damaged = verify_base(store, manifest, progress=silent, cancelled=context.cancelled)
    if damaged:
        raise PermanentError(
            f"{damaged[0]}; nothing was replaced", "Restore from another copy or another base", lines=damaged[:20]
        )


class Verify(Selection):
    database: Text
    """The restored database."""


def _compare_by_hand(params: Verify) -> str:
    return f"# restore again elsewhere, then compare each collection's count and dbHash with {params.database}"


@action(
    "mongo.verify",
    effect="read",
    repeatable=True,
    targets=("mongo",),
    uses=("store",),
    outputs=OUTPUTS,
    by_hand=_compare_by_hand,
)
def verify(params: Verify, context: Context) -> Result:
    """Hold a restored database against its backup: every document, index, option and view.

    What has to stand there is worked out anew from the base and the archived oplog, so that nothing the restore
    remembers is believed. Meanwhile retention deletes nothing in the store.
    """
    from drx.actions.recovery.assemble import expected, plan_recovery
    from drx.actions.recovery.bases import origin_of
    from drx.backup.verify import verify_restored

    store, origin = backup_store(context, params.store), origin_of(context, params.service, params.source)

    def work(client: "MongoClient[dict[str, Any]]") -> tuple["Recovery", "Restored"]:
        with in_use(context, store, origin.service) as unprotected:
            said.extend(unprotected)
            recovery = plan_recovery(store, origin, params.at, context).only(params.only)
            wanted = expected(store, recovery, params.database, context)
        found = verify_restored(
            client, wanted, alone=not params.only, progress=context.progress, cancelled=context.cancelled
        )
        prove(found, params.database)
        return recovery, wanted

    said: list[str] = []
    result = _result(*with_mongo(context, work, long=True))
    return replace(result, lines=(*result.lines, *said))


def _result(recovery: "Recovery", restored: "Restored", *, proven: bool = True) -> Result:
    digest = restored.digest
    lines = tuple(f"{found.name}: {found.digest.count:,} documents" for found in restored.collections if not found.type)
    unused = tuple(f"not needed, but {found}" for found in recovery.unused)
    return Result(
        recovery.outputs(restored.database, digest),
        (*lines[-20:], *unused[:5]),
        proven_until=recovery.proven_until if proven else None,
    )
