"""Put only the bad documents back, out of a database restored beside: `mongo.copy_documents`. Drivers load in use."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from drx.actions.base import Context, Params, Result, action
from drx.actions.by_hand.mongosh import collection_by_hand, mongosh, query_by_hand
from drx.actions.counting import Bounds, judge
from drx.actions.mongo import read_query
from drx.actions.servers import mongo_target, user_database, with_mongo
from drx.config import Target
from drx.errors import PermanentError, StepError
from drx.fields import Text
from drx.values import Json

if TYPE_CHECKING:
    from pymongo import MongoClient
    from pymongo.collection import Collection

    from drx.backup.put_back import Choice, Difference, Undone

_EXAMPLES = 5
_NONE = "none"


def _read_json(value: object) -> object:
    """Take a query as a person types it, too."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() in ("", _NONE):
        return None
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError('this is no query. Write it like {"sha256": "none"}') from None


_QUERY = WithJsonSchema({"anyOf": [{"type": "object"}, {"type": "string"}, {"type": "null"}]})


class Place(Params):
    source: Text
    """The database that was restored beside the one in use: it holds the documents as they were."""
    collection: Text
    """The collection, in both."""


class Chosen(Place):
    damaged: Annotated[dict[str, object] | None, BeforeValidator(_read_json), _QUERY] = None
    """Which documents in use are bad, as a MongoDB query in Extended JSON, such as `{"sha256": "none"}`: replaced
    where they differ from the restored ones. `{}` is all of them. Without it, or with `none`, nothing is replaced."""
    gone: bool = True
    """Bring back documents that are no longer there."""
    filter: dict[str, object] = Field(default_factory=dict)
    """Only these of the restored documents, as a query."""


class Compare(Chosen, Bounds):
    pass


class Copy(Chosen):
    keep_in: Text
    """Database for what is replaced: a new one, which stays for whoever has to look into it, and for the rollback."""
    at_most: int | None = Field(default=None, ge=0)
    """Change nothing where more documents than this would be written: what the people who agreed were told."""


class Undo(Place):
    keep_in: Text
    """The database that keeps what was replaced."""


def _collection(params: Place, target: Target) -> str | None:
    return f"{target.mongo.database}.{params.collection}" if target.mongo else None


def _each_by_hand(params: Chosen, then: str) -> str:
    source, live = collection_by_hand(params.source, params.collection), collection_by_hand(None, params.collection)
    damaged = params.damaged if isinstance(params.damaged, dict) else str(params.damaged)
    query = query_by_hand(damaged)
    bad = f"live.countDocuments({{$and: [{{_id: good._id}}, {query}]}})"
    conditions = [*(["!old"] if params.gone else []), *([f"(old && {bad})"] if params.damaged is not None else [])]
    none = f"{_NONE} = {{$nor: [{{}}]}}, " if str(damaged).startswith("$") else ""  # the answer may be none
    return mongosh(
        f"const {none}live = {live}; {source}.find({query_by_hand(params.filter)}).forEach(good => {{ "
        f"const old = live.findOne({{_id: good._id}}); if ({' || '.join(conditions) or 'false'}) {{ {then} }} }})"
    )


def _compare_by_hand(params: Compare) -> str:
    return _each_by_hand(params, "print(EJSON.stringify(good), old ? EJSON.stringify(old) : null)")


def _copy_by_hand(params: Copy) -> str:
    keep, absent = _kept_by_hand(params.keep_in, params.collection)
    note = f"if (old) {keep}.insertOne(old); else {absent}.insertOne({{_id: good._id}})"
    return _each_by_hand(params, f"{note}; live.replaceOne({{_id: good._id}}, good, {{upsert: true}})")


def _kept_by_hand(database: str, collection: str) -> tuple[str, str]:
    """Where lies what was replaced, and where the names of those that were not there."""
    return collection_by_hand(database, collection), collection_by_hand(database, f"{collection}.absent")


