"""Names and digests of raw BSON documents, as the ledger writes them. Changes nothing."""

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bson import CodecOptions, json_util
from bson.raw_bson import RawBSONDocument

if TYPE_CHECKING:
    from pymongo.database import Database

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


def read_digests(database: "Database[dict[str, object]]", collection: str) -> Iterator[tuple[str, str]]:
    """`_id` and digest of every document that a collection really holds."""
    for document in database[collection].with_options(codec_options=RAW).find({}, batch_size=5000):
        raw = bytes(document.raw)
        yield name_of(raw), sha256(raw)
