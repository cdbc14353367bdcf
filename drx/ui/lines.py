"""Put events into words, one line each. Pure: an event in, text out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from drx.engine.events import (
    AbortRequested,
    ActionItemAdded,
    ActionItemClosed,
    Answered,
    AttemptEnded,
    ClockDiverged,
    ClockStarted,
    Event,
    InputGiven,
    MachineSlept,
    NoteAdded,
    NotificationFailed,
    NotificationHeld,
    NotificationSent,
    PauseRequested,
    RetryScheduled,
    ReviewAnswered,
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
    TargetIdentified,
    TargetLost,
)
from drx.engine.plan import Automated, Human, Plan
from drx.engine.terms import Choice, FailureKind, Mode, Part
from drx.engine.ways import steps_by_defaults
from drx.reports.text import one_line, show_moment, show_target, visible
from drx.ui.cells import cells, cut, lines_of
from drx.units import show_duration, show_time

DONE, FAILED, RUNNING, WAITING, OTHER = "✓", "✗", "▶", "?", "·"
PLAIN_MARKS = {DONE: "ok", FAILED: "!!", RUNNING: "..", WAITING: "??", OTHER: "--"}
"""The marks where the terminal cannot show them."""

_ID_WIDTH = 16
_TAIL = 10
_SHORT_TAIL = 3
_LONGEST_OUTPUT = 200
_LEAST_ROOM = 20
_UNATTENDED_SKIP = "unattended: skip"
"""The engine's reason for a step of a person whom nobody stands in for."""


@dataclass(frozen=True)
class Line:
    """A mark and the text after it. `head` is what further lines are indented by; `figures` are always shown whole."""

    mark: str
    text: str
    head: str = ""
    figures: str = ""
    is_title: bool = False
    """Cut where it does not fit; everything else is wrapped."""


def fit(line: Line, columns: int | None, used: int) -> list[str]:
    """Lay a line out after `used` characters: a title is cut, the rest hangs. A path is never cut, nor broken.

    Without `columns` it stays one line.
    """
    text, figures = visible(line.text), visible(line.figures)
    if columns is None:
        return [line.head + text + figures]
    room = max(columns - used - cells(line.head), _LEAST_ROOM)
    if line.is_title:
        return [line.head + cut(text, max(room - len(figures), 1)) + figures]
    first, *others = lines_of(text + figures, room)
    indent = " " * (used + cells(line.head))
    # What is longer than the room, a path, begins at the margin: so most of them fit, and can be copied.
    return [line.head + first, *(other if cells(other) > room else indent + other for other in others)]


