"""Connect to the environment's database and backup store, and say in words why that failed. Drivers load in use."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from drx.actions.base import Context
from drx.actions.blocking import call_blocking
from drx.config import MongoTarget
from drx.config.target import PRIMARY, BackupTarget, BucketStore, StoreTarget
from drx.errors import PermanentError, StepError, UsageError

if TYPE_CHECKING:
    from pymongo import MongoClient

    from drx.backup.stores.base import DirectoryAddress, S3Address, Store

_T = TypeVar("_T")
_ANSWER_MS = 5000
_BUSY_MS = 30_000
"""A server under a dump or a restore is slow to say that it is well; what it does meanwhile is not to be broken off."""
_SYSTEM_DATABASES = frozenset(("admin", "config", "local"))


def mongo_target(context: Context) -> MongoTarget:
    """Give the environment's database.

    Raises StepError where it has none.
    """
    if context.target.mongo is None:
        raise StepError(f"'{context.target.name}' has no database", "State mongo of this environment in drx.yaml")
    return context.target.mongo


def user_database(name: str) -> str:
    """Let a database's name pass, unless it is one of the server's own or cannot be one.

    Raises StepError.
    """
    if name in _SYSTEM_DATABASES:
        raise StepError(f"'{name}' is a database of the server itself", "Name a database of the application")
    if not name or len(name.encode()) > 63 or set(name) & set('/\\. "$*<>:|?\0'):
        raise StepError(f"'{name}' cannot be the name of a database", "Use at most 63 letters, digits, - and _")
    return name


def with_mongo(context: Context, work: "Callable[[MongoClient[dict[str, Any]]], _T]", *, long: bool = False) -> _T:
    """Give what `work` makes of a client of the environment's database server.

    `work` is broken off when the step has to stop. Without `long`, a command may take 30 seconds. Raises StepError in
    words, without secrets.
    """
    from pymongo.errors import PyMongoError

    from drx.backup.server.connection import connect, explain, hosts_of

    uri = mongo_target(context).uri.reveal()
    client = connect(
        uri,
        serverSelectionTimeoutMS=_ANSWER_MS,
        connectTimeoutMS=_BUSY_MS if long else _ANSWER_MS,
        socketTimeoutMS=None if long else _BUSY_MS,
        tz_aware=True,
        appname="drx",
    )
    try:
        with client:
            return call_blocking(context, lambda: work(client), client.close)
    except (PyMongoError, ValueError) as error:
        message, remedy = explain(error, hosts_of(uri))
        raise StepError(context.mask(message), remedy) from None


def backup_store(context: Context, name: str = PRIMARY) -> "Store":
    """Open the store that backups are written to and restored from, or the copy of it that is named.

    Raises StepError where the environment has none, or none of that name.
    """
    from drx.backup.stores import open_store

    try:
        return open_store(address_of(backup_stores(context).find(name)[1]))
    except UsageError as error:
        raise PermanentError(error.message, error.remedy) from None


def backup_stores(context: Context) -> BackupTarget:
    """Give the stores of the environment.

    Raises StepError where it has none.
    """
    if context.target.backups is None:
        raise StepError(f"'{context.target.name}' has no backup store", "State backups.primary in drx.yaml")
    return context.target.backups


def address_of(store: StoreTarget, *, hurried: bool = False) -> "S3Address | DirectoryAddress":
    """Name a configured store as the backup modules do; `hurried` for commands that only look."""
    from drx.backup.stores.base import DirectoryAddress, S3Address

    if not isinstance(store, BucketStore):
        return DirectoryAddress(store.path)
    return S3Address(
        bucket=store.bucket,
        prefix=store.prefix,
        region=store.region,
        endpoint=store.endpoint,
        owner=store.owner,
        access_key_id=store.access_key_id,
        secret_access_key=store.secret_access_key.reveal() if store.secret_access_key else None,
        hurried=hurried,
    )
