"""Oplog entries as real servers write them, and what a fold makes of them, for tests."""

from typing import Any

from bson import Binary, Timestamp, decode, encode

from drx.backup.oplog.fold import BaseCollection, CollectionPlan, fold

ONE, TWO = b"1" * 16, b"2" * 16


LATER = Timestamp(4_000_000_000, 0)


class Log:
    """Entries as real servers write them, one increment apart."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []

    def add(self, op: str, namespace: str, o: dict[str, Any], **fields: Any) -> Timestamp:
        ts = Timestamp(100, len(self.entries) + 1)
        uuid_bytes = fields.pop("ui", None)
        if uuid_bytes:
            fields["ui"] = Binary(uuid_bytes, 4)
        self.entries.append(encode({"op": op, "ns": namespace, "o": o, "ts": ts, "t": 1, "v": 2, **fields}))
        return ts

    def fold(self, *base: BaseCollection, until: Timestamp = LATER, end: int = 0) -> dict[str, CollectionPlan]:
        plans = fold(
            self.entries, database="db", base=base, until=until, consistent_from=Timestamp(100, end)
        )  # fmt: skip
        return {plan.name: plan for plan in plans}


def final(plan: CollectionPlan, *base: dict[str, Any]) -> list[dict[str, Any]]:
    changed = [plan.changes.apply(encode(document)) for document in base]
    return [decode(raw) for raw in (*(raw for raw in changed if raw is not None), *plan.changes.born())]


def insert(number: int, namespace: str = "db.c") -> dict[str, Any]:
    return {"op": "i", "ns": namespace, "o": {"_id": number}}


def ids(plans: dict[str, CollectionPlan], name: str = "c") -> list[int]:
    return [document["_id"] for document in final(plans[name])] if name in plans else []


SESSION = {"lsid": {"id": Binary(ONE, 4)}, "txnNumber": 7}


FIRST = {"prevOpTime": {"ts": Timestamp(0, 0), "t": -1}}


def after(ts: Timestamp) -> dict[str, Any]:
    return {"prevOpTime": {"ts": ts, "t": 1}}


BASE = BaseCollection("c", ONE, {}, ({"v": 2, "key": {"_id": 1}, "name": "_id_"},))
