"""Transactions of the oplog: in one entry, in several, prepared, nested, and what only looks like one."""

import pytest
from bson import Timestamp

from drx.errors import StepError
from tests.backup.entries import FIRST, SESSION, Log, after, ids, insert


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


def test_vectored_inserts_are_no_transaction() -> None:
    log = Log()
    log.add("c", "admin.$cmd", {"applyOps": [insert(1)]}, **SESSION, **after(Timestamp(9, 9)), multiOpType=1)
    log.add("c", "admin.$cmd", {"applyOps": [insert(2)]}, **SESSION, **after(Timestamp(9, 9)), multiOpType=1)
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
