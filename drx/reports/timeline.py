"""Where the time went: every moment of a run in exactly one category. Pure: the moments come from the events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise

from drx.engine.events import (
    AbortRequested,
    Answered,
    AttemptEnded,
    ClockStarted,
    Event,
    InputGiven,
    MachineSlept,
    NoteAdded,
    PauseRequested,
    RetryScheduled,
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
from drx.engine.plan import Phase, Plan
from drx.engine.terms import Mode, Part
from drx.reports.shapes import Split


class Category(StrEnum):
    """What a moment was spent on; where several hold, the first one listed counts."""

    GAPS = "gaps"
    DETECTION = "detection"
    AUTOMATION = "automation"
    VERIFICATION = "verification"
    RETRIES = "retries"
    PEOPLE = "people"


@dataclass(frozen=True)
class Span:
    """A stretch of time spent on something; spans may overlap."""

    start: datetime
    end: datetime
    category: Category


def split(spans: Iterable[Span], start: datetime, end: datetime) -> Split:
    """Give each moment from start to end to one category; what no span covers is drx's own time, automation."""
    end = max(start, end)
    edges: list[tuple[datetime, int, Category]] = []
    for span in spans:
        first, last = max(span.start, start), min(span.end, end)
        if first < last:
            edges += [(first, 1, span.category), (last, -1, span.category)]
    edges.sort(key=lambda edge: edge[0])
    totals = dict.fromkeys(Category, timedelta())
    covering = dict.fromkeys(Category, 0)
    moment = start
    for at, change, category in edges:
        totals[_owner(covering)] += at - moment
        covering[category] += change
        moment = at
    totals[_owner(covering)] += end - moment
    return Split(start=start, end=end, total=end - start, **{category.value: totals[category] for category in Category})


def _owner(covering: dict[Category, int]) -> Category:
    return next((category for category in Category if covering[category]), Category.AUTOMATION)


def end_of_run(events: Sequence[Event]) -> datetime:
    """The moment at which the run ended, was paused, or was last heard of."""
    last = events[0]
    for event in events:
        if isinstance(event.fact, RunFinished):
            return event.at
        if not (isinstance(last.fact, RunPaused) and isinstance(event.fact, NoteAdded)):
            last = event
    return last.at


def gaps(events: Sequence[Event]) -> list[Span]:
    """The times during which nobody held the run: from a pause, or the last sign of life, to the resume; and asleep."""
    found: list[Span] = []
    paused: datetime | None = None
    for before, event in pairwise(events):
        if isinstance(before.fact, RunPaused):
            paused = before.at
        if isinstance(event.fact, RunResumed):
            found.append(Span(paused or before.at, event.at, Category.GAPS))
            paused = None
        if isinstance(event.fact, MachineSlept):
            asleep = timedelta(seconds=max(event.fact.seconds, 0.0))
            found.append(Span(max(event.at - asleep, events[0].at), event.at, Category.GAPS))
    return found


def spans_of(plan: Plan, events: Sequence[Event], clock: datetime) -> list[Span]:
    """Everything that the time of a run was spent on."""
    walk = _Walk(plan, _retried(events))
    for event in events:
        walk.take(event)
    walk.close_all(end_of_run(events))
    return [*gaps(events), *_detection(plan, events, clock), *walk.found]


def _retried(events: Sequence[Event]) -> frozenset[tuple[str, int]]:
    """The visits in which an attempt was repeated, or was to be."""
    return frozenset(
        (event.fact.step, event.fact.visit)
        for event in events
        if isinstance(event.fact, RetryScheduled)
        or (isinstance(event.fact, StepStarted) and event.fact.attempt > 1 and event.fact.part is not Part.ROLLBACK)
    )


def _detection(plan: Plan, events: Sequence[Event], clock: datetime) -> list[Span]:
    """From the incident until the run starts; in a drill, until the fault is noticed."""
    noticing = [
        event.at
        for event in events
        if isinstance(event.fact, StepStarted | StepSucceeded | StepFailed | StepTimedOut | StepCancelled)
        and event.fact.part is not Part.ROLLBACK
        and plan.steps[event.fact.step].phase in (Phase.FAULT, Phase.DETECT)
    ]
    found = [Span(clock, events[0].at, Category.DETECTION)]
    if noticing:
        found.append(Span(max(clock, noticing[0]), noticing[-1], Category.DETECTION))
    return found


