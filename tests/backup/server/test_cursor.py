"""Documents out of raw replies: from a real server, and out of arrays that are none."""

from typing import Any

import pytest
from bson import encode
from pymongo.database import Database
from pymongo.errors import OperationFailure

from drx.backup.format.documents import DamagedDocument, split
from drx.backup.server.cursor import array_documents, read_raw

Db = Database[dict[str, Any]]


def test_every_document_comes_once_in_batches_as_large_as_asked(database: Db) -> None:
    database.images.insert_many({"_id": number, "text": "x" * number} for number in range(250))
    batches = list(read_raw(database, {"find": "images", "batchSize": 100}))
    assert [len(batch) for batch in batches] in ([100, 100, 50], [100, 100, 50, 0])
    source: Database[Any] = database
    there = [raw for batch in source.images.find_raw_batches() for raw in split(batch)]
    assert [document for batch in batches for document in batch] == there
    assert [batch for batch in read_raw(database, {"find": "none", "batchSize": 5}) if batch] == []


def test_a_cursor_that_is_left_is_closed(database: Db) -> None:
    database.images.insert_many({"_id": number} for number in range(50))
    reading = read_raw(database, {"find": "images", "batchSize": 5})
    assert len(next(reading)) == 5
    reading.close()
    with pytest.raises(OperationFailure, match="sort"):
        list(read_raw(database, {"find": "images", "batchSize": 5, "sort": 3}))


def test_an_array_of_something_else_is_damage() -> None:
    documents = [encode({"n": number}) for number in range(120)]
    raw = encode({"a": [{"n": number} for number in range(120)]})
    start, end = 7, len(raw) - 1
    assert array_documents(raw, start, end) == documents
    for damaged in (
        encode({"a": [{}, 5]}), encode({"a": ["text"]}), raw[: len(raw) // 2] + b"\0\0", raw[:14] + b"\xff" + raw[15:],
    ):  # fmt: skip
        with pytest.raises(DamagedDocument):
            array_documents(damaged, start, len(damaged) - 1)
