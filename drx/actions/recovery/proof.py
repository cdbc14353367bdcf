"""Claim what a restore is about to fill, and hold it against what it should be. Drivers load in use."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from drx.actions.base import Context
from drx.errors import PermanentError, StepError

if TYPE_CHECKING:
    from pymongo import MongoClient


def claim(
    client: "MongoClient[dict[str, Any]]",
    into: str,
    context: Context,
    only: Sequence[str] = (),
    *,
    replace: bool = False,
) -> bool:
    """Say that the run creates a database, or some collections of it; True where it has said so before, and goes on.

    With `replace`, what is there gives way first; without it, a database that holds anything is refused.
    """
    resources = [f"{into}.{name}" for name in only] or [into]
    if all(("mongo", resource) in context.created for resource in resources):
        return True
    if replace:
        _drop(client, into, only)
    elif client[into].list_collection_names():
        raise PermanentError(
            f"the database {into} is not empty",
            "Restore into another name, or say replace: true, and type its name when you are asked",
        )
    for resource in resources:
        context.created_resource("mongo", resource)
    return False


def _drop(client: "MongoClient[dict[str, Any]]", into: str, only: Sequence[str]) -> None:
    if not only:
        client.drop_database(into)
    for name in only:
        client[into].drop_collection(name)


def prove(differences: tuple[str, ...], database: str) -> None:
    """Fail where a database is not what it should be; raises StepError with the first differences."""
    if differences:
        more = f" (and {len(differences) - 1} more)" if len(differences) > 1 else ""
        raise StepError(
            f"{database} is not what the backup says: {differences[0]}{more}",
            "Drop it and restore again, from another base or another copy",
            lines=differences[:20],
        )


def silent(done: int, total: int | None, unit: str) -> None:
    """Show no progress: reading back would let the bar run twice."""
