"""Tell which values of `_id` a server takes for the same one: numbers count by their value, not by their type. Pure.

Source: the comparison rules of the MongoDB manual. A replacement may change an `_id` from 1 to 1.0, so that the base,
the oplog before it and the oplog after it name one document in different ways.
"""

from decimal import Decimal
from struct import Struct

from bson.decimal128 import Decimal128, create_decimal128_context

from drx.backup.format.documents import elements, id_element

_DOUBLE, _STRING, _DOCUMENT, _ARRAY, _SYMBOL, _INT32, _INT64, _DECIMAL = 0x01, 0x02, 0x03, 0x04, 0x0E, 0x10, 0x12, 0x13
_NOT_UNIQUE = {_DOUBLE, _DOCUMENT, _ARRAY, _SYMBOL, _INT64, _DECIMAL}
"""Types of which a value may have another form; a 32-bit integer is the form that others get."""
_FLOAT, _SHORT, _LONG, _LENGTH = Struct("<d"), Struct("<i"), Struct("<q"), Struct("<i")
_EXACT = create_decimal128_context()
_NOT_A_NUMBER = _FLOAT.pack(float("nan"))


def id_key(document: bytes) -> bytes:
    """Return type byte and value bytes of `_id`, in one form for all that are equal: equal bytes, same document.

    Raises DamagedDocument when there is no `_id`.
    """
    identity = id_element(document)
    if identity[0] not in _NOT_UNIQUE:
        return identity
    kind, value = _unique(identity[0], identity[1:])
    return bytes((kind,)) + value


def _unique(kind: int, value: bytes) -> tuple[int, bytes]:
    match kind:
        case 0x03 | 0x04:
            parts = []
            for name, inner, start, end in elements(value):
                found, raw = _unique(inner, value[start:end])
                parts.append(b"%c%b\0%b" % (found, name, raw))
            body = b"".join(parts)
            return kind, _LENGTH.pack(len(body) + 5) + body + b"\0"
        case 0x0E:
            return _STRING, value
        case 0x12:
            return _integer(_LONG.unpack(value)[0])
        case 0x01:
            return _number(Decimal(_FLOAT.unpack(value)[0]))
        case 0x13:
            return _number(Decimal128.from_bid(value).to_decimal())
    return kind, value


def _number(number: Decimal) -> tuple[int, bytes]:
    """Give a number as an integer where it is one, else as a double where one holds it, else as a decimal."""
    if number.is_nan():
        return _DOUBLE, _NOT_A_NUMBER
    if number.is_finite() and -(1 << 63) <= number < 1 << 63 and number == int(number):
        return _integer(int(number))
    as_double = float(number)
    if Decimal(as_double) == number:
        return _DOUBLE, _FLOAT.pack(as_double)
    return _DECIMAL, Decimal128(number.normalize(_EXACT)).bid


def _integer(number: int) -> tuple[int, bytes]:
    if -(1 << 31) <= number < 1 << 31:
        return _INT32, _SHORT.pack(number)
    return _INT64, _LONG.pack(number)
