"""Going on with a record that was handed over, while the process that had it is still on its way out."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from drx.cli import take_over
from drx.cli.take_over import once_let_go
from drx.engine.events import Author
from drx.errors import LockedError
from drx.journal import JOURNAL
from drx.journal.lock import Lock

BUSY = LockedError("the job is being run by ada", "Wait for it to end")


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take_over, "_LOOK_SECONDS", 0.01)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    (tmp_path / JOURNAL).touch()
    return tmp_path


def test_what_the_other_process_lets_go_last_is_waited_for(record: Path) -> None:
    outcomes: Iterator[LockedError | int] = iter([BUSY, BUSY, 0])

    def go_on() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, LockedError):
            raise outcome
        return outcome

    assert once_let_go(record, go_on) == 0


def test_what_is_never_let_go_is_said(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take_over, "_LEAVING_SECONDS", 0.05)
    tries = []

    def go_on() -> int:
        tries.append(1)
        raise BUSY

    with pytest.raises(LockedError, match="the job is being run by ada"):
        once_let_go(record, go_on)
    assert len(tries) > 1


def test_whoever_was_quicker_is_not_waited_for(record: Path) -> None:
    tries = []

    def go_on() -> int:
        tries.append(1)
        raise BUSY

    lock = Lock((record / JOURNAL).with_suffix(".lock"), Author("grace", "h", 1), "now")
    try:
        with pytest.raises(LockedError):
            once_let_go(record, go_on)
    finally:
        lock.release()
    assert len(tries) == 1