def _undo_by_hand(params: Undo) -> str:
    keep, absent = _kept_by_hand(params.keep_in, params.collection)
    live = collection_by_hand(None, params.collection)
    return mongosh(
        f"{keep}.find().forEach(old => {live}.replaceOne({{_id: old._id}}, old)); "
        f"{absent}.find().forEach(old => {live}.deleteOne({{_id: old._id}}))"
    )


@action(
    "mongo.compare_documents",
    effect="read",
    repeatable=True,
    targets=("mongo",),
    outputs={
        "count": "How many documents would be put back.",
        "damaged": "How many of these are bad: they would be replaced.",
        "gone": "How many are no longer there.",
        "unmatched": "Bad documents that the restored database does not hold, and that nothing mends.",
        "examples": "The `_id` of some, as Extended JSON.",
    },
    by_hand=_compare_by_hand,
)
def compare_documents(params: Compare, context: Context) -> Result:
    """Count which documents in use are bad or gone, against a database restored beside: before they are put back.

    Other documents may differ as they like; what people wrote since then is no damage.
    """
    from drx.backup.put_back import differences

    def work(client: "MongoClient[dict[str, Any]]") -> tuple[int, int, int, list[object]]:
        good, live = _both(client, params, context)
        damaged = gone = 0
        examples: list[object] = []
        for each in differences(good, live, _choice(params)):
            context.check()
            damaged, gone = damaged + (each.live is not None), gone + (each.live is None)
            if len(examples) < _EXAMPLES:
                examples.append(each.name)
        return damaged, gone, _unmatched(good, live, params), examples

    damaged, gone, unmatched, examples = with_mongo(context, work, long=True)
    name = f"{mongo_target(context).database}.{params.collection}"
    judged = judge(params, damaged + gone, f"{name} has", "documents to put back")
    outputs: dict[str, Json] = {"damaged": damaged, "gone": gone, "unmatched": unmatched, "examples": _shown(examples)}
    more = (f"{unmatched:,} bad documents are not in {params.source}",) if unmatched else ()
    return Result({**judged.outputs, **outputs}, (f"{name}: {damaged:,} bad, {gone:,} gone", *more))


@action(
    "mongo.copy_documents",
    effect="write",
    repeatable=True,
    targets=("mongo",),
    resource=_collection,
    destroys=lambda params: params.damaged is not None,
    outputs={"count": "How many documents were written.", "kept_in": "The database with what they replaced."},
    by_hand=_copy_by_hand,
)
def copy_documents(params: Copy, context: Context) -> Result:
    """Put bad or lost documents back, out of a database restored beside, and leave all others as they are.

    What is replaced is kept first, byte for byte, in another database. Afterwards both are compared: a document that is
    not as it was restored is a failure. Outside drills, a person types the collection's name before anything is
    replaced. Let nothing else write to these documents meanwhile.
    """
    from drx.backup.put_back import differences, put_back

    def work(client: "MongoClient[dict[str, Any]]") -> int:
        good, live = _both(client, params, context)
        choice = _choice(params)
        _judge_number(sum(1 for _ in _checked(context, differences(good, live, choice))), params, live.full_name)
        _claim(client, params.keep_in, context)
        count = put_back(differences(good, live, choice), live, client[params.keep_in], context.check)
        if left := sum(1 for _ in _checked(context, differences(good, live, choice))):
            raise StepError(
                f"{left:,} documents of {live.full_name} are not as they were restored: something else writes there",
                "Stop it, then run the step again",
            )
        return count

    count = with_mongo(context, work, long=True)
    where = f"{mongo_target(context).database}.{params.collection}"
    lines = (f"put {count:,} documents back into {where}; what they replaced is in {params.keep_in}",)
    return Result({"count": count, "kept_in": params.keep_in}, lines)


