"""Put events into words, one line each. Pure: an event in, text out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from drx.engine.events import (
    AbortRequested,
    Answered,
    ClockDiverged,
    ClockStarted,
    Event,
    InputGiven,
    NoteAdded,
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
    TargetIdentified,
    TargetLost,
)
from drx.engine.plan import Plan
from drx.engine.terms import Choice, Part
from drx.reports.text import one_line
from drx.units import show_duration, show_time

DONE, FAILED, RUNNING, WAITING, OTHER = "✓", "✗", "▶", "?", "·"
PLAIN_MARKS = {DONE: "ok", FAILED: "!!", RUNNING: "..", WAITING: "??", OTHER: "--"}
"""The marks where the terminal cannot show them."""

_LONG = timedelta(seconds=10)
"""A step that should take this long is shown when it starts, too."""
_ID_WIDTH = 16
_TAIL = 10

Line = tuple[str, str]
"""A mark, and the text after it."""


class Wording:
    """Words for the events of one run; remembers when attempts began."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._began: dict[tuple[str, Part], datetime] = {}
        self._unattended = False

    def lines(self, event: Event) -> Iterator[Line]:
        """The lines that show an event; none for what a reader does not miss."""
        if isinstance(event.fact, RunStarted | RunResumed):
            self._unattended = event.fact.unattended
        match event.fact:
            case StepStarted() as fact:
                yield from self._started(event, fact)
            case StepSucceeded() | StepFailed() | StepTimedOut() | StepCancelled() as fact:
                yield from self._ended(event, fact)
            case StepSkipped() as fact:
                yield OTHER, self._step(fact.step, f"skipped: {fact.reason}")
            case StepWaiting() as fact if not self._unattended:
                yield WAITING, self._step(fact.step, "waits for a person")
            case RetryScheduled() as fact:
                wait = show_duration(max(fact.retry_at - event.at, timedelta(0)))
                yield OTHER, self._step(fact.step, f"tried again in {wait}")
            case StepIgnored() as fact:
                where = f"at {fact.goto}" if fact.goto else "all the same"
                yield OTHER, self._step(fact.step, f"failed; the run goes on {where}")
            case Answered() as fact:
                yield from self._answered(event, fact)
            case _:
                yield from _about_the_run(event)

    def _started(self, event: Event, fact: StepStarted) -> Iterator[Line]:
        self._began[fact.step, fact.part] = event.at
        step = self._plan.steps[fact.step]
        if fact.part is Part.ROLLBACK:
            yield RUNNING, self._step(fact.step, "is rolled back")
        elif fact.part is Part.WORK and step.expect is not None and step.expect >= _LONG:
            yield RUNNING, self._step(fact.step, step.title, f"   (expected {show_duration(step.expect)})")

    def _ended(self, event: Event, fact: StepSucceeded | StepFailed | StepTimedOut | StepCancelled) -> Iterator[Line]:
        began = self._began.pop((fact.step, fact.part), event.at)
        took = show_duration(event.at - began)
        step = self._plan.steps[fact.step]
        if isinstance(fact, StepSucceeded):
            if fact.part is Part.WORK:
                expected = f"   (expected {show_duration(step.expect)})" if step.expect else ""
                recovered = "   recovered" if step.recovered else ""
                yield DONE, self._step(fact.step, step.title, f"   {took}{expected}{recovered}")
            else:
                yield (
                    DONE,
                    self._step(fact.step, "verified" if fact.part is Part.VERIFY else "rolled back", f"   {took}"),
                )
            return
        what = {Part.WORK: "", Part.VERIFY: "verification: ", Part.ROLLBACK: "rollback: "}[fact.part]
        if isinstance(fact, StepFailed):
            yield FAILED, self._step(fact.step, f"{what}{fact.error}", f"   {took}")
            if fact.remedy:
                yield "", f"  {one_line(fact.remedy)}"
        else:
            why = "took too long" if isinstance(fact, StepTimedOut) else "was stopped"
            left = ", did not end and may still be going on" if fact.abandoned else ""
            yield FAILED, self._step(fact.step, f"{what}{why} after {took}{left}")
        if not isinstance(fact, StepCancelled):
            yield from (("", f"  | {one_line(line, 200)}") for line in fact.lines[-_TAIL:])

    def _answered(self, event: Event, fact: Answered) -> Iterator[Line]:
        words = {
            Choice.DONE: "done",
            Choice.WENT_WRONG: "went wrong",
            Choice.SKIP: "skipped",
            Choice.ANSWER: f"answered: {fact.value}",
            Choice.APPROVE: "approved",
            Choice.REJECT: "rejected",
            Choice.RETRY: "try again",
            Choice.GOTO: f"go on at {fact.value}",
            Choice.NAMED: f"named {fact.value}",
        }[fact.choice]
        who = "the drill's script" if fact.scripted else event.by.user
        reason = f": {fact.reason}" if fact.reason and not fact.scripted else ""
        mark = FAILED if fact.choice in (Choice.WENT_WRONG, Choice.REJECT) else DONE
        yield mark, self._step(fact.step, f"{words} ({who}){reason}")

    def _step(self, step: str, text: str, figures: str = "") -> str:
        return f"{step:<{_ID_WIDTH}} {one_line(text)}{figures}"


def _about_the_run(event: Event) -> Iterator[Line]:
    match event.fact:
        case RunStarted() as fact:
            what = f"drill {fact.drill}" if fact.drill else f"{fact.mode} {fact.runbook}"
            yield OTHER, f"{what} in {fact.environment}   {fact.run}"
        case RunResumed() as fact:
            gap = show_duration(timedelta(seconds=fact.gap_seconds))
            yield OTHER, f"{one_line(event.by.user)} on {one_line(event.by.host)} goes on, {gap} after the last event"
        case PauseRequested() as fact:
            yield OTHER, f"pausing: {one_line(fact.reason)}"
        case RunPaused():
            yield OTHER, "paused; nothing is running"
        case AbortRequested() as fact:
            yield FAILED, f"aborting: {one_line(fact.reason)}"
        case RunFinished() as fact:
            yield OTHER, f"run {fact.outcome}" + (f": {one_line(fact.reason)}" if fact.reason else "")
        case _:
            yield from _about_what_is_known(event)


def _about_what_is_known(event: Event) -> Iterator[Line]:
    match event.fact:
        case InputGiven() as fact:
            yield OTHER, f"{fact.name:<{_ID_WIDTH}} = {one_line(str(fact.value))}"
        case ClockStarted() as fact:
            yield OTHER, f"the clock runs from {show_time(fact.moment.astimezone(UTC))} ({fact.source})"
        case ClockDiverged() as fact:
            yield OTHER, f"the wall clock moved by {fact.seconds:+.1f} s"
        case TargetIdentified() as fact:
            yield OTHER, f"{fact.target} is {one_line(fact.identity)}"
        case TargetLost() as fact:
            yield OTHER, f"lost: {fact.target} {one_line(fact.resource)}"
        case NoteAdded() as fact:
            yield OTHER, f"note by {one_line(event.by.user)}: {one_line(fact.text)}"
        case ReviewAnswered() as fact:
            yield OTHER, f"{one_line(fact.question)} {one_line(fact.answer)}"
        case _:
            return
