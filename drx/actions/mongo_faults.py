"""Strike a database as a disaster would: the faults of drills. The guard keeps them off production."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.by_hand.mongosh import collection_by_hand, mongosh, query_by_hand
from drx.actions.mongo import read_query
from drx.actions.servers import mongo_target, user_database, with_mongo
from drx.actions.words import STRUCK
from drx.config import Target
from drx.errors import StepError
from drx.fields import Text
from drx.units import show_time

if TYPE_CHECKING:
    from pymongo import MongoClient


class Victim(Params):
    collection: Text
    """The collection that it strikes."""
    database: Text | None = None
    """Its database; without it, the application's."""


class DropCollection(Victim):
    pass


class Corrupt(Victim):
    field: Text
    """The field that is rewritten; dots lead into embedded documents."""
    value: str = "corrupted"
    """What stands there afterwards."""
    filter: dict[str, object] = Field(default_factory=dict)
    """Only these documents, as a MongoDB query in Extended JSON; without it, all."""


def _collection(params: Victim, target: Target) -> str | None:
    database = params.database or (target.mongo.database if target.mongo else None)
    return f"{database}.{params.collection}" if database else None


def _drop_by_hand(params: DropCollection) -> str:
    return mongosh(f"{collection_by_hand(params.database, params.collection)}.drop()")


@action(
    "mongo.drop_collection",
    effect="destroy",
    targets=("mongo",),
    resource=_collection,
    outputs={"at": STRUCK, "count": "Documents lost."},
    by_hand=_drop_by_hand,
)
def drop_collection(params: DropCollection, context: Context) -> Result:
    """Drop a collection with all its documents: the fault of a drill.

    A collection that is not there, or empty, is no fault to recover from: the step fails. The collection counts as
    lost from then on, and nothing writes to it again.
    """
    database = user_database(params.database or mongo_target(context).database)

    def strike(client: "MongoClient[dict[str, Any]]") -> tuple[int, datetime]:
        lost = client[database][params.collection].estimated_document_count()  # counting takes time, which ages `at`
        if not lost:
            raise StepError(f"{database}.{params.collection} holds nothing that could be lost", "Seed it first")
        context.check()
        context.lost_resource("mongo", f"{database}.{params.collection}")
        at = datetime.now(UTC)
        client[database].drop_collection(params.collection)
        return lost, at

    lost, at = with_mongo(context, strike, long=True)
    return Result(
        {"at": show_time(at), "count": lost}, (f"dropped {database}.{params.collection}: {lost:,} documents",)
    )


def _corrupt_by_hand(params: Corrupt) -> str:
    change = json.dumps({"$set": {params.field: params.value}})
    query = query_by_hand(params.filter)
    return mongosh(f"{collection_by_hand(params.database, params.collection)}.updateMany({query}, {change})")


@action(
    "mongo.corrupt",
    effect="destroy",
    targets=("mongo",),
    resource=_collection,
    outputs={"at": STRUCK, "count": "Documents rewritten."},
    by_hand=_corrupt_by_hand,
)
def corrupt(params: Corrupt, context: Context) -> Result:
    """Rewrite a field in the documents of a collection, as a bad migration does: the fault of a drill.

    Where nothing would change, it is no fault to recover from: the step fails. The collection counts as lost from then
    on, and nothing is written to it; with a `filter` it does not, so that the bad documents can be put back.
    """
    database = user_database(params.database or mongo_target(context).database)
    query = read_query(params.filter)

    def strike(client: "MongoClient[dict[str, Any]]") -> tuple[int, datetime]:
        collection = client[database][params.collection]
        changing = {params.field: {"$exists": True, "$ne": params.value}}
        if collection.find_one({"$and": [query, changing]}, {"_id": 1}) is None:
            raise StepError(
                f"no document of {database}.{params.collection} would be changed", "Seed it, and name a field it has"
            )
        context.check()
        if not query:
            context.lost_resource("mongo", f"{database}.{params.collection}")
        at = datetime.now(UTC)
        return collection.update_many(query, {"$set": {params.field: params.value}}).modified_count, at

    count, at = with_mongo(context, strike, long=True)
    what = f"rewrote {params.field} in {count:,} documents of {database}.{params.collection}"
    return Result({"at": show_time(at), "count": count}, (what,))
