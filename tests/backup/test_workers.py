"""Working side by side: everything once, stop together, the first failure is told."""

import threading
import time
from collections.abc import Callable

import pytest

from drx.backup.workers import Meter, side_by_side
from drx.errors import Cancelled


def never() -> bool:
    return False


@pytest.mark.parametrize("workers", [1, 4])
def test_each_item_is_done_once(workers: int) -> None:
    done: list[int] = []
    side_by_side(lambda item, check: done.append(item), range(100), workers, never)
    assert sorted(done) == list(range(100))
    assert workers > 1 or done == list(range(100))


def test_items_overlap() -> None:
    meeting = threading.Barrier(3, timeout=10)
    met: list[int] = []
    side_by_side(lambda item, check: met.append(meeting.wait()), range(3), 3, never)
    assert sorted(met) == [0, 1, 2]


def test_the_first_failure_stops_the_others_and_is_raised() -> None:
    started: list[int] = []

    def work(item: int, check: Callable[[], None]) -> None:
        started.append(item)
        if item == 1:
            raise OSError("disk full")
        for _ in range(1000):
            time.sleep(0.01)
            check()
        raise AssertionError("nobody stopped it")

    with pytest.raises(OSError, match="disk full"):
        side_by_side(work, range(100), 2, never)
    assert sorted(started) == [0, 1]


def test_a_failure_of_the_items_themselves_is_raised() -> None:
    def items() -> object:
        yield 1
        raise ValueError("the source broke")

    with pytest.raises(ValueError, match="the source broke"):
        side_by_side(lambda item, check: None, items(), 2, never)  # type: ignore[arg-type]


def test_a_cancelled_run_starts_nothing_more() -> None:
    done: list[int] = []
    with pytest.raises(Cancelled):
        side_by_side(lambda item, check: done.append(item), range(100), 2, lambda: len(done) >= 5)
    assert 5 <= len(done) <= 6


def test_a_meter_loses_nothing() -> None:
    seen: list[tuple[int, int | None, str]] = []
    meter = Meter(lambda done, total, unit: seen.append((done, total, unit)), 400, "documents")
    side_by_side(lambda item, check: meter.add(1), range(400), 4, never)
    assert seen == [(number, 400, "documents") for number in range(1, 401)]
