"""Write the outcome of a fold as oplog entries: the shortest way from a base to where the fold ended. Pure.

The forms are those of real servers, one command or one document an entry; all of them share one timestamp.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bson import Binary, Timestamp, encode
from bson.raw_bson import RawBSONDocument

from drx.backup.oplog.effects import Chain
from drx.backup.oplog.entry import position_of
from drx.backup.oplog.namespaces import BUCKETS
from drx.backup.oplog.plan import BaseCollection, CollectionPlan
from drx.backup.server.cursor import RAW

_ASIDE = "drx_aside_"
"""Begins names that collections bear while several change names with each other."""
_ID_INDEX = "_id_"
_NO_LONGER: Mapping[str, object] = {
    "validator": {}, "expireAfterSeconds": "off", "changeStreamPreAndPostImages": {"enabled": False},
}  # fmt: skip
"""How a collMod takes an option away."""


def net_entries(
    database: str,
    base: Sequence[BaseCollection],
    plans: Sequence[CollectionPlan],
    *,
    consistent_from: Timestamp,
    end: Timestamp,
    wall: datetime,
) -> Iterator[bytes]:
    """Give entries that, folded onto `base`, lead to `plans`.

    Updates that the base may lack the document for, since it was deleted while the base was read, come at the base's
    own end, where that is legal; everything else comes at `end`.
    """
    scribe, early = _Scribe(database, end, wall), _Scribe(database, consistent_from, wall)
    known = {found.name: found for found in base}
    for plan in plans:
        if plan.origin:
            yield from _writes(early, plan, known[plan.origin], consistent_from, early=True)
    yield from _commands(scribe, known, plans)
    for plan in plans:
        yield from _writes(scribe, plan, None, consistent_from, early=False)


@dataclass(frozen=True, slots=True)
class _Scribe:
    """Writes entries of one database at one time."""

    database: str
    ts: Timestamp
    wall: datetime

    def command(self, o: Mapping[str, object], uuid: bytes | None = None) -> bytes:
        """Write a command, on the collection with this UUID."""
        return self._entry("c", "$cmd", o, uuid, {})

    def write(self, op: str, name: str, o: bytes, uuid: bytes | None, identity: bytes) -> bytes:
        """Write a change of one document."""
        more = {} if op == "d" else {"o2": RawBSONDocument(_key(identity), RAW)}
        return self._entry(op, name, RawBSONDocument(o, RAW), uuid, more)

    def _entry(self, op: str, name: str, o: object, uuid: bytes | None, more: Mapping[str, object]) -> bytes:
        known = {"ui": Binary(uuid, 4)} if uuid else {}
        return encode({
            "op": op, "ns": f"{self.database}.{name}", **known, "o": o, **more, "ts": self.ts, "v": 2,
            "wall": self.wall,
        })  # fmt: skip


def _writes(
    scribe: _Scribe, plan: CollectionPlan, before: BaseCollection | None, consistent_from: Timestamp, *, early: bool
) -> Iterator[bytes]:
    """Write the changes of one collection's documents; early ones under the name that the base knows."""
    name, uuid = (before.name, before.uuid) if before else (plan.name, None if plan.open else plan.uuid)
    physical = f"{BUCKETS}{name}" if plan.type == "timeseries" else name
    for identity, effect in plan.changes.net():
        if isinstance(effect, Chain):
            if (effect.last <= position_of(consistent_from)) is early:
                for update in effect.updates:
                    yield scribe.write("u", physical, update, uuid, identity)
        elif early:
            continue
        elif effect is None:
            yield scribe.write("d", physical, _key(identity), uuid, identity)
        else:
            yield scribe.write("i", physical, effect, uuid, identity)


def _key(identity: bytes) -> bytes:
    """Make `{_id: ...}` of an `_id` element."""
    element = identity[:1] + b"_id\0" + identity[1:]
    return (len(element) + 5).to_bytes(4, "little") + element + b"\0"


def _commands(scribe: _Scribe, known: Mapping[str, BaseCollection], plans: Sequence[CollectionPlan]) -> Iterator[bytes]:
    """Turn the collections of the base into those at the end: drop, rename, create, change."""
    kept = {plan.origin: plan for plan in plans if plan.origin}
    for name, before in known.items():
        if name not in kept:
            yield scribe.command({"drop": name}, before.uuid)
    moved = [plan for plan in plans if plan.origin and _moves(plan, known[plan.origin])]
    for plan in moved:
        yield from _rename(scribe, plan.origin or "", f"{_ASIDE}{plan.name}", known[plan.origin or ""].uuid)
    for plan in moved:
        yield from _rename(scribe, f"{_ASIDE}{plan.name}", plan.name, None)
    for plan in plans:
        if plan.origin:
            yield from _changes(scribe, plan, known[plan.origin])
        else:
            yield from _created(scribe, plan)


def _moves(plan: CollectionPlan, before: BaseCollection) -> bool:
    """Tell whether a collection has another name, or another identity under its old one: it went away and came back."""
    return plan.name != before.name or (before.uuid is not None and (plan.open or plan.uuid != before.uuid))


def _rename(scribe: _Scribe, source: str, target: str, uuid: bytes | None) -> Iterator[bytes]:
    database = scribe.database
    yield scribe.command({"renameCollection": f"{database}.{source}", "to": f"{database}.{target}"}, uuid)


def _created(scribe: _Scribe, plan: CollectionPlan) -> Iterator[bytes]:
    uuid = None if plan.open else plan.uuid
    indexes = {str(index["name"]): index for index in plan.indexes}
    id_index = indexes.pop(_ID_INDEX, None)
    own = {} if plan.type or id_index is None else {"idIndex": id_index}
    physical = f"{BUCKETS}{plan.name}" if plan.type == "timeseries" else plan.name
    yield scribe.command({"create": physical, **plan.options, **own}, uuid)
    for index in indexes.values():
        if not index.get("clustered"):  # it comes with the collection
            yield scribe.command({"createIndexes": plan.name, **index}, uuid)


def _changes(scribe: _Scribe, plan: CollectionPlan, before: BaseCollection) -> Iterator[bytes]:
    """Bring options and indexes of a collection that the base has to what they are at the end."""
    options, wanted = dict(before.options), dict(plan.options)
    indexes = {str(index["name"]): index for index in before.indexes}
    if "capped" in wanted and "capped" not in options:
        yield scribe.command({"convertToCapped": plan.name, "size": wanted["size"]})
        options |= {"capped": True, "size": wanted["size"]}
        indexes = {name: index for name, index in indexes.items() if name == _ID_INDEX}
    for key in sorted(options.keys() | wanted.keys()):
        if options.get(key) != wanted.get(key):
            yield scribe.command({"collMod": plan.name, _modified(key): wanted.get(key, _NO_LONGER.get(key))})
    after = {str(index["name"]): index for index in plan.indexes}
    for name, index in indexes.items():
        if after.get(name) != index:
            yield scribe.command({"dropIndexes": plan.name, "index": name})
    for name, index in after.items():
        if indexes.get(name) != index:
            yield scribe.command({"createIndexes": plan.name, **index})


def _modified(option: str) -> str:
    return {"size": "cappedSize", "max": "cappedMax"}.get(option, option)
