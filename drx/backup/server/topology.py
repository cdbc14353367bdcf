"""Tell what kind of server answers, and refuse one that cannot be backed up through here. Only reads."""

from collections.abc import Mapping
from typing import Any

from bson import Timestamp
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from drx.errors import PermanentError

_ROUTER = "isdbgrid"
_WITHHELD = 8000  # AtlasError


def keeps_oplog(client: MongoClient[dict[str, Any]]) -> bool:
    """Tell a member of a replica set from a server that stands alone, or whose oplog is withheld (Atlas, shared).

    Raises PermanentError for a mongos, PyMongoError where the server does not answer.
    """
    hello = client.admin.command("hello")
    refuse_router(hello)
    if "setName" not in hello:
        return False
    try:
        client["local"].list_collection_names(filter={"name": "oplog.rs"})  # reading it takes seconds on some servers
    except OperationFailure as error:
        return not (error.code == _WITHHELD and "local" in str(error))
    return True


def refuse_router(hello: Mapping[str, Any]) -> None:
    """Refuse a mongos, whose answer this is: what it shows is no state of all shards at one moment.

    Raises PermanentError.
    """
    if hello.get("msg") == _ROUTER:
        raise PermanentError(
            "the server is a mongos: a sharded cluster has no state of one moment that could be read through it",
            "Back it up by its own tools, such as its provider's snapshots: a runbook can call them by shell.run",
        )


def clock_of(client: MongoClient[dict[str, Any]]) -> Timestamp:
    """Ask what time it is there, as a server without an oplog tells it."""
    return Timestamp(int(client.admin.command("hello")["localTime"].timestamp()), 1)
