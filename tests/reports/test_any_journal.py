"""Any journal, possible or not, gives figures that add up, and documents that can be read back."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as some

from drx.engine.events import (
    AbortRequested,
    ActionItemAdded,
    ActionItemClosed,
    Answered,
    Author,
    ClockDiverged,
    ClockStarted,
    Event,
    Fact,
    InputGiven,
    MachineSlept,
    NoteAdded,
    NotificationFailed,
    NotificationHeld,
    NotificationSent,
    PauseRequested,
    RetryScheduled,
    ReviewAnswered,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    StepCancelled,
    StepFailed,
    StepIgnored,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    StepTimedOut,
    StepWaiting,
)
from drx.engine.plan import Phase
from drx.engine.terms import Choice, FailureKind, Mode, Outcome, Part, QuestionKind
from drx.reports.annotations import annotations
from drx.reports.document import read_history, read_report, report_json
from drx.reports.facts import gather
from drx.reports.junit import report_junit
from drx.reports.markdown import report_markdown
from drx.reports.shapes import Split, Word
from drx.reports.timeline import Category
from drx.reports.trend import History, Past
from drx.reports.verdict import verdict_lines
from drx.reports.webpage import report_html
from tests.reports.builder import ANNA, BEN, START, Journal, automated, group, human, incident_plan
from tests.reports.pages import well_formed

MOMENTS = some.integers(0, 10**9).map(lambda micro: START + timedelta(microseconds=micro))


PLAN = incident_plan(
    automated("first", verify=True, rollback=True),
    automated("seed", phase=Phase.SETUP),
    automated("fault", phase=Phase.FAULT),
    automated("detect", phase=Phase.DETECT),
    human("people", "Do it.", kind="approve"),
    group("side", a=(automated("side/a", timeout=1),), b=(human("side/b", "And that?"),)),
    automated("served", recovered=True),
    automated("judge", phase=Phase.PASS),
    automated("tidy", phase=Phase.CLEANUP),
)
STEPS = some.sampled_from(sorted(PLAN.steps))
PARTS = some.sampled_from(Part)
SMALL = some.integers(1, 3)
WORDS = some.text(max_size=30)
LINES = some.lists(WORDS, max_size=3).map(tuple)


def facts() -> some.SearchStrategy[Fact]:
    """Any fact, possible at that moment or not."""
    made: list[some.SearchStrategy[Any]] = [
        some.builds(RunResumed, some.floats(0, 9), some.booleans()),
        some.builds(PauseRequested, WORDS),
        some.just(RunPaused()),
        some.builds(AbortRequested, WORDS, some.sampled_from(["person", "signal", "policy"])),
        some.builds(RunFinished, some.sampled_from(Outcome), WORDS),
        some.builds(InputGiven, WORDS, some.none()),
        some.builds(ClockStarted, MOMENTS, some.sampled_from(["fault", "input", "run", "person"])),
        some.builds(ClockDiverged, some.floats(-9, 9)),
        some.builds(MachineSlept, some.floats(-9, 9)),
        some.builds(StepStarted, STEPS, SMALL, SMALL, PARTS),
        some.builds(
            StepSucceeded, STEPS, SMALL, SMALL, PARTS, some.just({"missing": 0, "note": "x", "list": [1]}),
            LINES, proven_until=some.none() | MOMENTS,
        ),
        some.builds(StepFailed, STEPS, SMALL, SMALL, PARTS, WORDS, WORDS, some.sampled_from(FailureKind), lines=LINES),
        some.builds(StepTimedOut, STEPS, SMALL, SMALL, PARTS, some.booleans(), LINES),
        some.builds(StepCancelled, STEPS, SMALL, SMALL, PARTS, some.booleans()),
        some.builds(StepSkipped, STEPS, SMALL, WORDS),
        some.builds(StepWaiting, STEPS, SMALL),
        some.builds(RetryScheduled, STEPS, SMALL, MOMENTS),
        some.builds(StepIgnored, STEPS, SMALL, some.none() | STEPS),
        some.builds(
            Answered, STEPS, SMALL, some.sampled_from(QuestionKind), some.sampled_from(Choice),
            some.just("first"), WORDS, some.booleans(),
        ),
        some.builds(NoteAdded, WORDS),
        some.builds(ReviewAnswered, WORDS, WORDS),
        some.builds(ActionItemAdded, WORDS, WORDS, some.dates()),
        some.builds(ActionItemClosed, some.integers(-1, 3), WORDS),
        some.builds(NotificationSent, WORDS, WORDS),
        some.builds(NotificationFailed, WORDS, WORDS, WORDS),
        some.builds(NotificationHeld, WORDS, WORDS),
    ]  # fmt: skip
    return some.one_of(made)


def journals() -> some.SearchStrategy[list[Event]]:
    """A run's start and anything after it, the wall clock jumping back and ahead."""
    passed = some.integers(-2_000_000, 9_000_000) | some.integers(-(10**12), 10**12)  # a clock that is set, by days
    steps = some.tuples(passed, some.sampled_from([ANNA, BEN]), facts())

    def number(happenings: list[tuple[int, Author, Fact]]) -> list[Event]:
        events, now = list(Journal(PLAN).events), START
        for seq, (micro, by, fact) in enumerate(happenings, start=2):
            now += timedelta(microseconds=micro)
            events.append(Event(seq, now, 0.0, by, fact))
        return events

    return some.lists(steps, max_size=40).map(number)


DURATIONS = some.none() | some.timedeltas(timedelta(), timedelta(days=4000))


def histories() -> some.SearchStrategy[History]:
    """Any drills before a run, in any order, measured or not."""
    drill = some.builds(Past, WORDS, WORDS, WORDS, MOMENTS, some.sampled_from(Word), DURATIONS, DURATIONS)
    return some.builds(History, some.lists(drill, max_size=15).map(tuple), some.just("7b"))


def spent(found: Split) -> list[timedelta]:
    """The six parts."""
    return [getattr(found, category.value) for category in Category]


@settings(max_examples=80, deadline=None)
@given(journals(), some.sampled_from(Mode), histories())
def test_any_journal_adds_up_and_can_be_reported(events: list[Event], mode: Mode, history: History) -> None:
    started = events[0].fact
    assert isinstance(started, RunStarted)
    events[0] = replace(events[0], fact=replace(started, mode=mode))
    found = gather(PLAN, events)
    for span in (found.whole, found.until_recovered):
        if span is not None:
            assert sum(spent(span), timedelta()) == span.total
            assert all(part >= timedelta() for part in spent(span))
    assert found.whole.total == max(found.ended - found.started, timedelta())
    assert all(step.actual >= timedelta() for step in found.steps)
    assert found.rpo.actual is None or found.rpo.actual >= timedelta()
    measured = mode in (Mode.INCIDENT, Mode.DRILL)
    assert (found.rto.actual is None) == (not measured or found.until_recovered is None)
    assert found == gather(PLAN, events)
    assert report_markdown(found, history) == report_markdown(found, history)
    assert read_report(report_json(found, history)) == found
    assert read_history(report_json(found, history)) == history
    page = report_html(found, history)
    assert page == report_html(found, history)
    assert well_formed(page)
    assert ElementTree.fromstring(report_junit(found)).find("testsuite") is not None
    assert all(re.fullmatch(r"::[a-z]+ title=[^:,\n]*::[^\n]*", line) for line in annotations(found))
    assert verdict_lines(found)[0].startswith(found.verdict.word.value)
