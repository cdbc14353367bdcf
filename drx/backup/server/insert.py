"""Insert raw documents byte for byte, each once, however often the same batch is sent. Writes to the target only."""

from collections.abc import Mapping, Sequence
from typing import Any

from bson.raw_bson import RawBSONDocument
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import AutoReconnect

from drx.backup.format.documents import id_element, split
from drx.backup.format.members import show_id
from drx.backup.server.cursor import RAW
from drx.backup.server.scan import failures
from drx.errors import StepError

_DUPLICATE_KEY = 11000


def insert(database: Database[Any], name: str, batch: Sequence[bytes]) -> None:
    """Insert one batch, in order; a document that is there already with equal bytes counts as inserted.

    Raises StepError when the server refuses a document, or holds another one with its `_id`.
    """
    with failures(f"inserting into {database.name}.{name}"):
        try:
            reply = _send(database, name, batch)
        except AutoReconnect:  # part of it may have landed: sending it again tells
            reply = _send(database, name, batch)
        if "writeConcernError" in reply:
            text = reply["writeConcernError"].get("errmsg", "")
            raise StepError(f"{database.name}.{name}: not written to a majority: {text}", "Check the replica set")
        duplicates = []
        for error in reply.get("writeErrors", ()):
            document = batch[error["index"]]
            if error["code"] != _DUPLICATE_KEY:
                text = str(error.get("errmsg", ""))[:300]
                raise StepError(
                    f"the server refuses {show_id(document)} in {database.name}.{name}: {text}",
                    "Check that the server's version is not older than the backup's",
                )
            duplicates.append(document)
        if duplicates:
            _compare(database.get_collection(name, codec_options=RAW), duplicates)


def _send(database: Database[Any], name: str, batch: Sequence[bytes]) -> Mapping[str, Any]:
    reply: Mapping[str, Any] = database.command(
        {
            "insert": name,
            "documents": [RawBSONDocument(document) for document in batch],
            "ordered": False,
            "bypassDocumentValidation": True,  # the source holds them, so they are to be restored
            "writeConcern": {"w": "majority"},
        }
    )
    return reply


def _compare(collection: Collection[Any], documents: Sequence[bytes]) -> None:
    ids = [RawBSONDocument(document, RAW)["_id"] for document in documents]
    there = {
        id_element(found): found
        for batch in collection.find_raw_batches({"_id": {"$in": ids}})
        for found in split(batch)
    }
    for document in documents:
        if there.get(id_element(document)) != document:
            raise StepError(
                f"{collection.full_name} already holds another document in the place of {show_id(document)}",
                "Restore into an empty database",
            )
