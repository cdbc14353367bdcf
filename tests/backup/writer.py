"""Somebody who writes to a database while it is backed up."""

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError


@contextmanager
def writing(database: Database[dict[str, Any]], seed: int) -> Iterator[None]:
    """Insert, change and delete documents, drop and make collections, until the block ends."""
    stop, choose = threading.Event(), random.Random(seed)

    def write() -> None:
        while not stop.wait(0.002):
            name, number = choose.choice("abcdef"), choose.randrange(400)
            try:
                match choose.randrange(40):
                    case 0:
                        database[name].drop()
                    case 1:
                        database[name].create_index(choose.choice(["text", "n"]))
                    case kind if kind < 20:
                        database[name].replace_one({"_id": number}, {"text": os.urandom(9).hex()}, upsert=True)
                    case kind if kind < 32:
                        database[name].update_one({"_id": number}, {"$inc": {"n": 1}})
                    case _:
                        database[name].delete_one({"_id": number})
            except PyMongoError:
                continue

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()
