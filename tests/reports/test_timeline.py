"""Where the time went: every moment in exactly one category, for any events whatsoever."""

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from drx.engine.events import (
    ClockDiverged,
    MachineSlept,
    NoteAdded,
    PauseRequested,
    RetryScheduled,
    RunFinished,
    RunPaused,
    RunResumed,
    StepCancelled,
)
from drx.engine.terms import Choice, Outcome, Part, QuestionKind
from drx.reports.facts import gather
from drx.reports.pictures import time_bars
from drx.reports.shapes import Split
from drx.reports.steps import Pauses
from drx.reports.timeline import Category, Span, split
from tests.reports import runs
from tests.reports.builder import BEN, START, Journal, automated, group, human, incident_plan, seconds

MOMENTS = some.integers(0, 10**9).map(lambda micro: START + timedelta(microseconds=micro))


Triple = tuple[datetime, datetime, Category]


def parts(found: Split) -> list[timedelta]:
    """The six parts."""
    return [getattr(found, category.value) for category in Category]


@given(some.lists(some.tuples(MOMENTS, MOMENTS, some.sampled_from(Category))), MOMENTS, MOMENTS)
def test_every_moment_counts_once(
    spans: list[tuple[datetime, datetime, Category]], one: datetime, other: datetime
) -> None:
    start, end = min(one, other), max(one, other)
    found = split([Span(*span) for span in spans], start, end)
    assert sum(parts(found), timedelta()) == found.total == end - start
    assert all(part >= timedelta() for part in parts(found))


@given(some.lists(some.tuples(MOMENTS, MOMENTS, some.sampled_from(Category)), max_size=8))
def test_the_first_category_listed_counts(spans: list[Triple]) -> None:
    """Against the slow way: look at each stretch between two edges on its own."""
    edges = sorted({moment for first, last, _ in spans for moment in (first, last)})
    expected = dict.fromkeys(Category, timedelta())
    for start, end in pairwise(edges):
        covering = [category for first, last, category in spans if first <= start and end <= last]
        expected[min(covering, key=list(Category).index, default=Category.AUTOMATION)] += end - start
    if edges:
        found = split([Span(*span) for span in spans], edges[0], edges[-1])
        assert dict(zip(Category, parts(found), strict=True)) == expected


def test_one_category_at_a_time() -> None:
    def at(first: float, last: float, category: Category) -> Span:
        return Span(START + seconds(first), START + seconds(last), category)

    spans = [
        at(0, 10, Category.PEOPLE),
        at(2, 4, Category.AUTOMATION),
        at(3, 6, Category.RETRIES),
        at(9, 20, Category.GAPS),
    ]
    found = split(spans, START, START + seconds(22))
    assert found.automation == seconds(2 + 2)
    assert found.retries == seconds(2)
    assert found.people == seconds(2 + 3)
    assert found.gaps == seconds(11)


@given(some.lists(some.integers(0, 10**10), min_size=6, max_size=6))
def test_the_picture_adds_up_too(micros: list[int]) -> None:
    spans, now = [], START
    for category, micro in zip(Category, micros, strict=True):
        spans.append(Span(now, now + timedelta(microseconds=micro), category))
        now += timedelta(microseconds=micro)
    *rows, total = [line.split() for line in time_bars(split(spans, START, now))]

    def read(figure: str) -> float:
        if figure.endswith("s"):
            return round(float(figure.removesuffix("s")) * 10)
        hours, minutes, rest = figure.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + int(rest)

    assert sum(read(row[-2]) for row in rows) == read(total[-1])
    assert sum(int(row[-1].removesuffix("%")) for row in rows) == (100 if now > START else 0)
    assert sum(row[1].count("█") for row in rows) == (40 if now > START else 0)


def _paused(journal: Journal) -> Journal:
    journal.add(PauseRequested("lunch")).after(2).add(StepCancelled("a", 1, 1, Part.WORK), RunPaused())
    return journal.after(50).add(NoteAdded("back soon"), by=BEN).after(50).add(RunResumed(100, unattended=False))


def _killed(journal: Journal) -> Journal:
    return journal.after(2).add(ClockDiverged(1.5)).after(100).add(RunResumed(100, unattended=False))


@pytest.mark.parametrize("stop", [_paused, _killed])
def test_nobody_holding_the_run_is_a_gap(stop: Callable[[Journal], Journal]) -> None:
    journal = stop(Journal(incident_plan(automated("a", recovered=True))).start("a").after(3))
    journal.start("a", attempt=2).after(4).ends("a", attempt=2).add(RunFinished(Outcome.SUCCEEDED))
    found = gather(journal.plan, journal.events)
    assert found.whole.gaps == seconds(100)
    assert found.whole.automation == seconds(9)
    assert found.steps[0].actual == seconds(9)
    assert found.rto.actual == seconds(109)


