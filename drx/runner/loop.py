"""The only loop: take a fact, check it, put it on disk, show it, decide, act. What facts mean the engine knows."""

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from enum import Enum, auto
from queue import Empty
from typing import NoReturn, assert_never

from drx.engine.admit import admit
from drx.engine.commands import Finish, Next, Pause, Start
from drx.engine.decide import decide
from drx.engine.events import (
    AbortRequested,
    AttemptEnded,
    Author,
    ClockDiverged,
    Event,
    Fact,
    InputGiven,
    MachineSlept,
    PauseRequested,
    RunFinished,
    RunPaused,
)
from drx.engine.plan import Plan
from drx.engine.state import State, evolve
from drx.engine.walk import ends
from drx.errors import JournalError
from drx.journal import Delivery, Journal, Rejected, take
from drx.runner.inputs import typed
from drx.runner.launch import Gear, Launcher
from drx.runner.messages import Message, Progressed, Queue, Said, Signalled
from drx.ui.port import GoOn, Interrupted, Reply, StopSteps

_INBOX_SECONDS = 1.0
_TWICE_SECONDS = 2.0
_AGAIN_SECONDS = 1.0
_PATIENCE_SECONDS = 10.0
"""How long a run that nobody attends waits for a disk that refuses the journal."""


class Ending(Enum):
    """Why the loop came to its end."""

    FINISHED = auto()
    PAUSED = auto()
    STOPPED = auto()
    """Ctrl-C twice: what was under way is interrupted."""


class _Stop(Exception):
    """The person wants the process gone, now."""


