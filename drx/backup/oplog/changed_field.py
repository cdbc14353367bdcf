"""Tell at a glance which field an update changes first: what one mass update changes, everyday updates do not. Pure."""

_DOCUMENT, _ARRAY, _STRING = 3, 4, 2
_VERSIONS = {b"\x10$v\0": 8, b"\x12$v\0": 12, b"\x01$v\0": 12}
"""How `$v` begins, as a number of three types, and how long it is."""


def changed_field(raw: bytes, start: int = 0) -> str:
    """Name the first field at the top of a document that an update changes; "" where it replaces the whole document.

    `start` is where the update, the entry's `o`, begins in `raw`. It reads both dialects of `$v: 2` and `$v: 1`; what
    it does not understand is "".
    """
    try:
        return _first(raw, start).partition(b".")[0].decode("utf-8", "replace")
    except (IndexError, ValueError):
        return ""


def _first(raw: bytes, start: int) -> bytes:
    position = start + 4
    position += _VERSIONS.get(raw[position : position + 4], 0)
    kind, name, value = _element(raw, position)
    if kind != _DOCUMENT:
        return b""
    if name == b"diff":
        return _first_of_diff(raw, value)
    return _element(raw, value + 4)[1] if name.startswith(b"$") and raw[value + 4] else b""


def _first_of_diff(raw: bytes, start: int) -> bytes:
    """Sections are `d`, `u`, `i` and `s` with a field's name, or updatedFields, removedFields and truncatedArrays."""
    position = start + 4
    while raw[position]:
        kind, section, value = _element(raw, position)
        if kind not in (_DOCUMENT, _ARRAY):
            return b""
        if section.startswith(b"s"):
            return section[1:]
        if raw[value + 4]:
            return _listed(raw, value + 4) if kind == _ARRAY else _element(raw, value + 4)[1]
        position = value + _length(raw, value)
    return b""


def _listed(raw: bytes, position: int) -> bytes:
    """The field that an item of removedFields (a text) or of truncatedArrays (`{field: ...}`) names."""
    kind, _, value = _element(raw, position)
    if kind == _DOCUMENT:
        kind, _, value = _element(raw, value + 4)
    return raw[value + 4 : value + 3 + _length(raw, value)] if kind == _STRING else b""


def _element(raw: bytes, position: int) -> tuple[int, bytes, int]:
    """The type of an element, its name, and where its value begins."""
    end = raw.index(b"\0", position + 1)
    return raw[position], raw[position + 1 : end], end + 1


def _length(raw: bytes, position: int) -> int:
    """The length that stands there; never so little that nobody would get any further."""
    return max(int.from_bytes(raw[position : position + 4], "little"), 1)
