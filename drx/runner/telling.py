"""Let somebody hear of a run. It never waits at the start of one, and at its end only as long as channels may take."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

from drx.engine.events import Event, NotificationFailed, Notified, ReportWritten, RunFinished
from drx.engine.plan import Plan
from drx.errors import ExitCode
from drx.reports.notices import Notice, about_end
from drx.reports.shapes import RunFacts
from drx.runner.record import REPORT

Trace = Callable[[Plan, Sequence[Event]], Sequence[Notified]]
"""Sends the trace of a run that has ended, within bounded time, and says what came of it. Raises nothing."""
Tell = Callable[[Notice], Sequence[Notified]]
"""Sends a message where it belongs, within bounded time, and says what came of it. Raises nothing."""

_PATIENCE_SECONDS = 60.0


class Telling:
    """The messages of one run."""

    def __init__(self, tell: Tell, trace: Trace) -> None:
        self._tell = tell
        self._trace = trace
        self._told: SimpleQueue[Sequence[Notified]] = SimpleQueue()
        self._begun: Notice | None = None

    def begin(self, notice: Notice) -> None:
        """Send a message aside: what came of it is known at the end of the run."""
        self._begun = notice
        threading.Thread(target=lambda: self._told.put(self._tell(notice)), daemon=True).start()

    def end_of(
        self, plan: Plan, facts: RunFacts, code: ExitCode, events: Sequence[Event], record: Path
    ) -> Sequence[Notified]:
        """Tell what came of a run, once: one that is only looked at again, or sealed again, is not told again."""
        ended = next(index for index, event in enumerate(events) if isinstance(event.fact, RunFinished))
        if any(isinstance(event.fact, Notified | ReportWritten) for event in events[ended:]):
            return ()
        return (*self.end(about_end(facts, code, str(record / REPORT))), *self._trace(plan, events))

    def end(self, notice: Notice) -> Sequence[Notified]:
        """Send the last message, and give what came of all of them."""
        return (*self._of_the_begin(), *self._tell(notice))

    def _of_the_begin(self) -> Sequence[Notified]:
        if self._begun is None:
            return ()
        try:
            return self._told.get(timeout=_PATIENCE_SECONDS)
        except Empty:
            return (NotificationFailed(self._begun.about, "every channel", "it was never known what came of it"),)