def test_a_machine_that_slept_is_a_gap_with_a_deviation() -> None:
    journal = Journal(incident_plan(automated("a", recovered=True))).start("a").after(2)
    journal.after(3600).add(MachineSlept(3600.0)).after(3).ends("a").add(RunFinished(Outcome.SUCCEEDED))
    found = gather(journal.plan, journal.events)
    assert found.whole.gaps == seconds(3600)
    assert found.whole.automation == seconds(5)
    assert found.steps[0].actual == seconds(5)
    assert found.rto.actual == seconds(3605)
    assert [(deviation.kind.value, deviation.text) for deviation in found.deviations] == [
        ("asleep", "the machine that ran it was asleep for 1h")
    ]


def test_gaps_that_overlap_are_taken_out_once() -> None:
    gaps = [
        Span(START + seconds(first), START + seconds(last), Category.GAPS) for first, last in ((8, 9), (1, 4), (3, 6))
    ]
    pauses = Pauses(gaps)
    assert pauses.within(START, START + seconds(20)) == seconds(6)
    assert pauses.within(START + seconds(2), START + seconds(5)) == seconds(3)
    assert pauses.within(START + seconds(6), START + seconds(8)) == seconds(0)


def test_waiting_counts_for_people_only_while_nothing_else_goes_on() -> None:
    plan = incident_plan(group("g", a=(automated("g/a"),), b=(human("g/b", "Look."),)))
    journal = Journal(plan).start("g").start("g/a").waits("g/b").after(7).ends("g/a").after(5)
    journal.answers("g/b", Choice.DONE).ends("g").add(RunFinished(Outcome.SUCCEEDED))
    found = gather(plan, journal.events).whole
    assert (found.automation, found.people) == (seconds(7), seconds(5))


def test_a_question_after_a_failure_is_waiting_for_people() -> None:
    journal = Journal(incident_plan(automated("a"))).start("a").after(2).fails("a", "no").after(9)
    journal.add(NoteAdded("looking")).after(1).answers("a", Choice.RETRY, question=QuestionKind.FAILURE)
    journal.start("a", attempt=2).after(3).ends("a", attempt=2).add(RunFinished(Outcome.SUCCEEDED))
    found = gather(journal.plan, journal.events).whole
    assert (found.retries, found.people, found.automation) == (seconds(2), seconds(10), seconds(3))


def test_a_failure_that_is_not_repeated_is_no_retry() -> None:
    journal = Journal(incident_plan(automated("a"))).start("a").after(10).fails("a", "no")
    found = gather(journal.plan, journal.add(RunFinished(Outcome.FAILED)).events).whole
    assert (found.retries, found.automation) == (seconds(0), seconds(10))


def test_a_verification_that_is_not_repeated_is_no_retry() -> None:
    journal = Journal(incident_plan(automated("a", verify=True))).start("a").after(10).ends("a")
    journal.start("a", part=Part.VERIFY).after(3).fails("a", "no", part=Part.VERIFY)
    found = gather(journal.plan, journal.add(RunFinished(Outcome.FAILED)).events).whole
    assert (found.retries, found.automation, found.verification) == (seconds(0), seconds(10), seconds(3))


def test_vain_attempts_and_the_waits_between_them_are_retries() -> None:
    journal = Journal(incident_plan(automated("a"))).start("a").after(10).fails("a", "no")
    journal.add(RetryScheduled("a", 1, journal.now + seconds(5))).after(5).start("a", attempt=2).after(3)
    journal.fails("a", "no", attempt=2)
    found = gather(journal.plan, journal.add(RunFinished(Outcome.FAILED)).events).whole
    assert (found.retries, found.automation) == (seconds(18), seconds(0))


def test_a_drill_detects_from_the_fault_to_the_symptom() -> None:
    found = gather(runs.DRILL, runs.passed_drill().events)
    assert found.until_recovered is not None
    assert found.until_recovered.detection == seconds(1.51)
    assert found.whole.detection == seconds(1.51)


def test_an_incident_is_detected_when_its_run_starts() -> None:
    found = gather(runs.INCIDENT, runs.incident().events)
    assert found.until_recovered is not None
    assert found.until_recovered.detection == seconds(870 - 0.4)
    assert found.whole.detection == timedelta()