class Loop:
    """Drives one run from wherever its journal stands to its end, its pause, or a stop."""

    def __init__(self, plan: Plan, state: State, journal: Journal, gear: Gear, queue: Queue) -> None:
        self.queue = queue
        self._plan = plan
        self._state = state
        self._journal = journal
        self._gear = gear
        self._launcher = Launcher(plan, gear, self.queue)
        self._unshown: list[Event] = []
        self._settled: list[Said | Delivery] = []
        self._inbox_at = 0.0
        self._interrupted_at = float("-inf")
        self._grace_ends = float("inf")
        self.synced: Callable[[int], None] = lambda count: None
        """Told how many events are on disk; may not block."""

    @property
    def state(self) -> State:
        """The run as its journal has it."""
        return self._state

    def run(self) -> Ending:
        """Go on until nothing is left to do.

        Raises JournalError where the journal cannot be written; nothing more was started then.
        """
        try:
            while not self.queue.empty():  # a signal came before anything was started
                self._take(self.queue.get())
            while True:
                match decide(self._plan, self._state, self._journal.clock.now()):
                    case Next(record=facts) if facts:
                        for fact in facts:
                            self.record(fact)
                    case Next(start=starts) if starts:
                        self._start(starts)
                    case Next() as decision:
                        self._wait(decision)
                    case Pause():
                        return self._end(RunPaused(), Ending.PAUSED)
                    case Finish(outcome, reason):
                        return self._end(RunFinished(outcome, reason), Ending.FINISHED)
                    case decision:
                        assert_never(decision)
        except _Stop:
            return Ending.STOPPED
        finally:
            self._launcher.leave()

    def record(self, fact: Fact, by: Author | None = None) -> None:
        """Append a fact and evolve; it is on disk, and shown, after the next flush."""
        event = self._journal.append(fact, by or self._gear.operator)
        self._state = evolve(self._plan, self._state, event)
        self._unshown.append(event)
        if isinstance(fact, AttemptEnded):
            self._launcher.ended(fact)

    def flush(self) -> None:
        """Put everything recorded on disk, then show it, and tell who waits for it. Raises JournalError."""
        self._sync()
        settled, self._settled = self._settled, []
        for item in settled:
            item.settle()
        unshown, self._unshown = self._unshown, []
        for event in unshown:
            self._gear.ui.show(event)
        if unshown:
            self.synced(len(self._journal.events))

    def _sync(self) -> None:
        """Try until the disk takes it, a person gives up, or nobody is there who could make room."""
        patience = float("inf") if self._gear.ui.attended else _PATIENCE_SECONDS
        deadline = time.monotonic() + patience
        said = False
        while True:
            try:
                return self._journal.sync()
            except JournalError as error:
                if time.monotonic() >= deadline or (said and self._given_up()):
                    raise
                if not said:
                    self._gear.ui.say(f"{error}. Until then nothing more starts; Ctrl-C gives up")
                said = True

    def _given_up(self) -> bool:
        """Wait a second for Ctrl-C or a signal; whatever else comes is kept for later."""
        until = time.monotonic() + _AGAIN_SECONDS
        kept: list[Message] = []
        try:
            while not (kept and isinstance(kept[-1], Interrupted | Signalled)):
                kept.append(self.queue.get(timeout=max(until - time.monotonic(), 0.0)))
        except Empty:
            return False
        finally:
            for message in kept:
                self.queue.put(message)
        return True

    def send(self, reply: Reply) -> None:
        """Take what a person says, from any thread."""
        if isinstance(reply, StopSteps | Interrupted | GoOn):
            self.queue.put(reply)
        else:
            self.queue.put(Said(reply, self._gear.operator))

    def _end(self, fact: RunPaused | RunFinished, ending: Ending) -> Ending:
        self.record(fact)
        self.flush()
        return ending

    def _start(self, starts: tuple[Start, ...]) -> None:
        """Record every attempt first, on disk; only then let any of them begin."""
        ready = []
        for start in starts:
            fact, prepared = self._launcher.prepare(start, self._state)
            self.record(fact)
            if prepared is not None:
                ready.append(prepared)
        self.flush()
        self._launcher.begin(ready)

    def _wait(self, decision: Next) -> None:
        """Cancel, put everything on disk, ask, and sleep until there is something new."""
        for cancel in decision.cancel:
            self._launcher.stop(cancel.step, cancel.reason)
        self.flush()
        self._gear.ui.ask(decision.questions, self.send)
        for message in self._messages(decision.wake_at):
            self._take(message)

    def _messages(self, wake_at: datetime | None) -> list[Message]:
        """Wait for messages, or for the moment to look again; the inbox and the clock are looked at meanwhile."""
        while True:
            self._look_around()
            seconds = self._inbox_at - time.monotonic()
            if wake_at is not None:
                seconds = min(seconds, (wake_at - self._journal.clock.now()).total_seconds())
            messages: list[Message] = []
            try:
                messages.append(self.queue.get(timeout=max(seconds, 0.0)))
                while True:
                    messages.append(self.queue.get_nowait())
            except Empty:
                woken = wake_at is not None and self._journal.clock.now() >= wake_at
                if messages or self._unshown or woken:
                    return messages

    def _look_around(self) -> None:
        moved = self._journal.clock.divergence()
        if moved is not None:
            self.record(ClockDiverged(moved))
        slept = self._journal.clock.slept()
        if slept is not None:
            self.record(MachineSlept(slept))
        now = time.monotonic()
        if now >= self._inbox_at:
            self._inbox_at = now + _INBOX_SECONDS
            for letter in take(self._gear.record):
                self.queue.put(letter)
            ends_at = ends(self._plan, self._state)
            if ends_at is not None and self._journal.clock.now() >= ends_at:
                self._begin_grace(now)
            if now >= self._grace_ends:
                self.queue.put(StopSteps())

    def _begin_grace(self, now: float) -> None:
        """Rollback and cleanup of a run that nobody attends may take so long from now on, and no longer."""
        self._grace_ends = min(self._grace_ends, now + self._plan.grace.total_seconds())

    def _take(self, message: Message) -> None:
        match message:
            case Said():
                self._offer(message, message.by, silent=message.from_worker)
            case Delivery():
                operator = self._gear.operator
                self._offer(message, Author(message.owner, operator.host, 0), silent=False)
            case Rejected(name, reason):
                self._gear.ui.say(f"set aside from the inbox: {name}: {reason}")
            case Progressed(step, done, total, unit):
                self._gear.ui.progress(step, done, total, unit)
            case Signalled(name):
                self._ended_by(name)
            case Interrupted():
                self._interrupted()
            case StopSteps():
                for fact in self._launcher.cut_short():
                    self.record(fact)
            case GoOn():
                return
            case _:
                assert_never(message)

    def _offer(self, item: Said | Delivery, by: Author, *, silent: bool) -> None:
        """Record a fact if the run admits it. A worker's fact that comes too late is dropped."""
        fact = typed(self._plan, item.fact) if isinstance(item.fact, InputGiven) else item.fact
        refusal = admit(self._plan, self._state, fact, by)
        if refusal is None:
            self.record(fact, by)
        elif isinstance(fact, AttemptEnded):
            self._launcher.ended(fact)
        elif not silent:
            self._gear.ui.say(f"not accepted from {by.user}: {refusal}")
        self._settled.append(item)

    def _ended_by(self, name: str) -> None:
        """The system wants the process to end: hand over, or, where nobody would take over, give up in good order."""
        by = self._gear.operator
        fact: PauseRequested | AbortRequested = PauseRequested(name)
        if not self._gear.ui.attended:
            fact = AbortRequested(name, source="signal")
            self._begin_grace(time.monotonic())
        self._offer(Said(fact, by), by, silent=False)

    def _stop_at_once(self) -> NoReturn:
        """Leave a word on disk, if it takes one, so that nobody mistakes this for a kill."""
        fact = PauseRequested("stopped at once, by Ctrl-C twice")
        if admit(self._plan, self._state, fact, self._gear.operator) is None:
            self.record(fact)
        with suppress(JournalError):
            self._journal.sync()
        raise _Stop

    def _interrupted(self) -> None:
        """Ask once; a second time within two seconds is meant."""
        now = time.monotonic()
        if now - self._interrupted_at < _TWICE_SECONDS:
            self._stop_at_once()
        self._interrupted_at = now
        if self._gear.ui.attended:
            self._gear.ui.interrupt(self._launcher.running, self.send)
        else:
            self._ended_by("Ctrl-C")
