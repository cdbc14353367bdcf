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
    from pymongo import MongoClient
    from pymongo.errors import PyMongoError

    if target.mongo is None:
        yield None
        return
    try:
        with MongoClient[dict[str, Any]](
            target.mongo.uri.reveal(), serverSelectionTimeoutMS=_ANSWER_MS, connectTimeoutMS=_ANSWER_MS, tz_aware=True,
            appname="drx",
        ) as client:  # fmt: skip
            yield client
    except (PyMongoError, ValueError) as error:
        raise StepError(f"the MongoDB server does not answer: {type(error).__name__}", "Check that it runs") from None