@action(
    "mongo.undo_copy",
    effect="write",
    repeatable=True,
    targets=("mongo",),
    resource=_collection,
    outputs={"replaced": "Documents that are as before again.", "removed": "Documents that were taken out again."},
    by_hand=_undo_by_hand,
)
def undo_copy(params: Undo, context: Context) -> Result:
    """Undo `mongo.copy_documents` of this run: what it replaced comes back, what it added goes. For rollbacks.

    Documents that somebody changed since then stay as they are, and fail the step: a person has to decide. Where this
    run put nothing back, there is nothing to undo.
    """
    from drx.backup.put_back import undo

    if ("mongo", params.keep_in) not in context.created:
        return Result({"replaced": 0, "removed": 0}, ("nothing to undo: this run put nothing back",))

    def work(client: "MongoClient[dict[str, Any]]") -> "Undone":
        good, live = _both(client, params, context)
        return undo(good, live, client[params.keep_in], context.check)

    done = with_mongo(context, work, long=True)
    where = f"{mongo_target(context).database}.{params.collection}"
    if done.left:
        raise StepError(
            f"{done.left:,} documents of {where} were changed since they were put back: they stay as they are",
            f"Compare them with {params.keep_in}.{params.collection} by hand",
        )
    lines = (f"{where}: {done.replaced:,} documents as before, {done.removed:,} taken out again",)
    return Result({"replaced": done.replaced, "removed": done.removed}, lines)


def _both(
    client: "MongoClient[dict[str, Any]]", params: Place, context: Context
) -> "tuple[Collection[dict[str, Any]], Collection[dict[str, Any]]]":
    """Give the restored collection and the one in use."""
    source, own = user_database(params.source), mongo_target(context).database
    if source == own:
        raise PermanentError(f"'{own}' is the database in use", "Name the one that was restored beside it")
    if params.collection not in client[source].list_collection_names():
        raise PermanentError(f"{source} has no collection {params.collection}", "Restore it there first")
    return client[source][params.collection], client[own][params.collection]


def _choice(params: Chosen) -> "Choice":
    from drx.backup.put_back import Choice

    damaged = None if params.damaged is None else read_query(params.damaged)
    return Choice(read_query(params.filter), damaged, params.gone)


def _unmatched(good: "Collection[dict[str, Any]]", live: "Collection[dict[str, Any]]", params: Chosen) -> int:
    """Count bad documents in use that were not restored; of a part of the restored ones, nothing can be said."""
    if params.damaged is None or params.filter:
        return 0
    ids = [each["_id"] for each in live.find(read_query(params.damaged), {"_id": 1})]
    found = sum(good.count_documents({"_id": {"$in": ids[begin : begin + 1000]}}) for begin in range(0, len(ids), 1000))
    return len(ids) - found


def _judge_number(count: int, params: Copy, name: str) -> None:
    if params.at_most is not None and count > params.at_most:
        raise PermanentError(
            f"{count:,} documents of {name} would be written, not {params.at_most:,} at most; nothing was changed",
            "Compare again, and have the new number agreed",
        )


def _claim(client: "MongoClient[dict[str, Any]]", keep_in: str, context: Context) -> None:
    """Say that the run creates the database that keeps what is replaced."""
    name = user_database(keep_in)
    if ("mongo", name) in context.created:
        return
    if client[name].list_collection_names():
        raise PermanentError(
            f"the database {name} is not empty: it may hold what an earlier run replaced",
            "Drop it once nobody needs it, or name another one in `keep_in`",
        )
    context.created_resource("mongo", name)


def _checked(context: Context, found: "Iterator[Difference]") -> "Iterator[Difference]":
    for each in found:
        context.check()
        yield each


def _shown(identifiers: list[object]) -> Json:
    from bson.json_util import RELAXED_JSON_OPTIONS, dumps

    shown: Json = json.loads(dumps(identifiers, json_options=RELAXED_JSON_OPTIONS))
    return shown
