"""Parts of transactions: each comes out once and in order, wherever it waited, and nothing of it is left."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from bson import Timestamp, encode
from hypothesis import given
from hypothesis import strategies as st

from drx.backup.oplog.fold import fold
from drx.backup.oplog.parts import Parts
from drx.errors import StepError
from tests.backup.entries import FIRST, LATER, SESSION, after
from tests.disks import room_for
from tests.memory import memory_below

KEYS = st.sampled_from([b"", b"one", b"two"])
MEGABYTE = 1 << 20
SIZE_BYTES, COUNT = 4 * MEGABYTE, 50


@given(
    st.lists(st.tuples(st.sampled_from(["add", "anew", "take", "drop"]), KEYS, st.binary(max_size=20)), max_size=60),
    st.sampled_from([0, 15, 1000]),
)
def test_it_does_what_lists_in_memory_would(steps: list[tuple[str, bytes, bytes]], most_bytes: int) -> None:
    parts, model = Parts(most_bytes), dict[bytes, list[bytes]]()
    for step, key, part in steps:
        match step:
            case "take":
                assert list(parts.take(key)) == model.pop(key, [])
            case "drop":
                parts.drop(key)
                model.pop(key, None)
            case _:
                parts.add(key, part, anew=step == "anew")
                model[key] = [*([] if step == "anew" else model.get(key, [])), part]
        assert set(parts.keys()) == model.keys()
        assert all((key in parts) is (key in model) for key in (b"", b"one", b"two"))
    for key in parts.keys():  # noqa: SIM118 - it is no mapping
        assert list(parts.take(key)) == model[key]
    if parts._file:
        assert parts._file.seek(0, 2) == 0
    assert parts._used_bytes == parts._placed == 0


def test_a_full_disk_is_said_with_what_to_do() -> None:
    parts = Parts(10)
    parts.add(b"key", b"in memory", anew=True)
    parts.add(b"key", b"on the disk", anew=False)
    with room_for(15), pytest.raises(StepError, match="the parts of large transactions: ") as caught:
        parts.add(b"key", b"in part on the disk", anew=False)
    assert "TMPDIR" in caught.value.remedy


def test_no_room_for_a_temporary_file_is_said_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(StepError, match="the parts of large transactions: No such file"):
        Parts(0).add(b"key", b"part", anew=True)


def test_a_transaction_larger_than_the_memory_is_folded() -> None:
    with memory_below(20 * SIZE_BYTES):
        (plan,) = fold(
            _large(), database="db", base=(), until=LATER, consistent_from=Timestamp(1, 1), memory_bytes=SIZE_BYTES
        )
        assert sum(1 for _ in plan.changes.born()) == COUNT


def _large() -> Iterator[bytes]:
    before = FIRST
    for number in range(COUNT):
        inserted = {"op": "i", "ns": "db.c", "o": {"_id": number, "x": bytes([number]) * SIZE_BYTES}}
        more = {"partialTxn": True} if number < COUNT - 1 else {}
        ts = Timestamp(100, number + 1)
        yield encode({
            "op": "c", "ns": "admin.$cmd", "o": {"applyOps": [inserted], **more}, "ts": ts, **SESSION, **before,
        })  # fmt: skip
        before = after(ts)
