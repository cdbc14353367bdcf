"""Inserting raw documents: batches that fit, each document once, and refusals that name the document."""

from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import MongoClient
from pymongo.database import Database

from drx.backup.format.batches import batches_of
from drx.backup.server.insert import insert
from drx.errors import StepError
from tests import servers

MEGABYTE = 1 << 20
Db = Database[dict[str, Any]]


def test_the_largest_documents_arrive(database: Db) -> None:
    documents = [bson.encode({"_id": number, "pad": b"x" * (7 * MEGABYTE)}) for number in range(3)]
    documents.append(bson.encode({"_id": 9, "pad": b"x" * (16 * MEGABYTE - 40)}))
    for batch in batches_of(documents, len):
        insert(database, "big", batch)
    assert database.big.count_documents({}) == 4


def test_sending_a_batch_twice_is_no_harm_but_another_document_is(database: Db) -> None:
    documents = [bson.encode({"_id": number, "n": 1}) for number in range(5)]
    insert(database, "c", documents[:3])
    insert(database, "c", documents)
    assert database.c.count_documents({}) == 5
    with pytest.raises(StepError, match=r'another document in the place of \{"\$numberInt": "4"\}'):
        insert(database, "c", [documents[0], bson.encode({"_id": 4, "n": 1.0})])


def test_a_taken_unique_value_is_not_mistaken_for_the_same_document(database: Db) -> None:
    database.c.create_index("n", unique=True)
    insert(database, "c", [bson.encode({"_id": 1, "n": 1})])
    with pytest.raises(StepError, match="another document in the place of"):
        insert(database, "c", [bson.encode({"_id": 2, "n": 1})])


def test_documents_that_a_validator_would_refuse_are_restored(database: Db) -> None:
    database.create_collection("c", validator={"n": {"$gt": 0}})
    insert(database, "c", [bson.encode({"_id": 1, "n": -1})])
    assert database.c.count_documents({}) == 1


@pytest.mark.slow
def test_a_connection_that_breaks_loses_and_doubles_nothing(tmp_path: Path) -> None:
    failure = {"failCommands": ["insert"], "closeConnection": True}
    fail = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": failure}
    with servers.mongo(tmp_path, "--enable-test-commands") as uri, MongoClient[dict[str, Any]](uri) as client:
        client.admin.command(fail)
        insert(client["d"], "c", [bson.encode({"_id": number}) for number in range(5)])
        assert client["d"].c.count_documents({}) == 5


def test_a_server_that_is_gone_is_named() -> None:
    with (
        MongoClient[dict[str, Any]]("mongodb://127.0.0.1:1/", serverSelectionTimeoutMS=50) as client,
        pytest.raises(StepError, match=r"inserting into d\.c"),
    ):
        insert(client["d"], "c", [bson.encode({"_id": 1})])
