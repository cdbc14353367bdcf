"""Notes of restore tests: keys that tell the outcome, content that proves itself, turns between stores."""

from datetime import UTC, datetime, timedelta

import pytest

from drx.actions.restore_test import next_in_turn
from drx.backup.format.restore_tests import (
    RestoreTest,
    RestoreTestNote,
    is_test_key,
    key_of,
    read_note,
    read_tests,
    write_note,
)
from drx.errors import DamagedError

AT = datetime(2026, 11, 26, 3, 0, 0, 123456, UTC)
NOTE = RestoreTestNote("2026-11-26T0300Z-restore-test-7f3a", "b", True, "copy-1", "s3 eu", AT, documents=7)


def test_a_key_tells_the_outcome() -> None:
    key = key_of("svc/base/b/", NOTE)
    assert key == "svc/base/b/tests/20261126T030000123Z.2026-11-26T0300Z-restore-test-7f3a.passed.copy-1.json"
    assert is_test_key(key)
    (test,) = read_tests(["svc/base/b/manifest.json", key])
    assert (test.run, test.passed, test.store, test.key) == (NOTE.run, True, "copy-1", key)
    assert test.at == AT.replace(microsecond=123000)


@pytest.mark.parametrize(
    "key",
    [
        "svc/base/b/dump/db/tests.bson.gz",
        "svc/base/b/tests/20261126T030000123Z.x.passed.moon.json",
        "svc/base/b/tests/20261126T030000123Z.x.maybe.primary.json",
        "svc/base/b/tests/now.x.passed.primary.json",
        "svc/base/b/tests/x.json",
    ],
)
def test_other_keys_are_no_notes(key: str) -> None:
    assert not is_test_key(key)
    assert read_tests([key]) == ()


def test_a_moment_that_is_none_is_left_out() -> None:
    assert read_tests(["svc/base/b/tests/20261399T030000123Z.x.passed.primary.json"]) == ()


def test_a_note_proves_itself() -> None:
    data = write_note(NOTE)
    assert read_note(data, "note").documents == 7
    with pytest.raises(DamagedError, match="is not as it was written"):
        read_note(data.replace(b"7", b"9", 1), "note")


@pytest.mark.parametrize(
    ("tested", "labels", "chosen"),
    [
        ([], ["primary", "copy-1"], "primary"),
        (["primary"], ["primary"], "primary"),
        (["primary"], ["primary", "copy-1"], "copy-1"),
        (["primary", "copy-1"], ["primary", "copy-1"], "primary"),
        (["primary", "copy-1", "primary"], ["primary", "copy-1", "copy-2"], "copy-2"),
        (["copy-2", "primary", "copy-1", "primary"], ["primary", "copy-1", "copy-2"], "copy-2"),
    ],
)
def test_stores_take_turns(tested: list[str], labels: list[str], chosen: str) -> None:
    tests = [RestoreTest(f"r{n}", AT + timedelta(days=n), n % 2 == 0, store) for n, store in enumerate(tested)]
    assert next_in_turn(tests, labels) == chosen
