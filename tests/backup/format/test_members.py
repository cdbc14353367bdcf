"""Members: everything in order, and none larger than it has to be, however the documents come."""

from pathlib import Path

import bson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drx.backup.format import members
from drx.backup.format.members import MemberBuffer, MemberWriter, read_member
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress

MOST = 1000
SIZES = st.lists(st.lists(st.sampled_from([1, 90, 400, 1100, 5000]), max_size=20), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SIZES)
def test_they_hold_everything_in_order_and_are_no_larger_than_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batches: list[list[int]]
) -> None:
    monkeypatch.setattr(members, "MEMBER_BYTES", MOST)
    store, given_in = open_store(DirectoryAddress(tmp_path)), list[bytes]()
    with store.upload("c.bson") as upload:
        writer = MemberWriter(upload, "c.bson")
        buffer = MemberBuffer(writer)
        for sizes in batches:
            documents = [bson.encode({"_id": len(given_in) + at, "x": b"x" * size}) for at, size in enumerate(sizes)]
            given_in += documents
            buffer.add(documents)
        buffer.flush()
        file = writer.finish()
    found = [read_member(store, "c.bson", member) for member in file.members]
    assert [document for each in found for document in each] == given_in
    for each in found:
        assert len(each) <= 1 or sum(map(len, each[:-1])) < 3 * MOST
