"""Look at, restore and drop databases on the environment's MongoDB server. Drivers are imported in use."""

import json
from typing import TYPE_CHECKING, Any

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.by_hand.mongosh import collection_by_hand, mongosh, query_by_hand
from drx.actions.counting import Bounds, judge
from drx.actions.servers import mongo_target, user_database, with_mongo
from drx.actions.words import SCRATCH
from drx.config import Target
from drx.errors import StepError
from drx.fields import Text
from drx.values import Json

if TYPE_CHECKING:
    from pymongo import MongoClient

_LARGEST_ANSWER = 1 << 15


@action(
    "mongo.ping",
    effect="read",
    repeatable=True,
    targets=("mongo",),
    outputs={"version": "Version of the server.", "primary": "Whether it takes writes."},
    by_hand=lambda _: 'mongosh "$MONGO_URI" --quiet --eval "db.runCommand({ping: 1})"',
)
def ping(params: Params, context: Context) -> Result:
    """See whether the database server answers."""

    def ask(client: "MongoClient[dict[str, Any]]") -> dict[str, Json]:
        client.admin.command("ping")
        hello = client.admin.command("hello")
        return {"version": str(client.server_info()["version"]), "primary": bool(hello.get("isWritablePrimary"))}

    return Result(with_mongo(context, ask))


class Selection(Params):
    collection: Text
    """Collection to look at."""
    database: Text | None = None
    """Its database; without it, the application's."""
    filter: dict[str, object] = Field(default_factory=dict)
    """Which documents, as a MongoDB query in Extended JSON; without it, all."""


class Count(Selection, Bounds):
    pass


def _count_by_hand(params: Count) -> str:
    collection = collection_by_hand(params.database, params.collection)
    return mongosh(f"{collection}.countDocuments({query_by_hand(params.filter)})")


@action(
    "mongo.count",
    effect="read",
    repeatable=True,
    targets=("mongo",),
    outputs={"count": "How many documents there are."},
    by_hand=_count_by_hand,
)
def count(params: Count, context: Context) -> Result:
    """Count documents, and fail where there are fewer or more than expected.

    A collection that does not exist holds none.
    """
    database = params.database or mongo_target(context).database
    found = with_mongo(
        context, lambda client: client[database][params.collection].count_documents(read_query(params.filter))
    )
    return judge(params, found, f"{database}.{params.collection} holds", "documents")


class Query(Selection):
    sort: dict[str, int] = Field(default_factory=dict)
    """Fields to sort by: 1 upwards, -1 downwards."""
    fields: tuple[str, ...] = ()
    """Fields to give; without it, all."""
    limit: int = Field(default=1, ge=1, le=20)
    """How many documents at most."""
    at_least: int = Field(default=1, ge=0)
    """Fail where fewer are found."""


def _query_by_hand(params: Query) -> str:
    collection = collection_by_hand(params.database, params.collection)
    return mongosh(f"{collection}.find({query_by_hand(params.filter)}).limit({params.limit})")


@action(
    "mongo.query",
    effect="read",
    repeatable=True,
    targets=("mongo",),
    outputs={"documents": "The documents, as relaxed Extended JSON.", "first": "The first of them, or null."},
    by_hand=_query_by_hand,
)
def query(params: Query, context: Context) -> Result:
    """Fetch a few documents, for later steps to use.

    They stand in the journal: ask only for fields that may be read by everybody who reads the report.
    """
    database = params.database or mongo_target(context).database

    def find(client: "MongoClient[dict[str, Any]]") -> list[dict[str, Any]]:
        cursor = client[database][params.collection].find(
            read_query(params.filter),
            list(params.fields) or None,
            sort=list(params.sort.items()) or None,
            limit=params.limit,
        )
        return list(cursor)

    from bson.json_util import RELAXED_JSON_OPTIONS, dumps

    text = dumps(with_mongo(context, find), json_options=RELAXED_JSON_OPTIONS)
    if len(text) > _LARGEST_ANSWER:
        raise StepError(f"the documents are too large for the journal: {len(text):,} bytes", "Ask for fewer `fields`")
    documents = json.loads(text)
    if len(documents) < params.at_least:
        raise StepError(f"{database}.{params.collection} holds {len(documents)} such documents, not {params.at_least}")
    return Result({"documents": documents, "first": documents[0] if documents else None})


def read_query(filter_: dict[str, object]) -> dict[str, Any]:
    """Read a filter's Extended JSON: `{_id: {$oid: ...}}`.

    Raises StepError where it is none.
    """
    from bson.json_util import loads

    try:
        read: dict[str, Any] = loads(json.dumps(filter_))
    except (TypeError, ValueError) as error:
        raise StepError(f"the filter is no Extended JSON: {error}", 'Write it like {"size": {"$gt": 100}}') from None
    return read


class DropDatabase(Params):
    database: Text
    """Database to drop."""


def _database(params: DropDatabase, target: Target) -> str:
    return params.database


def _drop_database_by_hand(params: DropDatabase) -> str:
    return mongosh(f"db.getSiblingDB({json.dumps(params.database)}).dropDatabase()")


@action(
    "mongo.drop",
    effect="destroy",
    repeatable=True,
    targets=("mongo",),
    resource=_database,
    by_hand=_drop_database_by_hand,
)
def drop(params: DropDatabase, context: Context) -> Result:
    """Drop a whole database; one that is not there is dropped already.

    Outside drills it has to be one that the run created, or a person has to type its name.
    """
    name = user_database(params.database)
    with_mongo(context, lambda client: client.drop_database(name), long=True)
    return Result(lines=(f"dropped {name}",))


@action(
    "mongo.drop_created",
    effect="write",
    repeatable=True,
    targets=("mongo",),
    resource=_database,
    by_hand=_drop_database_by_hand,
)
def drop_created(params: DropDatabase, context: Context) -> Result:
    """Drop a database if this run created it; else there is nothing to drop. For rollbacks.

    One that was there before the run stays as it is, whatever its name.
    """
    name = user_database(params.database)
    if ("mongo", name) not in context.created:
        return Result(lines=(f"nothing to drop: this run did not create {name}",))
    return drop(params, context)


def _drop_scratch_by_hand() -> str:
    chosen = f"db.getMongo().getDBNames().filter(name => name.startsWith({json.dumps(SCRATCH)}))"
    drop = mongosh(f"{chosen}.forEach(name => db.getSiblingDB(name).dropDatabase())")
    return f"# once no other run needs its own:\n{drop}"


@action(
    "mongo.drop_scratch",
    effect="write",
    repeatable=True,
    targets=("mongo",),
    outputs={"dropped": "Names of the databases.", "others": "Scratch databases that other runs left; they stay."},
    by_hand=lambda _: _drop_scratch_by_hand(),
)
def drop_scratch(params: Params, context: Context) -> Result:
    """Drop the scratch databases that this run created: those whose names begin with `drx_scratch_`.

    A database restored under another name stays: it may be the one in use by now. Those of other runs stay, too, and
    are named: they are in use, or their run was killed, and `drx resume` of it drops them.
    """
    names = sorted(name for target, name in context.created if target == "mongo" and name.startswith(SCRATCH))

    def drop_all(client: "MongoClient[dict[str, Any]]") -> list[str]:
        for name in names:
            context.check()
            client.drop_database(name)
        return sorted(name for name in client.list_database_names() if name.startswith(SCRATCH) and name not in names)

    others = with_mongo(context, drop_all, long=True)
    lines = (*(f"dropped {name}" for name in names), *(f"another run's, and left: {name}" for name in others))
    return Result({"dropped": list(names), "others": list(others)}, lines)
