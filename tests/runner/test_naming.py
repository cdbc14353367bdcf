"""What somebody types, and the run they mean."""

import pytest

from drx.errors import UsageError
from drx.runner.naming import named_run

DROP, LOSS = "2026-11-21T0800Z-db-drop-7f3a", "2026-11-21T0900Z-s3-loss-19be"
AGAIN = "2026-11-26T0700Z-db-drop-c001"
KNOWN = (DROP, LOSS, AGAIN)


@pytest.mark.parametrize(
    ("name", "run"),
    [(DROP, DROP), ("7f3a", DROP), ("s3-loss-19be", LOSS), ("2026-11-26", AGAIN), ("2026-11-21T09", LOSS)],
)
def test_an_id_its_end_and_its_beginning_name_a_run(name: str, run: str) -> None:
    assert named_run(KNOWN, name, "records") == run


@pytest.mark.parametrize(
    ("name", "message", "remedy"),
    [
        ("7f3b", "there is no run '7f3b' in records", f"Did you mean {DROP}?"),
        ("2026-11-21T0800Z-db-dorp-7f3a", "there is no run", f"Did you mean {DROP}?"),
        ("s3-lass-19be", "there is no run", f"Did you mean {LOSS}?"),
        ("2026-11-21", "'2026-11-21' means more than one run in records", f"Say which: {LOSS}, {DROP}"),
        ("zzzz", "there is no run 'zzzz'", f"The newest: {DROP}, {LOSS}, {AGAIN}"),
        ("", "there is no run ''", f"The newest: {DROP}, {LOSS}, {AGAIN}"),
    ],
)
def test_anything_else_is_said_with_what_may_be_meant(name: str, message: str, remedy: str) -> None:
    with pytest.raises(UsageError) as caught:
        named_run(KNOWN, name, "records")
    assert message in caught.value.message
    assert caught.value.remedy == remedy


def test_no_more_are_listed_than_fit() -> None:
    with pytest.raises(UsageError, match="and 7 more"):
        named_run([f"2026-{number:04}" for number in range(12)], "2026", "records")


def test_without_any_run_there_is_none() -> None:
    with pytest.raises(UsageError, match="there are none yet"):
        named_run([], "7f3a", "records")
