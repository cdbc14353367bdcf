"""Write what mongosh, the stock shell of MongoDB, is told by hand. Runs nothing."""

import json
import shlex


def collection_by_hand(database: str | None, collection: str) -> str:
    """Write a collection as mongosh reads it."""
    shown = json.dumps(database) if database else "process.env.DATABASE"
    return f"db.getSiblingDB({shown}).getCollection({json.dumps(collection)})"


def query_by_hand(query: object) -> str:
    """Write a query in Extended JSON, such as `{_id: {$oid: ...}}`, as mongosh reads it."""
    written = query if isinstance(query, str) else json.dumps(query, default=str)
    return f"EJSON.deserialize({written})" if query else "{}"


def mongosh(script: str) -> str:
    """Write a script as a shell line that runs it."""
    return f'mongosh "$MONGO_URI" --quiet --eval {shlex.quote(script)}'
