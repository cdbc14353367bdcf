"""Names and digests of raw BSON documents, as the ledger writes them. Changes nothing."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from bson import CodecOptions, json_util
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection

RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)

_OBJECT_ID = b"\x07_id\x00"
_OBJECT_ID_START = 4 + len(_OBJECT_ID)


def sha256(raw: bytes) -> str:
    """Digest of a raw document."""
    return hashlib.sha256(raw).hexdigest()


def name_of(raw: bytes) -> str:
    """The `_id` of a raw document as canonical Extended JSON."""
    if raw.startswith(_OBJECT_ID, 4):  # nearly all of them: no need to decode
        return f'{{"$oid": "{raw[_OBJECT_ID_START : _OBJECT_ID_START + 12].hex()}"}}'
    return json_util.dumps(RawBSONDocument(raw)["_id"], json_options=json_util.CANONICAL_JSON_OPTIONS)


def read_database(uri: str, database: str, check: Callable[[], None]) -> dict[str, dict[str, str]]:
    """Digest of every document that a database really holds, by collection and `_id`.

    `check` is called for every batch and may raise to stop. Raises what pymongo raises.
    """
    with MongoClient[dict[str, object]](uri) as client:
        return {
            collection: _read_collection(client[database][collection], check)
            for collection in client[database].list_collection_names(filter={"type": "collection"})
        }


def read_indexes(uri: str, database: str) -> dict[str, list[Mapping[str, object]]]:
    """Indexes of a database, by collection, as the server describes them. Raises what pymongo raises."""
    with MongoClient[dict[str, object]](uri) as client:
        return {
            collection: list(client[database][collection].list_indexes())
            for collection in client[database].list_collection_names(filter={"type": "collection"})
        }


def _read_collection(collection: Collection[dict[str, object]], check: Callable[[], None]) -> dict[str, str]:
    digests: dict[str, str] = {}
    for batch in collection.find_raw_batches({}, batch_size=5000):
        check()
        for raw in _cut(cast(bytes, batch)):
            digests[name_of(raw)] = sha256(raw)
    return digests


def _cut(batch: bytes) -> Iterator[bytes]:
    """The documents of a batch: each begins with its length, little-endian (bsonspec.org)."""
    start = 0
    while start < len(batch):
        end = start + int.from_bytes(batch[start : start + 4], "little")
        yield batch[start:end]
        start = end
