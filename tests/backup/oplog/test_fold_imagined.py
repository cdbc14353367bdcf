"""Any history in real servers' words, restored to any moment, from a base that was read while it went on."""

from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from bson import Timestamp, encode
from hypothesis import given, settings
from hypothesis import strategies as st

from drx.backup.oplog.entry import position_of, timestamp_of
from drx.backup.oplog.fold import BaseCollection, CollectionPlan, fold
from drx.backup.oplog.net import net_entries
from tests.backup.imagined import Held, Imagined, State

Documents = dict[str, list[bytes]]


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 1 << 32), memory=st.sampled_from([0, 2000, 1 << 30]))
def test_any_history_of_an_imagined_server_restores_to_any_moment(seed: int, memory: int) -> None:
    random = Random(seed)
    server = Imagined(random)
    go_on(server, 25, renames=True)
    begun = len(server.entries) - 1
    go_on(server, 5, renames=False)
    listed = len(server.entries) - 1
    go_on(server, 20, renames=False)
    end = len(server.entries) - 1
    go_on(server, 30, renames=True)
    base = [
        BaseCollection(held.name, uuid, held.options, tuple(held.indexes.values()))
        for uuid, held in server.states[listed].items()
    ]
    read = {item.name: read_slowly(server, item.name, listed, end) for item in base}
    entries, consistent_from = server.entries[server.first[begun] :], server.moments[end]

    for at in random.sample(range(end, len(server.entries)), min(4, len(server.entries) - end)):
        until = timestamp_of(position_of(server.moments[at]) + 1)

        def folded(found: Sequence[bytes], until: Timestamp = until) -> tuple[CollectionPlan, ...]:
            return fold(
                found, database="db", base=base, until=until, consistent_from=consistent_from, memory_bytes=memory
            )

        wanted = described(server.states[at])
        assert outcome(folded(entries), read) == wanted
        net = net_entries(
            "db", base, folded(entries), consistent_from=consistent_from, end=server.moments[at],
            wall=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip
        assert outcome(folded(list(net)), read) == wanted, "as a differential"


def go_on(server: Imagined, most: int, *, renames: bool) -> None:
    for _ in range(server.random.randint(0, most)):
        server.step(renames=renames)


def read_slowly(server: Imagined, name: str, since: int, until: int) -> list[bytes]:
    """Read a collection by its name, in the order of `_id`, while others write to it, drop it and make it anew."""
    moments = sorted(server.random.randint(since, until) for _ in range(7))
    found = []
    for number, at in enumerate(moments):
        held = next((held for held in server.states[at].values() if held.name == name), Held(name))
        found += [encode(held.documents[number])] if number in held.documents else []
    return found


def described(state: State) -> dict[str, Any]:
    return {
        held.name: (
            sorted(map(encode, held.documents.values())), held.options,
            {name: spec["key"] for name, spec in held.indexes.items()},
        )
        for held in state.values()
    }  # fmt: skip


def outcome(plans: Sequence[CollectionPlan], read: Documents) -> dict[str, Any]:
    found = {}
    for plan in plans:
        kept = [final for raw in read.get(plan.origin or "", ()) if (final := plan.changes.apply(raw)) is not None]
        indexes = {str(spec["name"]): spec["key"] for spec in plan.indexes}
        found[plan.name] = sorted([*kept, *plan.changes.born()]), dict(plan.options), indexes
    return found
