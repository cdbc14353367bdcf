"""Read documents just as they lie in a server's replies: nothing is decoded, each is copied once. Only reads.

The driver's own raw cursor makes an object of every document before it joins them again, which took as long as
compressing and hashing them together.
"""

from collections.abc import Generator
from contextlib import suppress
from struct import Struct
from typing import Any

from bson import Int64, Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import PyMongoError

from drx.backup.format.documents import DamagedDocument, elements

RAW = CodecOptions(document_class=RawBSONDocument, datetime_conversion=DatetimeConversion.DATETIME_AUTO)
_LENGTH = Struct("<i").unpack_from
_CURSOR_ID = Struct("<q").unpack_from
_DOCUMENT = 0x03


def majority(after: Timestamp | None) -> dict[str, object]:
    """Ask for what a majority has, and wait until that is as new as `after`: a new primary may lag for a moment."""
    return {"level": "majority"} | ({"afterClusterTime": after} if after else {})


def read_raw(database: Database[Any], find: dict[str, Any]) -> Generator[list[bytes], None, None]:
    """Run a `find` command on the primary, or the one member that is connected, and give each reply's documents.

    Raises PyMongoError, and DamagedDocument for a reply that holds no documents.
    """
    more = {"collection": find["find"], "batchSize": find["batchSize"]}
    with database.client.start_session(causal_consistency=False) as session:
        reply = database.command(find, codec_options=RAW, session=session)
        cursor_id, documents = _opened(reply)
        try:
            while cursor_id:
                yield documents
                reply = database.command({"getMore": Int64(cursor_id), **more}, codec_options=RAW, session=session)
                cursor_id, documents = _opened(reply)
            yield documents
        finally:
            if cursor_id:
                with suppress(PyMongoError):  # it ends by itself; what went wrong before counts
                    database.command({"killCursors": find["find"], "cursors": [Int64(cursor_id)]}, session=session)


def _opened(reply: RawBSONDocument) -> tuple[int, list[bytes]]:
    """Take the id of the cursor, 0 at its end, and the documents out of a reply."""
    raw = bytes(reply["cursor"].raw)
    cursor_id, documents = 0, []
    for name, _, start, end in elements(raw):
        if name == b"id":
            (cursor_id,) = _CURSOR_ID(raw, start)
        elif name in (b"firstBatch", b"nextBatch"):
            documents = array_documents(raw, start, end)
    return cursor_id, documents


def array_documents(raw: bytes, start: int, end: int) -> list[bytes]:
    """Cut the documents out of an array of them that lies from `start` to `end`.

    Raises DamagedDocument where something else lies.
    """
    documents: list[bytes] = []
    append, index = documents.append, raw.index
    position, last = start + 4, end - 1
    while position < last:
        begin = index(b"\0", position + 1) + 1  # after the type comes the place in the array, as text
        stop = begin + _LENGTH(raw, begin)[0] if begin + 4 < last else 0
        if raw[position] != _DOCUMENT or not begin + 4 < stop <= last or raw[stop - 1]:
            raise DamagedDocument(f"no document lies at byte {position} of a reply")
        append(raw[begin:stop])
        position = stop
    return documents
