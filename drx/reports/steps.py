"""Each visit to a step, and each rollback, expected against actual. Pure: the engine gives the facts their meaning."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate

from drx.engine.events import (
    AbortRequested,
    Answered,
    Event,
    PauseRequested,
    RetryScheduled,
    RunResumed,
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
from drx.engine.replacing import replace
from drx.engine.terms import Part, QuestionKind
from drx.engine.visit import Status, StepFact, Visit, evolve_visit, interrupt
from drx.reports.shapes import Check, Scalar, StepTiming
from drx.reports.text import title_of
from drx.reports.timeline import Span
from drx.values import Json

Key = tuple[str, int, bool]
"""A row: step, visit, and whether it is the rollback."""

UNENDED = frozenset({Status.PENDING, Status.RUNNING, Status.RETRYING, Status.WAITING, Status.INTERRUPTED})


@dataclass(frozen=True)
class Row:
    """A visit, or its rollback, as the engine sees it, and who answered for it."""

    visit: Visit
    rollback: bool
    by: str = ""
    idle_since: datetime | None = None
    """When its newest attempt ended, or was found interrupted."""
    waits: tuple[tuple[datetime, datetime], ...] = ()
    """From there to what a person decided about it."""


class Rows:
    """Follows every visit through the events, one event at a time."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._rows: dict[Key, Row] = {}
        self._open: dict[Key, None] = {}
        """Rows that an abort or a resume may still change, in a steady order."""
        self._pausing = False

    def take(self, event: Event) -> None:
        """Let the event change the rows it is about."""
        match event.fact:
            case Answered() as fact if fact.question is QuestionKind.INPUT:
                pass
            case PauseRequested():
                self._pausing = True
            case RunResumed():
                self._pausing = False
                self._change_open(lambda row: replace(_interrupted(row), idle_since=event.at))
            case AbortRequested():
                self._change_open(lambda row: _cancelled(row, event.at))
            case (
                StepStarted() | StepSucceeded() | StepFailed() | StepTimedOut() | StepCancelled()
                | StepSkipped() | StepWaiting() | RetryScheduled() | StepIgnored() | Answered()
            ) as fact:  # fmt: skip
                self._change(fact, event)
            case _:
                pass

    def all(self) -> Sequence[Row]:
        """Every row, in the order in which they began."""
        return tuple(self._rows.values())

    def _change(self, fact: StepFact, event: Event) -> None:
        rollback = getattr(fact, "part", Part.WORK) is Part.ROLLBACK
        key = (fact.step, fact.visit, rollback)
        row = self._rows.get(key) or Row(Visit(fact.step, fact.visit, event.seq, event.at), rollback)
        visit = evolve_visit(self._plan.steps[fact.step], row.visit, fact, event, pausing=self._pausing)
        if rollback:
            visit = replace(visit, status=_status_of_rollback(fact, pausing=self._pausing))
        by = event.by.user if isinstance(fact, Answered) and not fact.scripted else row.by
        self._rows[key] = _waited(replace(row, visit=visit, by=by), fact, event.at)
        if visit.status in UNENDED:
            self._open[key] = None
        else:
            self._open.pop(key, None)

    def _change_open(self, change: Callable[[Row], Row]) -> None:
        for key in self._open:
            self._rows[key] = change(self._rows[key])
        self._open = {key: None for key in self._open if self._rows[key].visit.status in UNENDED}


def _waited(row: Row, fact: StepFact, at: datetime) -> Row:
    if isinstance(fact, StepFailed | StepTimedOut | StepCancelled):
        return replace(row, idle_since=at)
    if isinstance(fact, Answered) and fact.question is not QuestionKind.STEP and row.idle_since is not None:
        return replace(row, idle_since=None, waits=(*row.waits, (row.idle_since, at)))
    return row


