"""A database with a store, for tests of actions that back up, restore and verify."""

from datetime import timedelta
from typing import Any

from pymongo.database import Database

from drx.config import MongoTarget, Retention, Target
from drx.secrets import Secret

Documents = Database[dict[str, Any]]


RETENTION = Retention(timedelta(days=7), 30, 8, 12, 0, 3)


def target_of(uri: str, database: str, **more: Any) -> Target:
    return Target("sandbox", "pixelcraft", sandbox=True, mongo=MongoTarget(Secret(uri), database), **more)


def fill(database: Documents, count: int = 300) -> None:
    database.images.insert_many([{"_id": number, "views": 0, "key": f"k{number}"} for number in range(count)])
    database.images.create_index([("views", 1)], name="views")
    database.users.insert_many([{"_id": number} for number in range(20)])


def contents(database: Documents) -> dict[str, list[dict[str, Any]]]:
    return {name: list(database[name].find(sort=[("_id", 1)])) for name in sorted(database.list_collection_names())}
