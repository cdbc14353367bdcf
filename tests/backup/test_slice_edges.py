"""However the oplog is cut into slices, a restore to any moment sees what the whole oplog says of that moment."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from bson import Binary, Int64, Timestamp, encode
from hypothesis import given
from hypothesis import strategies as st

from drx.backup.format.catalog import list_differentials, slice_keys
from drx.backup.format.manifest import Manifest, SliceManifest, to_json
from drx.backup.format.members import MemberBuffer, MemberWriter
from drx.backup.oplog.differential import take_differential
from drx.backup.oplog.entry import position_in, position_of, timestamp_of
from drx.backup.oplog.fold import fold
from drx.backup.oplog.slices import read_chain
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Store
from drx.errors import PermanentError, StepError
from tests.backup.entries import LATER, final
from tests.backup.pieces import DATABASE, SERVICE, put_base

BASE = 100
"""The second of the base; every entry comes later."""
Outcome = dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]


class History:
    """Entries as servers write them; some share their moment with the one before."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.number = 0
        self.open: dict[int, tuple[Timestamp, bool]] = {}
        """By transaction: where its newest part lies, and whether it is prepared."""
        self.sessions = 0

    @property
    def now(self) -> Timestamp:
        return Timestamp(BASE + 1 + self.number // 4, 1 + self.number % 4)

    def add(self, op: str, collection: str, o: dict[str, Any], **more: Any) -> None:
        self.entries.append(
            encode({"op": op, "ns": f"{DATABASE}.{collection}", "o": o, "ts": self.now, "v": 2, **more})
        )

    def document(self) -> dict[str, Any]:
        return {"_id": len(self.entries)}

    def part(self, session: int, before: Timestamp | None, o: dict[str, Any]) -> None:
        """Write an entry of a transaction after its newest part."""
        link = {"prevOpTime": {"ts": before or Timestamp(0, 0), "t": Int64(1)}}
        lsid = {"id": Binary(session.to_bytes(16, "big"), 4)}
        self.entries.append(
            encode({
                "op": "c", "ns": "admin.$cmd", "o": o, "ts": self.now, "v": 2, "lsid": lsid, "txnNumber": Int64(1),
                **link,
            })
        )  # fmt: skip

    def step(self, kind: str, choice: int) -> None:
        """Go on by one entry."""
        inner = {"applyOps": [{"op": "i", "ns": f"{DATABASE}.c", "o": self.document()}]}
        match kind:
            case "begin":
                self.sessions += 1
                self.part(self.sessions, None, inner | {"partialTxn": True})
                self.open[self.sessions] = (self.now, False)
            case "go on" if self.open:
                session = sorted(self.open)[choice % len(self.open)]
                before, is_prepared = self.open.pop(session)
                if is_prepared:
                    self.part(session, before, {("commitTransaction", "abortTransaction")[choice % 2]: 1})
                elif choice % 3:
                    more = {"partialTxn": True} if choice % 3 == 1 else {"prepare": True}
                    self.part(session, before, inner | more)
                    self.open[session] = (self.now, "prepare" in more)
                else:
                    self.part(session, before, inner)
            case "rename":
                names = {
                    "renameCollection": f"{DATABASE}.c",
                    "to": f"{DATABASE}.{'xyz'[choice % 3]}",
                    "dropTarget": True,
                }
                self.add("c", "$cmd", names)
            case "drop":
                self.add("c", "$cmd", {"drop": "cxyz"[choice % 4]})
            case _:
                self.add("i", "c", self.document())
        if kind == "begin" or choice % 5:
            self.number += 1


def archive(store: Store, entries: Sequence[bytes], start: Timestamp, end: Timestamp) -> None:
    """Write a slice of what lies between two moments, both inclusive."""
    held = [raw for raw in entries if position_of(start) <= position_in(raw) <= position_of(end)]
    key, manifest_key = slice_keys(SERVICE, start, end)
    with store.upload(key) as upload:
        writer = MemberWriter(upload, key)
        for raw in held:
            buffer = MemberBuffer(writer, with_ids=False)
            buffer.add([raw])
            buffer.flush()
        file = writer.finish()
    manifest = SliceManifest(SERVICE, DATABASE, start, end, len(held), file.size_bytes, file.sha256)
    store.put(manifest_key, to_json(manifest))


def outcome(entries: Iterable[bytes], until: Timestamp) -> Outcome | str:
    try:
        plans = fold(entries, database=DATABASE, base=[], until=until, consistent_from=Timestamp(BASE, 1))
    except StepError as error:  # a rename of what is not there
        return error.message
    return {plan.name: (dict(plan.options), final(plan)) for plan in plans}


kinds = st.sampled_from(["write", "write", "begin", "go on", "go on", "go on", "rename", "drop"])


@given(
    steps=st.lists(st.tuples(kinds, st.integers(0, 29)), min_size=1, max_size=30),
    cuts=st.sets(st.integers(0, 29), max_size=4), differential=st.booleans(),
)  # fmt: skip
def test_any_cut_and_any_moment(steps: list[tuple[str, int]], cuts: set[int], differential: bool) -> None:
    history = History()
    for kind, choice in steps:
        history.step(kind, choice)
    moments = [Timestamp(BASE, 1), *sorted({timestamp_of(position_in(raw)) for raw in history.entries})]
    ends = [*(moments[1 + cut] for cut in sorted(cuts) if cut + 1 < len(moments) - 1), moments[-1]]
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(DirectoryAddress(Path(folder)))
        base = put_base(store, "b1", BASE, {})
        start = base.end
        for number, end in enumerate(ends):
            archive(store, history.entries, start, end)
            start = end
            if differential and number == 0 and not isinstance(outcome(history.entries, LATER), str):
                take_differential(store, SERVICE, base, backup_id="d1", check=lambda: None)
        differentials = list_differentials(store, SERVICE)
        for moment in moments[1:]:
            for until in (moment, Timestamp(moment.time, moment.inc + 1), Timestamp(moment.time + 1, 0)):
                if position_of(until) - 1 > position_of(moments[-1]):
                    with pytest.raises(PermanentError, match="ends at"):
                        read_chain(store, SERVICE, base, until)
                elif until > base.end:
                    entries = read_chain(store, SERVICE, base, until, differentials=differentials)
                    assert outcome(entries, until) == outcome(history.entries, until)


def test_a_quiet_time_leads_to_the_base_itself(tmp_path: Path) -> None:
    store = open_store(DirectoryAddress(tmp_path))
    base: Manifest = put_base(store, "b1", BASE, {})
    quiet = Timestamp(BASE + 9, 1)
    archive(store, [], base.end, quiet)
    assert list(read_chain(store, SERVICE, base, quiet)) == []
    assert outcome(read_chain(store, SERVICE, base, quiet), quiet) == {}


@pytest.mark.parametrize("at", [Timestamp(BASE + 10, 2), Timestamp(BASE + 15, 1), Timestamp(BASE + 20, 1)])
def test_a_moment_in_a_gap_is_refused_with_the_gap(tmp_path: Path, at: Timestamp) -> None:
    """The first and the last moment that a gap leaves out, and one between; past it, there is no way at all."""
    store = open_store(DirectoryAddress(tmp_path))
    base = put_base(store, "b1", BASE, {})
    archive(store, [], base.end, Timestamp(BASE + 10, 1))
    archive(store, [], Timestamp(BASE + 20, 1), Timestamp(BASE + 30, 1))
    just_in_reach = Timestamp(BASE + 10, 2)
    assert list(read_chain(store, SERVICE, base, just_in_reach)) == []
    with pytest.raises(PermanentError, match="no slice holds the oplog between"):
        read_chain(store, SERVICE, base, Timestamp(at.time, at.inc + 1))