def _status_of_rollback(fact: StepFact, *, pausing: bool) -> Status:
    match fact:
        case StepSucceeded():
            return Status.ROLLED_BACK
        case StepFailed():
            return Status.FAILED
        case StepTimedOut():
            return Status.TIMED_OUT
        case StepCancelled():
            return Status.INTERRUPTED if pausing else Status.CANCELLED
        case _:
            return Status.RUNNING


def _interrupted(row: Row) -> Row:
    visit = interrupt(row.visit)
    if row.rollback and row.visit.in_flight:
        visit = replace(visit, status=Status.INTERRUPTED)
    return replace(row, visit=visit)


def _cancelled(row: Row, at: datetime) -> Row:
    """What stands idle is over when the run is aborted; an attempt under way says so itself."""
    if row.rollback or row.visit.in_flight:
        return row
    return replace(row, visit=replace(row.visit, status=Status.CANCELLED, ended_at=at))


class Pauses:
    """How much of a stretch of time fell into gaps."""

    def __init__(self, gaps: Iterable[Span]) -> None:
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []
        for gap in sorted(gaps, key=lambda span: (span.start, span.end)):
            if self._ends and gap.start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], gap.end)
            elif gap.start < gap.end:
                self._starts.append(gap.start)
                self._ends.append(gap.end)
        lengths = (end - start for start, end in zip(self._starts, self._ends, strict=True))
        self._before = list(accumulate(lengths, initial=timedelta()))

    def within(self, start: datetime, end: datetime) -> timedelta:
        """The time in gaps between two moments."""
        return self._until(end) - self._until(start)

    def _until(self, moment: datetime) -> timedelta:
        index = bisect_right(self._starts, moment) - 1
        if index < 0:
            return timedelta()
        return self._before[index] + min(moment, self._ends[index]) - self._starts[index]


def timings(plan: Plan, rows: Sequence[Row], gaps: Iterable[Span], end_of_run: datetime) -> tuple[StepTiming, ...]:
    """Give each row with its planned and its actual time."""
    pauses = Pauses(gaps)
    return tuple(_timing(plan, row, pauses, end_of_run) for row in rows)


def _timing(plan: Plan, row: Row, pauses: Pauses, end_of_run: datetime) -> StepTiming:
    visit, step = row.visit, plan.steps[row.visit.step]
    ended = None if visit.status in UNENDED else visit.ended_at
    end = max(ended or end_of_run, visit.opened_at)
    waits = ((min(since, end), min(until, end)) for since, until in row.waits)
    waited = sum((until - since - pauses.within(since, until) for since, until in waits), timedelta())
    return StepTiming(
        step=step.id,
        title=title_of(step),
        phase=step.phase,
        visit=visit.number,
        rollback=row.rollback,
        group=step.is_group,
        status=visit.status,
        attempts=visit.attempt,
        expected=None if row.rollback else step.expect,
        started=visit.opened_at,
        ended=ended,
        actual=end - visit.opened_at - pauses.within(visit.opened_at, end) - waited,
        waited=waited,
        by=row.by,
        recovered=step.recovered and not row.rollback,
    )


def checks(plan: Plan, rows: Sequence[Row]) -> tuple[Check, ...]:
    """Give what the steps that judge the result counted, by their newest visit."""
    judges = {step.id for step in plan.steps.values() if step.phase is Phase.PASS and not step.is_group}
    newest = {row.visit.step: row.visit for row in rows if row.visit.step in judges and not row.rollback}
    return tuple(
        Check(step, title_of(plan.steps[step]), visit.status, _scalars(visit.outputs)) for step, visit in newest.items()
    )


def _scalars(outputs: Mapping[str, Json]) -> Mapping[str, Scalar]:
    return {name: value for name, value in outputs.items() if isinstance(value, Scalar)}


def not_reached(plan: Plan, rows: Sequence[Row]) -> tuple[str, ...]:
    """Name the steps to which the run never came; of a group that it never came to, only the group."""
    visited = {row.visit.step for row in rows}
    return tuple(
        step
        for step in plan.steps
        if step not in visited and (plan.places[step].group is None or plan.places[step].group in visited)
    )
