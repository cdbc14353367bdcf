"""Cut raw BSON into documents and elements by their length fields; never decodes a value and never alters a byte.

Format: https://bsonspec.org/spec.html
"""

from collections.abc import Iterator
from struct import Struct
from typing import TypeVar

from drx.errors import StepError

_Bytes = TypeVar("_Bytes", bytes, memoryview)
_LENGTH = Struct("<i").unpack_from
_SMALLEST_DOCUMENT = 5

_FIXED_SIZES = {
    0x01: 8,  # double
    0x06: 0,  # undefined
    0x07: 12,  # object id
    0x08: 1,  # boolean
    0x09: 8,  # date
    0x0A: 0,  # null
    0x10: 4,  # int32
    0x11: 8,  # timestamp
    0x12: 8,  # int64
    0x13: 16,  # decimal128
    0x7F: 0,  # max key
    0xFF: 0,  # min key
}
# Bytes besides the ones a value's leading length counts.
_PREFIXED_SIZES = {
    0x02: 4,  # string
    0x03: 0,  # document
    0x04: 0,  # array
    0x05: 5,  # binary: length and subtype
    0x0C: 16,  # pointer: length, then an object id
    0x0D: 4,  # code
    0x0E: 4,  # symbol
    0x0F: 0,  # code with scope
}
_REGEX = 0x0B


class DamagedDocument(StepError):
    """Bytes that should be BSON are not; says at which byte."""


def split(batch: _Bytes) -> list[_Bytes]:
    """Cut documents laid end to end, as a raw batch or a .bson file holds them. A memoryview is cut without copying.

    Raises DamagedDocument where a length does not fit.
    """
    documents: list[_Bytes] = []
    append = documents.append
    position, end = 0, len(batch)
    while position < end:
        size = _LENGTH(batch, position)[0] if end - position >= _SMALLEST_DOCUMENT else 0
        stop = position + size
        if size < _SMALLEST_DOCUMENT or stop > end or batch[stop - 1]:
            raise DamagedDocument(f"no whole document begins at byte {position} of {end}")
        append(batch[position:stop])
        position = stop
    return documents


def id_element(document: bytes) -> bytes:
    """Return the type byte and the value bytes of `_id`, as they are; `id_key` tells which are the same.

    Raises DamagedDocument when there is no `_id`.
    """
    if document[5:9] == b"_id\0":  # servers store it first
        kind = document[4]
        return document[4:5] + document[9 : value_end(document, kind, 9)]
    for name, kind, start, end in elements(document):
        if name == b"_id":
            return bytes((kind,)) + document[start:end]
    raise DamagedDocument("a document has no _id")


def id_document(document: bytes) -> bytes:
    """Return a document of nothing but the `_id` of another one."""
    identity = id_element(document)
    return (len(identity) + 9).to_bytes(4, "little") + identity[:1] + b"_id\0" + identity[1:] + b"\0"


def elements(document: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    """Walk the elements of one document: name, type byte, start and end of the value.

    Raises DamagedDocument where the walk leaves the document.
    """
    last = len(document) - 1
    if last < _SMALLEST_DOCUMENT - 1 or _LENGTH(document)[0] != last + 1 or document[last]:
        raise DamagedDocument(f"a document of {len(document)} bytes does not hold its own length")
    find, fixed_size = document.find, _FIXED_SIZES.get
    position = 4
    while position < last:
        kind = document[position]
        name_end = find(b"\0", position + 1, last)
        if name_end < 0:
            raise DamagedDocument(f"a field name does not end, from byte {position + 1}")
        begin = name_end + 1
        size = fixed_size(kind)
        end = value_end(document, kind, begin) if size is None or begin + size > last else begin + size
        yield document[position + 1 : name_end], kind, begin, end
        position = end


def value_end(document: bytes, kind: int, start: int) -> int:
    """Return where the value of type `kind` that begins at `start` ends.

    Raises DamagedDocument for an unknown type or an end outside the document.
    """
    size = _PREFIXED_SIZES.get(kind)
    if size is not None and start + 4 <= len(document):
        length = _LENGTH(document, start)[0]
        end = start + length + size if length >= 0 else len(document)
    elif kind in _FIXED_SIZES:
        end = start + _FIXED_SIZES[kind]
    elif kind == _REGEX:
        pattern_end = document.find(b"\0", start)
        options_end = document.find(b"\0", pattern_end + 1) if pattern_end >= 0 else -1
        end = options_end + 1 if options_end >= 0 else len(document)
    else:
        raise DamagedDocument(f"unknown element type 0x{kind:02x} before byte {start}")
    if end >= len(document):
        raise DamagedDocument(f"a value leaves its document, from byte {start}")
    return end
