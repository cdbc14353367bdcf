"""Tell whose oplog is read: what one server writes continues nothing that another one wrote. Only reads."""

from typing import Any
from uuid import UUID

from pymongo import MongoClient
from pymongo.errors import OperationFailure

_COMMAND_NOT_FOUND = 59


def oplog_mark(client: MongoClient[dict[str, Any]]) -> str | None:
    """Name the replica set that writes this oplog, the same from each of its members; None where it does not tell.

    A server that knows of no replica set's configuration has the UUID of its oplog for it; a member of a real set has
    a UUID of its own there, which says nothing. Raises PyMongoError where the server does not answer.
    """
    try:
        settings = client.admin.command("replSetGetConfig")["config"].get("settings", {})
        return f"replicaSetId:{settings['replicaSetId']}" if "replicaSetId" in settings else None
    except OperationFailure as error:
        if error.code != _COMMAND_NOT_FOUND:  # the user may not ask
            return None
    try:
        found = next(client["local"].list_collections(filter={"name": "oplog.rs"}), {})
    except OperationFailure:
        return None
    uuid = found.get("info", {}).get("uuid")
    return f"oplog.rs:{UUID(bytes=bytes(uuid))}" if uuid else None


def may_continue(one: str | None, other: str | None) -> bool:
    """Tell whether two pieces of oplog may be of one server; where a mark is unknown, nothing speaks against it."""
    return one is None or other is None or one == other