class _Walk:
    """Turns events into spans, one event at a time."""

    def __init__(self, plan: Plan, retried: frozenset[tuple[str, int]]) -> None:
        self.found: list[Span] = []
        self._plan = plan
        self._retried = retried
        self._mode = plan.mode
        self._attempts: dict[tuple[str, int, Part], datetime] = {}
        self._holds: dict[tuple[str, int], tuple[datetime, Category]] = {}
        self._quiet_since: datetime | None = None
        """The last thing that happened, notes aside."""

    def take(self, event: Event) -> None:
        """Note what begins and what ends with this event."""
        fact = event.fact
        if isinstance(fact, RunFinished | AbortRequested):
            self._end_holds(event.at)
        match fact:
            case RunStarted():
                self._mode = fact.mode
            case StepStarted():
                self._end_hold(fact.step, fact.visit, event.at)
                if not self._plan.steps[fact.step].is_group:
                    self._attempts[fact.step, fact.visit, fact.part] = event.at
            case StepSucceeded() | StepFailed() | StepTimedOut() | StepCancelled():
                self._end_hold(fact.step, fact.visit, event.at)
                self._end_attempt(fact, event.at)
            case StepWaiting():
                self._hold(fact.step, fact.visit, event.at, Category.PEOPLE)
            case RetryScheduled():
                self._hold(fact.step, fact.visit, event.at, Category.RETRIES)
            case StepSkipped() | StepIgnored() | Answered():
                self._end_hold(fact.step, fact.visit, event.at)
            case RunResumed():
                self._end_attempts(event.at)
            case _:
                pass
        self._listen(event)

    def close_all(self, at: datetime) -> None:
        """End what is still open."""
        self._end_holds(at)
        self._end_attempts(at)

    def _listen(self, event: Event) -> None:
        """Where nothing goes on until a person does something, that person was waited for."""
        if isinstance(event.fact, NoteAdded):
            return
        if self._quiet_since is not None and self._is_by_person(event):
            self.found.append(Span(self._quiet_since, event.at, Category.PEOPLE))
        self._quiet_since = event.at

    def _is_by_person(self, event: Event) -> bool:
        match event.fact:
            case Answered() as fact:
                return not fact.scripted
            case AbortRequested() as fact:
                return fact.source == "person"
            case ClockStarted() as fact:
                return fact.source in ("input", "person") and self._mode is not Mode.DRILL
            case InputGiven():
                return self._mode is not Mode.DRILL
            case _:
                return isinstance(event.fact, PauseRequested)

    def _hold(self, step: str, visit: int, at: datetime, category: Category) -> None:
        self._end_hold(step, visit, at)
        self._holds[step, visit] = (at, category)

    def _end_hold(self, step: str, visit: int, at: datetime) -> None:
        if held := self._holds.pop((step, visit), None):
            self.found.append(Span(held[0], at, held[1]))

    def _end_holds(self, at: datetime) -> None:
        for step, visit in list(self._holds):
            self._end_hold(step, visit, at)

    def _end_attempt(self, fact: AttemptEnded, at: datetime) -> None:
        started = self._attempts.pop((fact.step, fact.visit, fact.part), None)
        if started is not None:
            failed = isinstance(fact, StepFailed | StepTimedOut)
            vain = failed and (fact.step, fact.visit) in self._retried
            self.found.append(Span(started, at, self._category(fact.step, fact.part, vain=vain)))

    def _end_attempts(self, at: datetime) -> None:
        for (step, _, part), started in self._attempts.items():
            self.found.append(Span(started, at, self._category(step, part, vain=False)))
        self._attempts.clear()

    def _category(self, step: str, part: Part, *, vain: bool) -> Category:
        if self._plan.steps[step].phase is Phase.PASS:
            return Category.VERIFICATION
        if vain and part is not Part.ROLLBACK:
            return Category.RETRIES
        return Category.VERIFICATION if part is Part.VERIFY else Category.AUTOMATION
