"""Apply an oplog update to a raw document, byte for byte what the server made of it. Pure; decodes no value.

Sources: the servers' `document_diff_applier` (`$v: 2`), the update documentation (`$v: 1`), and the change-stream form
(`updatedFields`, `removedFields`, `truncatedArrays`) that the embedded server writes. Re-applying an update to a
document that is already newer is legal: what the update expects and does not find, it leaves alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from struct import Struct

from drx.backup.format.documents import DamagedDocument, elements

_DOCUMENT, _ARRAY, _BINARY, _NULL, _INT32, _STRING = 0x03, 0x04, 0x05, 0x0A, 0x10, 0x02
_EMPTY = b"\x05\0\0\0\0"
_LENGTH = Struct("<i")

Value = tuple[int, bytes]
"""A type byte and the raw bytes of a value."""

Path = Sequence[bytes]


def is_replacement(update: bytes) -> bool:
    """Tell a whole new document from modifiers, whose first field begins with `$`."""
    return update[5:6] != b"$"


def apply_update(document: bytes, update: bytes) -> bytes:
    """Return the document after `update`, the entry's `o`.

    Raises DamagedDocument for an update in no dialect known here.
    """
    if is_replacement(update):
        return update
    parts = fields_of(update)
    version = parts.pop(b"$v", (_INT32, b"\1\0\0\0"))
    if version[1][:1] == b"\2" and list(parts) == [b"diff"]:
        diff = parts[b"diff"][1]
        sections = fields_of(diff)
        return _apply_paths(document, sections) if b"updatedFields" in sections else _apply_diff(document, sections)
    if version[1][:1] == b"\1" and parts.keys() <= {b"$set", b"$unset"}:
        return _apply_modifiers(document, parts)
    raise DamagedDocument(f"an update has a form drx does not know: {', '.join(name.decode() for name in parts)}")


def _apply_modifiers(document: bytes, parts: dict[bytes, Value]) -> bytes:
    for name, value in fields_of(parts.get(b"$set", (_DOCUMENT, _EMPTY))[1]).items():
        document = _set(document, False, name.split(b"."), value, create=True)
    for name in fields_of(parts.get(b"$unset", (_DOCUMENT, _EMPTY))[1]):
        document = _set(document, False, name.split(b"."), None)
    return document


def _apply_paths(document: bytes, sections: dict[bytes, Value]) -> bytes:
    known = {b"updatedFields", b"removedFields", b"truncatedArrays", b"disambiguatedPaths"}
    _refuse_unknown(sections.keys() - known)
    exact = {
        name: [text_of(part) for part in values_of(value[1])]
        for name, value in fields_of(sections.get(b"disambiguatedPaths", (_DOCUMENT, _EMPTY))[1]).items()
    }
    for _, truncated in values_of(sections.get(b"truncatedArrays", (_ARRAY, _EMPTY))[1]):
        field = fields_of(truncated)
        name = text_of(field[b"field"])
        document = _truncate(document, False, exact.get(name) or name.split(b"."), _number(field[b"newSize"]))
    for value in values_of(sections.get(b"removedFields", (_ARRAY, _EMPTY))[1]):
        name = text_of(value)
        document = _set(document, False, exact.get(name) or name.split(b"."), None)
    for name, value in fields_of(sections[b"updatedFields"][1]).items():
        document = _set(document, False, exact.get(name) or name.split(b"."), value)
    return document


def _apply_diff(document: bytes, sections: dict[bytes, Value]) -> bytes:
    deleted = _section(sections, b"d")
    updated = _section(sections, b"u")
    inserted = _section(sections, b"i")
    binary = _section(sections, b"b")
    nested = {name[1:]: value[1] for name, value in sections.items() if name[:1] == b"s"}
    _refuse_unknown(name for name in sections if name not in (b"d", b"u", b"i", b"b") and name[:1] != b"s")
    pieces: list[bytes] = []
    appended = updated | inserted
    touched = deleted.keys() | appended.keys() | nested.keys() | binary.keys()
    copied = 4
    for name, kind, start, end in elements(document):
        if name not in touched:
            continue
        pieces.append(document[copied : start - len(name) - 2])
        copied = end
        value = (kind, document[start:end])
        if name in deleted or name in inserted:  # an inserted field moves to the end, as servers do it
            continue
        if name in updated:
            value = updated[name]
            appended.pop(name, None)
        elif name in nested:
            value = apply_nested(value, nested[name])
        else:
            value = _patch(value, binary[name][1])
        pieces.append(pack_element(name, value))
    pieces.append(document[copied:-1])
    pieces.extend(pack_element(name, value) for name, value in appended.items())
    return pack_document(pieces)


def apply_nested(value: Value, diff: bytes) -> Value:
    """Apply the diff of a nested document or array; one that does not fit changes nothing."""
    sections = fields_of(diff)
    is_array = sections.pop(b"a", (0, b"\0"))[1] == b"\1"
    kind, raw = value
    if is_array and kind == _ARRAY:
        return kind, _apply_array(raw, sections)
    if not is_array and kind == _DOCUMENT:
        return kind, _apply_diff(raw, sections)
    return value


def _apply_array(array: bytes, sections: dict[bytes, Value]) -> bytes:
    items = list(values_of(array))
    if b"l" in sections:
        length = _number(sections.pop(b"l"))
        items = items[:length] + [(_NULL, b"")] * (length - len(items))
    for name, value in sections.items():
        if name[:1] not in (b"u", b"s") or not name[1:].isdigit():
            _refuse_unknown([name])
        index = int(name[1:])
        if name[:1] == b"u":
            items += [(_NULL, b"")] * (index + 1 - len(items))
            items[index] = value
        elif index < len(items):
            items[index] = apply_nested(items[index], value[1])
    return pack_document(pack_element(b"%d" % index, value) for index, value in enumerate(items))


def _patch(value: Value, change: bytes) -> Value:
    """Overwrite the tail of a binary from offset `o` with the bytes of `d` (time-series columns)."""
    fields = fields_of(change)
    kind, raw = value
    if kind != _BINARY:
        return value
    data = raw[5 : 5 + _number(fields[b"o"])] + fields[b"d"][1][5:]
    return kind, _LENGTH.pack(len(data)) + raw[4:5] + data


def _set(container: bytes, is_array: bool, path: Path, new: Value | None, *, create: bool = False) -> bytes:
    """Set (or remove, where `new` is None) what lies at a path; missing parents are made only if `create`."""
    key, rest = path[0], path[1:]
    pieces: list[bytes] = []
    found = leads_on = False
    for name, kind, start, end in elements(container):
        if name != key:
            pieces.append(container[start - len(name) - 2 : end])
            continue
        found, leads_on = True, not rest or kind in (_DOCUMENT, _ARRAY)
        value: Value | None = (kind, container[start:end])
        if not rest:
            value = new or ((_NULL, b"") if is_array else None)
        elif leads_on:
            value = kind, _set(container[start:end], kind == _ARRAY, rest, new, create=create)
        if value is not None:
            pieces.append(pack_element(name, value))
    if leads_on:
        return pack_document(pieces)
    whole = b".".join(path)
    if rest and any(name == whole for name, _, _, _ in elements(container)):  # a field whose own name has dots
        return _set(container, is_array, [whole], new)
    return container if found else _append(container, len(pieces) if is_array else None, key, rest, new, create)


def _append(container: bytes, length: int | None, key: bytes, rest: Path, new: Value | None, create: bool) -> bytes:
    """Add a field that is missing; `length` is that of an array, which is filled up with nulls."""
    if new is None or (rest and not create) or (length is not None and not key.isdigit()):
        return container
    value = (_DOCUMENT, _set(_EMPTY, False, rest, new, create=True)) if rest else new
    nulls = range(length, int(key)) if length is not None else ()
    return pack_document(
        [container[4:-1], *(pack_element(b"%d" % index, (_NULL, b"")) for index in nulls), pack_element(key, value)]
    )


def _truncate(container: bytes, is_array: bool, path: Path, size: int) -> bytes:
    """Cut the array that lies at a path."""
    if not path:
        return pack_document(
            pack_element(b"%d" % at, value) for at, value in enumerate(values_of(container)) if at < size
        )
    pieces = []
    for name, kind, start, end in elements(container):
        raw = container[start:end]
        if name == path[0] and kind in (_DOCUMENT, _ARRAY) and (path[1:] or kind == _ARRAY):
            raw = _truncate(raw, kind == _ARRAY, path[1:], size)
        pieces.append(pack_element(name, (kind, raw)))
    return pack_document(pieces)


def fields_of(document: bytes) -> dict[bytes, Value]:
    """Read a document's fields, in order."""
    return {name: (kind, document[start:end]) for name, kind, start, end in elements(document)}


def values_of(array: bytes) -> Iterator[Value]:
    """Read an array's values, in order."""
    return ((kind, array[start:end]) for _, kind, start, end in elements(array))


def _section(sections: dict[bytes, Value], name: bytes) -> dict[bytes, Value]:
    return fields_of(sections[name][1]) if name in sections else {}


def pack_element(name: bytes, value: Value) -> bytes:
    """Write a field of a document."""
    return b"%c%b\0%b" % (value[0], name, value[1])


def pack_document(pieces: Iterable[bytes]) -> bytes:
    """Write a document, or an array, out of its packed elements."""
    body = b"".join(pieces)
    return b"%b%b\0" % (_LENGTH.pack(len(body) + 5), body)


def text_of(value: Value) -> bytes:
    """Give the bytes of a string; an array index stands in a disambiguated path as a number."""
    return value[1][4:-1] if value[0] == _STRING else b"%d" % _number(value)


def _number(value: Value) -> int:
    if value[0] == 0x01:
        return int(Struct("<d").unpack(value[1])[0])
    return int.from_bytes(value[1], "little")


def _refuse_unknown(names: Iterable[bytes]) -> None:
    for name in names:
        raise DamagedDocument(f"an update has a section drx does not know: {name.decode(errors='replace')}")
