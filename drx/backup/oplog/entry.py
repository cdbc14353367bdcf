"""Read one oplog entry out of raw BSON, decoding only what a replay needs. Pure; judges nothing."""

from dataclasses import dataclass

from bson import Timestamp, decode
from bson.errors import InvalidBSON

from drx.backup.format.documents import DamagedDocument, elements, value_end
from drx.backup.format.manifest import PLAIN

_UINT64_BYTES = 8
_TIMESTAMP = 0x11
# How servers begin an entry: op of one letter, then ns, ui, o and o2, each where there is one.
OP, NS, NS_AT = b"\x02op\0\x02\0\0\0", b"\x02ns\0", 14
UI, UI_BYTES, OBJECT = b"\x05ui\0\x10\0\0\0\x04", 25, b"\x03o\0"
_O2, _TS = b"\x03o2\0", b"\x11ts\0"


@dataclass(slots=True)
class Entry:
    """One operation: `position` orders entries, `o` and `o2` stay raw.

    `position` is the timestamp as one integer, seconds in the upper 32 bits. Children of applyOps have none of their
    own (0). `transaction` tells transactions apart: lsid and txnNumber, raw. `continues` says that an earlier entry
    leads to this one; `vectored`, that it stands for itself all the same. Source: the servers' `OplogEntryBase`.
    """

    op: str
    namespace: str
    position: int
    o: bytes
    o2: bytes | None
    uuid: bytes | None
    transaction: bytes | None
    continues: bool
    vectored: bool

    @property
    def database(self) -> str:
        """The part of the namespace before the first dot."""
        return self.namespace.partition(".")[0]

    @property
    def collection(self) -> str:
        """The part of the namespace after the first dot; `$cmd` for commands."""
        return self.namespace.partition(".")[2]


def position_of(timestamp: Timestamp) -> int:
    """Pack a timestamp into one integer that sorts the same way."""
    return (timestamp.time << 32) | timestamp.inc


def timestamp_of(position: int) -> Timestamp:
    """Unpack what `position_of` packed."""
    return Timestamp(position >> 32, position & 0xFFFFFFFF)


def parse(raw: bytes) -> Entry:
    """Read one entry.

    Raises DamagedDocument when the bytes are no document, or no oplog entry.
    """
    found = {name: (start, end) for name, _, start, end in elements(raw)}
    try:
        op, namespace, o = found[b"op"], found[b"ns"], found[b"o"]
    except KeyError as error:
        raise DamagedDocument(f"an oplog entry has no field {error.args[0].decode()}") from None
    ts, o2, uuid = found.get(b"ts"), found.get(b"o2"), found.get(b"ui")
    entry = Entry(
        text_in(raw, op[0] + 4, op[1] - 1),
        text_in(raw, namespace[0] + 4, namespace[1] - 1),
        int.from_bytes(raw[ts[0] : ts[1]], "little") if ts else 0,
        raw[o[0] : o[1]],
        raw[o2[0] : o2[1]] if o2 else None,
        raw[uuid[0] + 5 : uuid[1]] if uuid else None,
        None, False, False,
    )  # fmt: skip
    if b"txnNumber" in found and b"lsid" in found:
        lsid, number = found[b"lsid"], found[b"txnNumber"]
        entry.transaction = raw[lsid[0] : lsid[1]] + raw[number[0] : number[1]]
    if b"prevOpTime" in found:
        entry.continues = _points_back(raw[slice(*found[b"prevOpTime"])])
    if b"multiOpType" in found:
        entry.vectored = any(raw[slice(*found[b"multiOpType"])])
    return entry


def position_in(raw: bytes) -> int:
    """Read only the position of an entry: as `elements` would, without what that takes for every field."""
    found = _usual_position(raw)
    if found is not None:
        return found
    position, last = 4, len(raw) - 1
    while position < last:
        kind = raw[position]
        if kind == _TIMESTAMP and raw.startswith(b"ts\0", position + 1) and position + 4 + _UINT64_BYTES <= last:
            return int.from_bytes(raw[position + 4 : position + 4 + _UINT64_BYTES], "little")
        name_end = raw.find(b"\0", position + 1)
        if name_end < 0:
            break
        position = value_end(raw, kind, name_end + 1)
    raise DamagedDocument("an oplog entry has no field ts")


def _usual_position(raw: bytes) -> int | None:
    """Read the position of an entry whose fields come as servers write them: op, ns, ui, o, o2, ts; None for others."""
    if not (raw.startswith(OP, 4) and raw.startswith(NS, NS_AT)):
        return None
    return position_after(raw, NS_AT + 8 + _length(raw, NS_AT + 4))


def position_after(raw: bytes, at: int) -> int | None:
    """Read the position of an entry whose ns ends at `at`, and whose fields go on as servers write them."""
    if raw.startswith(UI, at):
        at += UI_BYTES
    if raw.startswith(OBJECT, at):
        at += 3 + _length(raw, at + 3)
        if raw.startswith(_O2, at):
            at += 4 + _length(raw, at + 4)
    if raw.startswith(_TS, at) and at + 4 + _UINT64_BYTES < len(raw):
        return int.from_bytes(raw[at + 4 : at + 4 + _UINT64_BYTES], "little")
    return None


def _length(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "little")


def first_field(document: bytes) -> str:
    """Name the first field: the name of a command; empty for an empty document."""
    return text_in(document, 5, document.index(b"\0", 5)) if len(document) > 5 else ""


def text_in(raw: bytes, start: int, end: int) -> str:
    """Read text that lies in an entry.

    Raises DamagedDocument where the bytes are none.
    """
    try:
        return raw[start:end].decode()
    except UnicodeDecodeError as error:
        raise DamagedDocument(f"an oplog entry holds no text where it should: {error}") from None


def decoded(document: bytes) -> dict[str, object]:
    """Decode a command, or what describes one.

    Raises DamagedDocument where the bytes are no BSON.
    """
    try:
        return decode(document, PLAIN)
    except InvalidBSON as error:
        raise DamagedDocument(f"an oplog entry holds no BSON where it should: {error}") from None


def _points_back(optime: bytes) -> bool:
    return any(name == b"ts" and any(optime[start:end]) for name, _, start, end in elements(optime))