class Wording:
    """Words for the events of one run; remembers when attempts began."""

    def __init__(self, plan: Plan, *, asked_below: bool = False) -> None:
        """`asked_below`: the reader is asked elsewhere, and was told which steps the inputs leave out."""
        self._plan = plan
        self._asked_below = asked_below
        told = asked_below and plan.mode in (Mode.INCIDENT, Mode.TABLETOP)
        self._left_out = steps_by_defaults(plan) if told else frozenset()
        self._run = ""
        self._began: dict[tuple[str, Part], datetime] = {}
        self._unattended = False
        self._newest: Event | None = None

    def lines(self, event: Event) -> Iterator[Line]:
        """The lines that show an event; none for what a reader does not miss."""
        before = self._remember(event)
        match event.fact:
            case StepStarted() as fact:
                self._began[fact.step, fact.part] = event.at
                if not self._unattended:
                    yield from self._started(fact)
            case StepSucceeded() as fact:
                yield from self._succeeded(event, fact)
            case StepFailed() | StepTimedOut() | StepCancelled() as fact:
                yield from self._failed(event, fact)
            case StepSkipped() as fact if fact.step not in self._left_out:
                reason = "nobody is there (unattended)" if fact.reason == _UNATTENDED_SKIP else fact.reason
                yield _about(fact.step, OTHER, f"skipped: {reason}")
            case StepWaiting() as fact if not self._unattended:
                yield from self._waiting(fact)
            case RetryScheduled() as fact:
                wait = show_duration(max(fact.retry_at - event.at, timedelta(0)))
                yield _about(fact.step, OTHER, f"tried again in {wait}")
            case StepIgnored() as fact:
                where = f"at {fact.goto}" if fact.goto else "all the same"
                yield _about(fact.step, OTHER, f"failed; the run goes on {where}")
            case Answered() as fact:
                yield _answered(event, fact)
            case _:
                yield from _about_the_run(event, before)

    def _remember(self, event: Event) -> Event | None:
        """Keep what later lines need; gives the event before."""
        if isinstance(event.fact, RunStarted | RunResumed):
            self._unattended = event.fact.unattended
        if isinstance(event.fact, RunStarted):
            self._run = event.fact.run
        before, self._newest = self._newest, event
        return before

    def progress(self, step: str, done: int, total: int | None, unit: str) -> Line:
        """How far a running step is, and in which part of it."""
        of = f" of {total:,}" if total is not None else ""
        return _about(step, RUNNING, f"{self._part(step)}{done:,}{of} {unit}")

    def _part(self, step: str) -> str:
        if (step, Part.VERIFY) in self._began:
            return "verifying: "
        return "rolling back: " if (step, Part.ROLLBACK) in self._began else ""

    def _waiting(self, fact: StepWaiting) -> Iterator[Line]:
        """Somebody who only looks on has to see what is asked: it may be up to them."""
        yield _about(fact.step, WAITING, "waits for a person")
        if fact.prompt and not self._asked_below:
            yield Line("", one_line(fact.prompt), "  ")
            work = self._plan.steps[fact.step].work
            if isinstance(work, Human) and work.kind == "approve":
                yield Line("", f"drx approve {self._run} {fact.step}", "  ")

    def _started(self, fact: StepStarted) -> Iterator[Line]:
        step = self._plan.steps[fact.step]
        if fact.part is Part.ROLLBACK:
            yield _about(fact.step, RUNNING, "is rolled back")
        elif fact.part is Part.WORK and isinstance(step.work, Automated):
            again = f"   attempt {fact.attempt}" if fact.attempt > 1 else ""
            expected = f"   (expected {show_duration(step.expect)})" if step.expect is not None else ""
            yield _about(fact.step, RUNNING, step.title, again + expected, is_title=True)

    def _succeeded(self, event: Event, fact: StepSucceeded) -> Iterator[Line]:
        took, shown = self._took(event, fact)
        step = self._plan.steps[fact.step]
        if fact.part is not Part.WORK:
            yield _about(fact.step, DONE, "verified" if fact.part is Part.VERIFY else "rolled back", f"   {shown}")
            return
        overrun = step.expect is not None and took > step.expect
        expected = f"   (expected {show_duration(step.expect)})" if step.expect is not None and overrun else ""
        recovered = "   recovered" if step.recovered else ""
        yield _about(fact.step, DONE, step.title, f"   {shown}{expected}{recovered}", is_title=True)
        if not self._unattended:
            yield from _output(fact.lines[-_SHORT_TAIL:])

    def _failed(self, event: Event, fact: StepFailed | StepTimedOut | StepCancelled) -> Iterator[Line]:
        _, shown = self._took(event, fact)
        what = {Part.WORK: "", Part.VERIFY: "verification: ", Part.ROLLBACK: "rollback: "}[fact.part]
        if isinstance(fact, StepFailed) and fact.kind is FailureKind.REPEAT:
            yield _about(fact.step, WAITING, fact.error)
        elif isinstance(fact, StepFailed):
            yield _about(fact.step, FAILED, f"{what}{fact.error}", f"   {shown}")
            if fact.remedy:
                yield Line("", one_line(fact.remedy), "  ")
        else:
            late = isinstance(fact, StepTimedOut)
            why = f"took too long: {shown}{self._allowed(fact)}" if late else f"was stopped after {shown}"
            left = ", did not end and may still be going on" if fact.abandoned else ""
            yield _about(fact.step, FAILED, f"{what}{why}{left}")
        if not isinstance(fact, StepCancelled):
            yield from _output(fact.lines[-_TAIL:])

    def _allowed(self, fact: AttemptEnded) -> str:
        timeout = self._plan.steps[fact.step].timeout
        return f" ({show_duration(timeout)} allowed)" if timeout is not None else ""

    def _took(self, event: Event, fact: AttemptEnded) -> tuple[timedelta, str]:
        took = event.at - self._began.pop((fact.step, fact.part), event.at)
        return took, show_duration(took)


def _about(step: str, mark: str, text: str, figures: str = "", *, is_title: bool = False) -> Line:
    return Line(mark, one_line(text), f"{step:<{_ID_WIDTH}} ", figures, is_title)


