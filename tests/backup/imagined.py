"""A replica set in the imagination: what its collections hold after each entry that it writes, in real servers' words.

No real server runs where these tests do. This one follows what the servers' source and documentation say of their
oplog: UUIDs, diffs, replacements that change an `_id`'s numeric type, transactions of every shape, batches without a
session, and commands.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bson import Binary, Decimal128, Int64, Timestamp, encode

_ID_INDEX = {"v": 2, "key": {"_id": 1}, "name": "_id_"}
_NAMES = ("a", "b", "c")
_FORMS: tuple[Callable[[int], Any], ...] = (int, Int64, float, lambda number: Decimal128(str(number)))
Write = dict[str, Any]


@dataclass
class Held:
    """One collection; documents by the value of their `_id`, whatever its type."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    documents: dict[int, dict[str, Any]] = field(default_factory=dict)
    indexes: dict[str, dict[str, Any]] = field(default_factory=lambda: {"_id_": _ID_INDEX})


State = dict[bytes, Held]


@dataclass
class _Prepared:
    """A transaction that waits for its end."""

    session: dict[str, Any]
    at: Timestamp
    entry: int
    writes: list[Write]


class Imagined:
    """Does one random thing at a time."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now: State = {}
        self.states: list[State] = []
        self.entries: list[bytes] = []
        self.moments: list[Timestamp] = []
        self.first: list[int] = []
        """For each entry, where a capture that finds it to be the newest has to begin."""
        self._prepared: list[_Prepared] = []
        self._number = 0
        self.write("n", "", {"msg": "periodic noop"})

    def write(self, op: str, namespace: str, o: dict[str, Any], uuid: bytes | None = None, **more: Any) -> Timestamp:
        """Write an entry, whose effect has been made."""
        number = len(self.entries)
        ts = Timestamp(100 + number // 3, 1 + number % 3)
        known = {"ui": Binary(uuid, 4)} if uuid else {}
        self.entries.append(encode({"op": op, "ns": namespace, **known, "o": o, "ts": ts, "v": 2, **more}))
        self.moments.append(ts)
        self.states.append(deepcopy(self.now))
        self.first.append(min([number, *(each.entry for each in self._prepared)]))
        return ts

    def step(self, *, renames: bool) -> None:
        """Go on by one thing, if it can be done now."""
        name = self.random.choice(_NAMES)
        uuid = self._find(name)
        if uuid is None:
            self._create(name)
            return
        choice = self.random.choices(
            [self._one_write, self._together, self._end_prepared, self._index, self._modify, self._drop, self._rename],
            [12, 6, 3, 2, 1, 1, 2 if renames else 0],
        )[0]
        choice(uuid)

    def _find(self, name: str) -> bytes | None:
        return next((uuid for uuid, held in self.now.items() if held.name == name), None)

    def _new(self) -> bytes:
        self._number += 1
        return self._number.to_bytes(16, "big")

    def _command(self, o: dict[str, Any], uuid: bytes | None) -> None:
        self.write("c", "db.$cmd", o, uuid)

    def _create(self, name: str) -> None:
        choices: list[dict[str, Any]] = [{}, {"validator": {"x": 1}}, {"collation": {"locale": "en"}}]
        uuid, options = self._new(), self.random.choice(choices)
        self.now[uuid] = Held(name, dict(options))
        self._command({"create": name, **options, "idIndex": _ID_INDEX}, uuid)

    def _is_busy(self, uuid: bytes) -> bool:
        return any(write["ui"] == Binary(uuid, 4) for each in self._prepared for write in each.writes)

    def _writes(self, uuid: bytes, most: int) -> list[Write]:
        """Make writes on different documents, none of which a transaction holds."""
        held, random = self.now[uuid], self.random
        taken = {write["number"] for each in self._prepared for write in each.writes if write["ui"] == Binary(uuid, 4)}
        found = []
        for number in random.sample([each for each in range(1, 7) if each not in taken], most):
            document = held.documents.get(number)
            common = {"ns": f"db.{held.name}", "ui": Binary(uuid, 4), "number": number}
            form = random.choice(_FORMS)(number)
            kind = random.random()
            if document is None:
                found.append({"op": "i", **common, "o": {"_id": form, "n": random.randrange(9)}})
            elif kind < 0.3:
                found.append({"op": "d", **common, "o": {"_id": document["_id"]}})
            elif kind < 0.5:  # it names only the new form of the `_id`
                found.append({"op": "u", **common, "o": {"_id": form, "m": kind}, "o2": {"_id": form}})
            else:
                found.append({"op": "u", **common, "o": self._diff(document), "o2": {"_id": document["_id"]}})
        return found

    def _diff(self, document: dict[str, Any]) -> dict[str, Any]:
        diff: dict[str, Any] = {}
        value = self.random.randrange(99)
        for name in self.random.sample(["n", "m", "s"], 2):
            old = document.get(name)
            if isinstance(old, dict) and self.random.random() < 0.7:
                diff["ss"] = {"u": {"k": value}}
            elif name in document and self.random.random() < 0.3:
                diff.setdefault("d", {})[name] = False
            else:
                new = {"k": value} if name == "s" else value
                diff.setdefault("u" if name in document else "i", {})[name] = new
        order = {key: diff[key] for key in ("d", "u", "i", "ss") if key in diff}
        return {"$v": 2, "diff": order}

    def _make(self, writes: list[Write]) -> None:
        for write in writes:
            documents, number = self.now[bytes(write["ui"])].documents, write["number"]
            if write["op"] == "d":
                del documents[number]
            elif "diff" not in write["o"]:
                documents[number] = dict(write["o"])
            else:
                _apply(documents[number], write["o"]["diff"])

    def _one_write(self, uuid: bytes) -> None:
        for write in self._writes(uuid, 1):
            self._make([write])
            more = {"o2": write["o2"]} if "o2" in write else {}
            self.write(write["op"], write["ns"], write["o"], uuid, **more)

    def _together(self, uuid: bytes) -> None:
        """Write in a transaction, in one or several entries, prepared or not, or in a batch without a session."""
        random, number = self.random, len(self.entries)
        if self._is_busy(uuid):
            return
        writes = self._writes(uuid, 3)
        shape = random.choice(["transaction", "prepared", "batch", "vectored"])
        session = {} if shape == "batch" else {"lsid": {"id": Binary(self._new(), 4)}, "txnNumber": Int64(1)}
        cut = random.choice([0, 1, 2]) if shape != "vectored" else 0
        before = Timestamp(0, 0)
        if cut:
            before = self._part(writes[:cut], session, before, partialTxn=True)
            self.first[-1] = min(self.first[-1], number)
        if shape == "prepared":
            at = self._part(writes[cut:], session, before, prepare=True)
            self._prepared.append(_Prepared(session, at, number, writes))
            self.first[-1] = min(self.first[-1], number)
            return
        self._make(writes)
        if shape == "vectored":
            session |= {"multiOpType": random.choice([1, 2])}
            before = Timestamp(9, 9)
        self._part(writes[cut:], session, before)

    def _part(self, writes: list[Write], session: dict[str, Any], before: Timestamp, **more: Any) -> Timestamp:
        inner = [{key: value for key, value in write.items() if key != "number"} for write in writes]
        link = {"prevOpTime": {"ts": before, "t": Int64(1)}}
        return self.write("c", "admin.$cmd", {"applyOps": inner, **more}, None, **session, **link)

    def _end_prepared(self, _: bytes) -> None:
        if not self._prepared:
            return
        each = self._prepared.pop(0)
        link = {"prevOpTime": {"ts": each.at, "t": Int64(1)}}
        if self.random.random() < 0.7:
            self._make(each.writes)
            o = {"commitTransaction": 1, "commitTimestamp": each.at}
        else:
            o = {"abortTransaction": 1}
        self.write("c", "admin.$cmd", o, None, **each.session, **link)

    def _index(self, uuid: bytes) -> None:
        held, name = self.now[uuid], self.random.choice("xy")
        if held.indexes.pop(name, None):
            self._command({"dropIndexes": held.name, "index": name}, uuid)
            return
        spec = {"v": 2, "key": {name: self.random.choice([1, -1])}, "name": name}
        held.indexes[name] = spec
        built = {"commitIndexBuild": held.name, "indexBuildUUID": Binary(uuid, 4), "indexes": [spec]}
        self._command(self.random.choice([{"createIndexes": held.name, **spec}, built]), uuid)

    def _modify(self, uuid: bytes) -> None:
        held = self.now[uuid]
        validator = {} if held.options.pop("validator", None) else {"z": self.random.randrange(9)}
        held.options |= {"validator": validator} if validator else {}
        self._command({"collMod": held.name, "validator": validator}, uuid)

    def _drop(self, uuid: bytes) -> None:
        if self._prepared:
            return
        everything = self.random.random() < 0.2
        for each in list(self.now) if everything else [uuid]:
            name = self.now.pop(each).name
            self._command({"drop": name}, each)
        if everything:
            self._command({"dropDatabase": 1}, None)

    def _rename(self, uuid: bytes) -> None:
        source, target = self.now[uuid].name, self.random.choice([*_NAMES, "d", "other.c"])
        if self._prepared or target == source:
            return
        dropped = self._find(target)
        more = {"dropTarget": Binary(dropped, 4)} if dropped else {}
        self.now.pop(dropped or b"", None)
        if target == "other.c":
            del self.now[uuid]
        else:
            self.now[uuid].name, target = target, f"db.{target}"
        self._command({"renameCollection": f"db.{source}", "to": target, **more}, uuid)


def _apply(document: dict[str, Any], diff: dict[str, Any]) -> None:
    for name in diff.get("d", {}):
        del document[name]
    document |= diff.get("u", {}) | diff.get("i", {})
    if "ss" in diff:
        document["s"] = {**document["s"], **diff["ss"]["u"]}
