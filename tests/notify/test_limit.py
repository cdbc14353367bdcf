"""Whether the same trouble is told again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drx.config.model import TROUBLE, About
from drx.notify.limit import Memory, counted, held_back, remembered
from drx.reports.notices import Notice

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
FAILED = Notice(About.FAILURE, "hourly-incremental", "production", "it failed", (), "", NOON)
QUIET = timedelta(hours=6)


def _over(hours: int, every: timedelta = timedelta(hours=1)) -> tuple[int, Memory]:
    """Let a job fail again and again; gives how often somebody was told."""
    memory: Memory = {}
    told = 0
    for number in range(hours):
        notice = replace(FAILED, at=NOON + number * every)
        held = bool(held_back(memory, notice, QUIET))
        memory = remembered(memory, notice, held=held)
        told += not held
    return told, memory


def test_a_job_that_fails_every_hour_for_thirty_hours_pages_five_times() -> None:
    told, memory = _over(30)
    assert told == 5
    ((_, last),) = memory.items()
    assert last.held == 5


def test_the_next_message_says_how_often_it_was_held_back() -> None:
    _, memory = _over(4)
    notice = counted(memory, replace(FAILED, at=NOON + QUIET))
    assert notice.what == ("It has happened 3 times since the last message about it.",)


@pytest.mark.parametrize(
    "other",
    [
        replace(FAILED, job="nightly-backup"),
        replace(FAILED, environment="staging"),
        replace(FAILED, about=About.MISSED),
        replace(FAILED, attended=True),
        replace(FAILED, about=About.SUCCESS),
        replace(FAILED, at=NOON - timedelta(hours=1)),
        replace(FAILED, at=NOON + QUIET),
    ],
    ids=["job", "environment", "kind", "attended", "no trouble", "clock set back", "quiet time over"],
)
def test_what_is_not_the_same_trouble_soon_again_is_told(other: Notice) -> None:
    memory = remembered({}, FAILED, held=False)
    assert held_back(memory, replace(FAILED, at=NOON + timedelta(hours=1)), QUIET)
    assert not held_back(memory, other, QUIET)


def test_every_trouble_is_limited() -> None:
    for about in TROUBLE:
        notice = replace(FAILED, about=about)
        reason = held_back(remembered({}, notice, held=False), notice, QUIET)
        assert reason == "the same was told 0s ago, and again after 6h at the earliest"
