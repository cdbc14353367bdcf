"""Restore what stock mongodump wrote: `mongo.restore_dump`. Drivers are imported in use."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.by_hand.dump_tools import restore_dump as restore_dump_by_hand
from drx.actions.recovery.in_use import in_use
from drx.actions.recovery.proof import claim, prove, silent
from drx.actions.servers import mongo_target, user_database, with_mongo
from drx.config import Target
from drx.errors import PermanentError
from drx.fields import Text
from drx.values import Json

if TYPE_CHECKING:
    from pymongo import MongoClient

    from drx.backup.format.manifest import Restored
    from drx.backup.stock.dump import Dump, Examined


class RestoreDump(Params):
    path: Text
    """The directory or the archive that mongodump wrote, gzipped or not; relative to where drx runs."""
    database: Text | None = None
    """Which of the dump's databases; may be left out where it holds one."""
    into: Text | None = None
    """Database to restore into, a new one or an empty one; without it, one of the dump's own name."""
    only: tuple[Text, ...] = ()
    """Collections, by name; without it, all of the database."""


def _into(params: RestoreDump, target: Target) -> str | None:
    return params.into or params.database


def _by_hand(params: RestoreDump) -> str:
    return restore_dump_by_hand(params.path, database=params.database, into=params.into, only=params.only)


@action(
    "mongo.restore_dump",
    effect="write",
    repeatable=True,
    targets=("mongo",),
    resource=_into,
    outputs={
        "database": "The database that was restored into.",
        "documents": "How many documents it holds.",
        "size_bytes": "How many bytes of BSON these are.",
        "digest": "Their digest, independent of order.",
    },
    by_hand=_by_hand,
)
def restore_dump(params: RestoreDump, context: Context) -> Result:
    """Restore a dump of stock mongodump: a directory or an archive, plain or gzipped, with its oplog where it has one.

    All of it is read once before anything is written, every check sum with it: of a damaged dump nothing is restored.
    An oplog is folded in, not replayed. Every document is read back and compared. Users and roles, and the databases
    of the server itself, are left out, and said. Where the dump is that of a base in a directory of backups, retention
    deletes nothing there meanwhile; one that was never finished is refused.
    """
    path = Path(params.path).expanduser()
    with _kept(path, context) as unprotected:
        result = _restore(params, path, context)
    return replace(result, lines=(*result.lines, *unprotected))


@contextmanager
def _kept(path: Path, context: Context) -> Iterator[tuple[str, ...]]:
    """Keep retention from the base that a dump is of, where it lies in a directory with backups of drx.

    Raises PermanentError for a base that was never finished: the dump alone does not show that it is not whole.
    """
    from drx.backup.format.catalog import MANIFEST, PROGRESS
    from drx.backup.stores import open_store
    from drx.backup.stores.base import DirectoryAddress

    path = path.resolve()
    for base in (path, *path.parents):
        finished = (base / MANIFEST).is_file()
        if base.parent.name == "base" and (finished or (base / PROGRESS).is_file()):
            if not finished:
                raise PermanentError(f"{base} is a base that was never finished", "Restore from another one")
            service = base.parent.parent
            with in_use(context, open_store(DirectoryAddress(service.parent)), service.name) as unprotected:
                yield unprotected
            return
    yield ()


def _restore(params: RestoreDump, path: Path, context: Context) -> Result:
    from drx.backup.restore import restore_from
    from drx.backup.stock.opening import open_dump
    from drx.backup.stock.restoring import StockSource, plan_of
    from drx.backup.verify import verify_restored

    examined = call_blocking(context, lambda: _examine(open_dump(path), context), lambda: None)
    database = _chosen(examined, params.database)
    into = user_database(params.into or database)
    plans = plan_of(examined, database, params.only)

    def work(client: "MongoClient[dict[str, Any]]") -> "Restored":
        resumed = claim(client, into, context)
        restored = restore_from(
            client, StockSource(examined, database), plans, into=into, resumed=resumed,
            progress=context.progress, cancelled=context.cancelled,
        )  # fmt: skip
        prove(verify_restored(client, restored, progress=silent, cancelled=context.cancelled), into)
        return restored

    mongo_target(context)
    return _result(with_mongo(context, work, long=True), examined, database)


def _examine(dump: "Dump", context: Context) -> "Examined":
    from drx.backup.stock.dump import examine

    read = 0

    def told(count: int) -> None:
        nonlocal read
        read += count
        context.progress(read, None, "documents checked")

    return examine(dump, told, context.check)


def _chosen(examined: "Examined", named: str | None) -> str:
    """Give the database to restore; raises PermanentError where it is not clear or not there."""
    from drx.backup.stock.restoring import databases

    held = databases(examined)
    if named is not None and named in held:
        return named
    there = f"It holds {', '.join(held)}" if held else "It holds no database at all"
    where = examined.dump.name
    if named is not None:
        raise PermanentError(f"{where} holds no database {named}", there)
    if len(held) != 1:
        raise PermanentError(f"{where} does not hold one database, so name the one that is meant", there)
    return held[0]


def _result(restored: "Restored", examined: "Examined", database: str) -> Result:
    digest, dump = restored.digest, examined.dump
    outputs: dict[str, Json] = {
        "database": restored.database,
        "documents": digest.count,
        "size_bytes": digest.size_bytes,
        "digest": f"{digest.total:032x}",
    }
    lines = [f"{found.name}: {found.digest.count:,} documents" for found in restored.collections if not found.type]
    if dump.left_out:
        lines.append(f"left out, since they belong to the server: {', '.join(dump.left_out)}")
    return Result(outputs, (f"{database} of {dump.name} into {restored.database}", *lines[-19:]))
