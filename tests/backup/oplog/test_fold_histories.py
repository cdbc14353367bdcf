"""Any history, restored to any moment of it, from a base taken at any moment before, also while writes went on."""

import uuid
from collections.abc import Iterator
from random import Random
from typing import Any, cast

import pytest
from bson import Timestamp, decode
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from drx.backup.format.documents import id_element, split
from drx.backup.oplog.fold import fold
from tests.backup import model

Client = MongoClient[dict[str, Any]]


def entries_since(client: Client, database: str, start: Timestamp) -> list[bytes]:
    """Read the oplog the plain way."""
    found = client.local["oplog.rs"].find_raw_batches(
        {"ts": {"$gte": start}, "ns": {"$regex": f"^{database}\\."}}, sort=[("$natural", 1)]
    )
    return split(b"".join(cast("Iterator[bytes]", found)))


def history_of(client: Client, seed: int, steps: int) -> tuple[str, list[model.Snapshot], list[bytes]]:
    name = f"history_{uuid.uuid4().hex[:10]}"
    try:
        history = model.run(client, name, Random(seed), steps)
        return name, history, entries_since(client, name, history[0].until)
    finally:
        client.drop_database(name)


_on_a_server = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
@_on_a_server
@given(seed=st.integers(0, 1 << 32), steps=st.integers(4, 20), data=st.data())
def test_any_history_restores_to_any_moment(mongo_client: Client, seed: int, steps: int, data: st.DataObject) -> None:
    memory = data.draw(st.sampled_from([0, 2000, 1 << 30]), label="memory")
    name, history, entries = history_of(mongo_client, seed, steps)
    at = data.draw(st.integers(0, steps), label="base")
    base = history[at]
    since = [raw for raw in entries if _ts(raw) >= base.until]
    for moment in history[at:]:
        plans = fold(
            since, database=name, base=base.collections, until=moment.until, consistent_from=base.until,
            memory_bytes=memory,
        )  # fmt: skip
        assert model.described(plans, base.documents) == moment.described()


@pytest.mark.slow
@_on_a_server
@given(seed=st.integers(0, 1 << 32), data=st.data())
def test_a_base_read_document_by_document_while_writes_go_on(
    mongo_client: Client, seed: int, data: st.DataObject
) -> None:
    name, history, entries = history_of(mongo_client, seed, 16)
    start = data.draw(st.integers(0, 8), label="start")
    end = data.draw(st.integers(start, 12), label="end")
    since = [raw for raw in entries if _ts(raw) >= history[start].until]
    during = [raw for raw in since if _ts(raw) < history[end].until]
    assume(not any(b"renameCollection" in raw for raw in during))  # a dump starts over then
    random = Random(seed)
    documents = {
        item.name: frozenset(_scan(item.name, history[start : end + 1], random)) for item in history[start].collections
    }
    for moment in history[end:]:
        plans = fold(
            since, database=name, base=history[start].collections, until=moment.until,
            consistent_from=history[end].until,
        )  # fmt: skip
        assert model.described(plans, documents) == moment.described()


def _scan(name: str, moments: list[model.Snapshot], random: Random) -> Iterator[bytes]:
    """Read each document at a moment of its own, as a slow scan does."""
    states = [{id_element(raw): raw for raw in moment.documents.get(name, ())} for moment in moments]
    for identity in sorted({identity for state in states for identity in state}):
        raw = random.choice(states).get(identity)
        if raw:
            yield raw


def _ts(raw: bytes) -> Timestamp:
    ts: Timestamp = decode(raw)["ts"]
    return ts
