"""Condense updates of one document into fewer that do the same to it. Pure; decodes no value.

Updates in the servers' own form are put together, and those in the embedded server's that set or remove whole fields;
others stay as they are. Sources as in diffs.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from drx.backup.oplog.diffs import (
    Value,
    apply_nested,
    apply_update,
    fields_of,
    is_replacement,
    pack_document,
    pack_element,
    text_of,
    values_of,
)  # fmt: skip

_DOCUMENT, _ARRAY, _INT32, _STRING = 0x03, 0x04, 0x10, 0x02
_VERSION = pack_element(b"$v", (_INT32, b"\2\0\0\0"))
_SECTIONS = (b"d", b"u", b"i")


class _Net(Protocol):
    """The net effect of some updates."""

    def follow(self, update: bytes) -> bool:
        """Take one more update; False where it cannot be put together with what is here, which stays as it is."""

    def pack(self) -> bytes:
        """Write one update with this effect."""


def condensed(updates: Sequence[bytes]) -> list[bytes]:
    """Return updates that make the same of a document as these, applied in order."""
    return list(_condense(updates))


def _condense(updates: Sequence[bytes]) -> Iterator[bytes]:
    whole: bytes | None = None
    net: _Net | None = None
    for update in updates:
        if whole is not None or is_replacement(update):
            whole = apply_update(whole or b"", update)
        elif net is None or not net.follow(update):
            if net:
                yield net.pack()
            net = next((begun for begun in (_Diff(), _Paths()) if begun.follow(update)), None)
            if net is None:
                yield update
    if whole is not None:
        yield whole
    elif net:
        yield net.pack()


@dataclass(slots=True)
class _Diff:
    """What updates in the servers' form do: by field, the section and its value, inserted fields in order."""

    fields: dict[bytes, tuple[bytes, Value]] = field(default_factory=dict)

    def follow(self, update: bytes) -> bool:
        later = _sections(_diff_of(update))
        return later is not None and self.take(later)

    def take(self, later: dict[bytes, tuple[bytes, Value]]) -> bool:
        nested = {name: value for name, (section, value) in later.items() if section == b"s"}
        joined = {}
        for name, value in nested.items():
            before = self.fields.get(name)
            if before and before[0] == b"s":
                both = _joined(before[1], value)
                if both is None:
                    return False
                joined[name] = both
        for name, (section, value) in later.items():
            self._take_field(name, section, joined.get(name, value))
        return True

    def _take_field(self, name: bytes, section: bytes, value: Value) -> None:
        before = self.fields.get(name, (b"", value))[0]
        if section == b"u" and before in (b"u", b"i"):
            self.fields[name] = before, value
        elif section == b"s" and before in (b"u", b"i"):
            self.fields[name] = before, apply_nested(self.fields[name][1], value[1])
        elif section == b"s" and before == b"d":
            pass  # nothing is there to change
        else:
            if section == b"u" and before == b"d":
                section = b"i"
            if section == b"i":
                self.fields.pop(name, None)
            self.fields[name] = section, value

    def pack(self) -> bytes:
        return pack_document([_VERSION, pack_element(b"diff", (_DOCUMENT, self.pack_sections()))])

    def pack_sections(self) -> bytes:
        parts: dict[bytes, list[bytes]] = {section: [] for section in _SECTIONS}
        pieces = []
        for name, (section, value) in self.fields.items():
            if section == b"s":
                pieces.append(pack_element(b"s" + name, value))
            else:
                parts[section].append(pack_element(name, value))
        packed = [pack_element(name, (_DOCUMENT, pack_document(part))) for name, part in parts.items() if part]
        return pack_document([*packed, *pieces])


def _sections(diff: bytes | None) -> dict[bytes, tuple[bytes, Value]] | None:
    """Read what a diff does to each field; None for one of an array, or one with a section not handled here."""
    found: dict[bytes, tuple[bytes, Value]] = {}
    for name, value in fields_of(diff).items() if diff else ():
        if name in _SECTIONS:
            found |= {inner: (name, each) for inner, each in fields_of(value[1]).items()}
        elif name[:1] == b"s":
            found[name[1:]] = b"s", value
        else:
            return None
    return found if diff else None


def _joined(before: Value, later: Value) -> Value | None:
    """Put two diffs of one nested document together."""
    first, second = _sections(before[1]), _sections(later[1])
    if first is None or second is None:
        return None
    net = _Diff(first)
    return (_DOCUMENT, net.pack_sections()) if net.take(second) else None


def _diff_of(update: bytes) -> bytes | None:
    parts = fields_of(update)
    if parts.get(b"$v", (_INT32, b"\1"))[1][:1] != b"\2" or parts.keys() - {b"$v", b"diff"} or b"diff" not in parts:
        return None
    return parts[b"diff"][1]


@dataclass(slots=True)
class _Paths:
    """What updates in the embedded server's form do; what is removed is removed first."""

    updated: dict[bytes, Value] = field(default_factory=dict)
    removed: dict[bytes, None] = field(default_factory=dict)

    def follow(self, update: bytes) -> bool:
        diff = _diff_of(update)
        parts = fields_of(diff) if diff else {}
        if b"updatedFields" not in parts or any(
            len(values[1]) > 5 for name, values in parts.items() if name not in _PLAIN
        ):
            return False
        updated = fields_of(parts[b"updatedFields"][1])
        removed = [text_of(value) for value in values_of(parts.get(b"removedFields", (_ARRAY, pack_document([])))[1])]
        if any(b"." in name for name in removed) or self._overlaps([*updated, *removed]):
            return False
        for name in removed:
            self.updated.pop(name, None)
            self.removed[name] = None
        self.updated |= updated
        return True

    def _overlaps(self, names: Sequence[bytes]) -> bool:
        """Tell whether one of these paths leads into, or to a parent of, one that is here."""
        here = self.updated.keys() | self.removed.keys()
        above = {parent for name in here for parent in _parents(name)}
        return any(name in above or not here.isdisjoint(_parents(name)) for name in names)

    def pack(self) -> bytes:
        removed = (
            pack_element(b"%d" % at, (_STRING, len(name + b"\0").to_bytes(4, "little") + name + b"\0"))
            for at, name in enumerate(self.removed)
        )
        updated = (pack_element(name, value) for name, value in self.updated.items())
        diff = [
            pack_element(b"updatedFields", (_DOCUMENT, pack_document(updated))),
            pack_element(b"removedFields", (_ARRAY, pack_document(removed))),
        ]
        return pack_document([_VERSION, pack_element(b"diff", (_DOCUMENT, pack_document(diff)))])


_PLAIN = (b"updatedFields", b"removedFields")


def _parents(name: bytes) -> Iterator[bytes]:
    return (name[:at] for at, byte in enumerate(name) if byte == ord("."))
