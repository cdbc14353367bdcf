"""Keep a few lines at the foot of the terminal up to date, below the lines of the run. It asks and decides nothing."""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from drx.engine.events import Event
from drx.engine.plan import Plan
from drx.reports.forecast import Earlier
from drx.ui.foot import Foot, FootLine
from drx.ui.header import Progress, header
from drx.ui.window import Window

_RULE = FootLine("─" * 20, looks="2")
LookUp = Callable[[str], Earlier]


class Area:
    """The header of a run, drawn again twice a second between `show` and `hide`."""

    def __init__(self, protected: Collection[str] = (), earlier: LookUp = lambda runbook: {}) -> None:
        """`earlier` tells what each step of a runbook took in earlier runs; it is asked once."""
        self._protected = protected
        self._look_up = earlier
        self._earlier: Earlier = {}
        self._lock = threading.Lock()
        self._plan: Plan | None = None
        self._events: list[Event] = []
        self._progress: dict[str, Progress] = {}
        self.window = Window()
        """Where it is drawn."""
        self._foot = Foot(self._foot_lines, self.window)

    def begin(self, plan: Plan) -> None:
        """Get to know the run."""
        self._plan = plan
        self._earlier = self._look_up(plan.runbook)
        self.window.watch()

    def take(self, event: Event) -> None:
        """Take note of an event."""
        with self._lock:
            self._events.append(event)

    def progress(self, step: str, done: int, total: int | None, unit: str) -> None:
        """Take note of how far a step is."""
        with self._lock:
            before = self._progress.get(step)
            if before is None or before.unit != unit or done < before.done:
                self._progress[step] = Progress(done, total, unit, datetime.now(UTC), done)
            else:
                self._progress[step] = replace(before, done=done, total=total)

    def _lines(self) -> Sequence[str]:
        """The header as it is now; nothing before the run has begun."""
        from drx.reports.facts import gather

        with self._lock:
            plan, events, progress = self._plan, tuple(self._events), dict(self._progress)
        if plan is None or not events:
            return ()
        return header(plan, gather(plan, events, ""), datetime.now(UTC), self._protected, progress, self._earlier)

    def show(self) -> None:
        """Draw it, until `hide`."""
        if self._events:
            self._foot.show()

    def hide(self) -> None:
        """Take it off the screen, as if it had never been there."""
        self._foot.hide()

    def above(self, text: str, write: Callable[[], None]) -> None:
        """Let whole lines, the text, be written above it."""
        self.window.keep(text)
        self._foot.above(write)

    def close(self) -> None:
        """Take it off the screen for good; all lines stay."""
        self._foot.close()

    def styled(self) -> Sequence[FootLine]:
        """The header with its looks: a protected environment stands out, also without colour."""
        first, *others = self._lines() or ("",)
        looks = "1;7" if "(protected)" in first else "1"
        return (FootLine(first, looks), *(FootLine(line) for line in others))

    def _foot_lines(self) -> Sequence[FootLine]:
        return (_RULE, *self.styled())
