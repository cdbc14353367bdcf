"""Ask an environment's database server something, where it answers at once. Only for commands that can do without."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from drx.config import Target
from drx.errors import StepError

if TYPE_CHECKING:
    from pymongo import MongoClient

_ANSWER_MS = 3000


@contextmanager
def live_server(target: Target) -> "Iterator[MongoClient[dict[str, Any]] | None]":
    """Give a client of the server; None where the environment has none.

    Raises StepError, without secrets, for what the server does not answer.
    """
    from pymongo.errors import PyMongoError

    from drx.backup.server.connection import connect, explain, hosts_of

    if target.mongo is None:
        yield None
        return
    uri = target.mongo.uri.reveal()
    try:
        with connect(
            uri, serverSelectionTimeoutMS=_ANSWER_MS, connectTimeoutMS=_ANSWER_MS, tz_aware=True, appname="drx"
        ) as client:
            yield client
    except PyMongoError as error:
        raise StepError(*explain(error, hosts_of(uri))) from None
