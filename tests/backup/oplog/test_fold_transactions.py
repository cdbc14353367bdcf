"""Transactions of the oplog: in one entry, in several, prepared, nested, and what only looks like one."""

import pytest
from bson import Timestamp

from drx.backup.oplog.capture import concerns
from drx.backup.oplog.entry import parse
from drx.backup.oplog.history import KINDS, find_events
from drx.errors import StepError
from tests.backup.entries import BASE, FIRST, ONE, SESSION, Log, after, final, ids, insert


def test_a_transaction_in_one_entry_happens_at_once() -> None:
    log = Log()
    ts = log.add("c", "admin.$cmd", {"applyOps": [insert(1), insert(9, "other.c"), insert(2)]}, **SESSION, **FIRST)
    assert ids(log.fold()) == [1, 2]
    assert log.fold(until=ts) == {}


def test_a_transaction_in_several_entries_waits_for_the_last() -> None:
    log = Log()
    first = log.add("c", "admin.$cmd", {"applyOps": [insert(1)], "partialTxn": True}, **SESSION, **FIRST)
    log.add("i", "db.c", {"_id": 5})
    second = log.add("c", "admin.$cmd", {"applyOps": [insert(2)], "partialTxn": True}, **SESSION, **after(first))
    last = log.add("c", "admin.$cmd", {"applyOps": [insert(3)], "count": 3}, **SESSION, **after(second))
    assert ids(log.fold(until=last)) == [5]
    assert ids(log.fold()) == [5, 1, 2, 3]


@pytest.mark.parametrize(("command", "expected"), [("commitTransaction", [1, 2]), ("abortTransaction", []), (None, [])])
def test_a_prepared_transaction_waits_for_its_commit(command: str | None, expected: list[int]) -> None:
    log = Log()
    first = log.add("c", "admin.$cmd", {"applyOps": [insert(1)], "partialTxn": True}, **SESSION, **FIRST)
    second = log.add("c", "admin.$cmd", {"applyOps": [insert(2)], "prepare": True}, **SESSION, **after(first))
    if command:
        log.add("c", "admin.$cmd", {command: 1, "commitTimestamp": second}, **SESSION, **after(second))
    assert ids(log.fold()) == expected


def test_a_transaction_without_its_beginning_is_refused() -> None:
    log = Log()
    log.add("c", "admin.$cmd", {"applyOps": [insert(3)]}, **SESSION, **after(Timestamp(99, 1)))
    with pytest.raises(StepError, match=r"beginning of the transaction that ends at 100\.1"):
        log.fold()


def test_an_oplog_may_begin_with_the_end_of_a_transaction_that_the_base_holds() -> None:
    """A capture begins at the newest entry, which may be such an end, or before it with another one that goes on."""
    for entry in ({"applyOps": [insert(3)]}, {"commitTransaction": 1}):
        log = Log()
        log.add("c", "admin.$cmd", entry, **SESSION, **after(Timestamp(99, 1)))
        log.add("i", "db.c", {"_id": 4})
        assert ids(log.fold(end=1)) == [4]
        with pytest.raises(StepError, match=r"beginning of the transaction that ends at 100\.1"):
            log.fold()
        assert find_events(log.entries, kinds=KINDS, database="db", since=Timestamp(1, 1)) == []
    log = Log()
    log.add("c", "admin.$cmd", {"applyOps": [insert(3)], "partialTxn": True}, **SESSION, **after(Timestamp(99, 1)))
    with pytest.raises(StepError, match=r"beginning of the transaction that ends at 100\.1"):
        log.fold(end=1)


def test_a_batch_of_writes_without_a_session_waits_for_its_last_entry() -> None:
    """Servers delete many documents in one go so; the parts have neither lsid nor txnNumber."""
    log = Log()
    first = log.add("c", "admin.$cmd", {"applyOps": [insert(1)], "partialTxn": True}, **FIRST)
    second = log.add("c", "admin.$cmd", {"applyOps": [insert(2)], "partialTxn": True}, **after(first))
    last = log.add("c", "admin.$cmd", {"applyOps": [insert(3)]}, **after(second))
    log.add("c", "admin.$cmd", {"applyOps": [insert(4)]})
    assert ids(log.fold(until=last)) == []
    assert ids(log.fold()) == [1, 2, 3, 4]
    assert all(concerns(parse(raw), "other") for raw in log.entries[:3])


def test_a_transaction_that_was_given_up_unsaid_leaves_nothing() -> None:
    log = Log()
    log.add("c", "admin.$cmd", {"applyOps": [insert(1)], "partialTxn": True}, **SESSION, **FIRST)
    log.add("c", "admin.$cmd", {"applyOps": [insert(2)]}, **SESSION, **FIRST)
    assert ids(log.fold()) == [2]


def test_retryable_writes_point_back_and_are_no_transaction() -> None:
    log = Log()
    note = {"preImageOpTime": {"ts": Timestamp(100, 1), "t": 1}, "stmtId": 0, "fromMigrate": True}
    log.add("n", "db.c", {"_id": 1, "n": 0}, **SESSION)
    log.add("i", "db.c", {"_id": 1}, ui=ONE, **SESSION, **FIRST, stmtId=0)
    log.add("u", "db.c", {"$v": 2, "diff": {"i": {"n": 1}}}, o2={"_id": 1}, ui=ONE, **SESSION,
            **after(Timestamp(100, 2)), **note)  # fmt: skip
    log.add("i", "db.c", {"_id": 2}, ui=ONE, **SESSION, **after(Timestamp(100, 3)), needsRetryImage="postImage")
    log.add("d", "db.c", {"_id": 2}, ui=ONE, **SESSION, **after(Timestamp(100, 4)), **note)
    assert final(log.fold(BASE)["c"]) == [{"_id": 1, "n": 1}]


def test_vectored_inserts_are_no_transaction() -> None:
    log = Log()
    log.add("c", "admin.$cmd", {"applyOps": [insert(1)]}, **SESSION, **after(Timestamp(9, 9)), multiOpType=1)
    log.add("c", "admin.$cmd", {"applyOps": [insert(2)]}, **SESSION, **after(Timestamp(9, 9)), multiOpType=1)
    log.add("c", "admin.$cmd", {"applyOps": [insert(3)]}, **SESSION, **after(Timestamp(9, 9)), multiOpType=2)
    assert ids(log.fold()) == [1, 2, 3]


def test_a_batch_that_is_applied_as_a_whole_may_have_several_entries() -> None:
    log = Log()
    mark = {"multiOpType": 2}
    first = log.add("c", "admin.$cmd", {"applyOps": [insert(1)], "partialTxn": True}, **SESSION, **FIRST, **mark)
    last = log.add("c", "admin.$cmd", {"applyOps": [insert(2)]}, **SESSION, **after(first), **mark)
    assert ids(log.fold(until=last)) == []
    assert ids(log.fold()) == [1, 2]


def test_nested_apply_ops_are_opened() -> None:
    log = Log()
    inner = {"op": "c", "ns": "admin.$cmd", "o": {"applyOps": [insert(2), {"op": "n", "ns": "", "o": {}}]}}
    create = {"op": "c", "ns": "db.$cmd", "o": {"create": "d"}}
    log.add("c", "admin.$cmd", {"applyOps": [insert(1), inner, create]})
    plans = log.fold()
    assert ids(plans) == [1, 2]
    assert ids(plans, "d") == []
    assert "d" in plans