def _output(lines: Sequence[str]) -> Iterator[Line]:
    return (Line("", one_line(line, _LONGEST_OUTPUT), "  | ") for line in lines)


def _answered(event: Event, fact: Answered) -> Line:
    mark, words = {
        Choice.DONE: (DONE, "done"),
        Choice.WENT_WRONG: (FAILED, "went wrong"),
        Choice.SKIP: (OTHER, "skipped"),
        Choice.ANSWER: (DONE, f"answered: {fact.value}"),
        Choice.APPROVE: (DONE, "approved"),
        Choice.REJECT: (FAILED, "rejected"),
        Choice.RETRY: (OTHER, "try again"),
        Choice.GOTO: (OTHER, f"go on at {fact.value}"),
        Choice.NAMED: (OTHER, f"named {fact.value}"),
    }[fact.choice]
    who = "the drill's script" if fact.scripted else event.by.user
    reason = f": {fact.reason}" if fact.reason and not fact.scripted else ""
    return _about(fact.step, mark, f"{words} ({who}){reason}")


def _resumed(event: Event, fact: RunResumed, before: Event | None) -> Iterator[Line]:
    """Who goes on, and who left the run, where, when and how long ago."""
    if before is not None:
        ago = show_target(timedelta(seconds=round(fact.gap_seconds)))
        yield Line(OTHER, f"left by {_somebody(before)} at {show_moment(before.at)} UTC, {ago} ago")
    yield Line(OTHER, f"{_somebody(event)} goes on; what is done above is not done again")


def _somebody(event: Event) -> str:
    return f"{one_line(event.by.user)} on {one_line(event.by.host)}"


def _about_the_run(event: Event, before: Event | None) -> Iterator[Line]:
    match event.fact:
        case RunResumed() as fact:
            yield from _resumed(event, fact, before)
        case RunStarted() as fact:
            what = f"drill {fact.drill}" if fact.drill else f"{fact.mode} {fact.runbook}"
            if fact.mode is Mode.TABLETOP:
                what = f"TABLETOP of {fact.runbook}, nothing is touched,"
            yield Line(OTHER, f"{what} in {fact.environment}   {fact.run}")
        case PauseRequested() as fact:
            yield Line(OTHER, f"pausing: {one_line(fact.reason)}")
        case AbortRequested() as fact:
            yield Line(FAILED, f"aborting: {one_line(fact.reason)}")
        case _:
            yield from _about_what_is_known(event)


def _about_what_is_known(event: Event) -> Iterator[Line]:
    match event.fact:
        case InputGiven() as fact:
            yield Line(OTHER, f"{fact.name:<{_ID_WIDTH}} = {one_line(str(fact.value))}")
        case ClockStarted() as fact:
            yield Line(OTHER, f"the clock runs from {show_time(fact.moment.astimezone(UTC))} ({fact.source})")
        case ClockDiverged() as fact:
            yield Line(OTHER, f"the wall clock moved by {fact.seconds:+.1f} s")
        case MachineSlept() as fact:
            yield Line(OTHER, f"this machine was asleep for {show_duration(timedelta(seconds=fact.seconds))}")
        case TargetIdentified() as fact:
            yield Line(OTHER, f"{fact.target} is {one_line(fact.identity)}")
        case TargetLost() as fact:
            yield Line(OTHER, f"lost: {fact.target} {one_line(fact.resource)}")
        case NoteAdded() as fact:
            yield Line(OTHER, f"note by {one_line(event.by.user)}: {one_line(fact.text)}")
        case ReviewAnswered() as fact:
            yield Line(OTHER, f"{one_line(fact.question)} {one_line(fact.answer)}")
        case ActionItemAdded() as fact:
            yield Line(OTHER, f"to do: {one_line(fact.text)} ({one_line(fact.owner)}, until {fact.due})")
        case ActionItemClosed() as fact:
            yield Line(OTHER, f"action item {fact.item} is closed: {one_line(fact.reason)}")
        case _:
            yield from _about_who_was_told(event)


def _about_who_was_told(event: Event) -> Iterator[Line]:
    match event.fact:
        case NotificationSent() as fact:
            yield Line(OTHER, f"told {one_line(fact.channel)}: {fact.about}")
        case NotificationFailed() as fact:
            yield Line(OTHER, f"could not tell {one_line(fact.channel)}: {one_line(fact.error)}")
        case NotificationHeld() as fact:
            yield Line(OTHER, f"told nobody: {one_line(fact.reason)}")
        case _:
            return
