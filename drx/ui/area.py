"""Keep a few lines at the foot of the terminal up to date, below the lines of the run. It asks and decides nothing."""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from drx.engine.events import Event
from drx.engine.plan import Plan
from drx.reports.forecast import Earlier
from drx.ui.cells import cells, cropped, extra_rows
from drx.ui.header import Progress, header

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

_TIMES_A_SECOND = 2
_RULE = "─" * 20
"""Short enough never to be broken where the window becomes narrower."""
LookUp = Callable[[str], Earlier]


class Area:
    """The header of a run, drawn again twice a second between `show` and `hide`."""

    def __init__(
        self, protected: Collection[str] = (), earlier: LookUp = lambda runbook: {}, *, colour: bool = False
    ) -> None:
        """`earlier` tells what each step of a runbook took in earlier runs; it is asked once."""
        self._protected = protected
        self._look_up = earlier
        self._earlier: Earlier = {}
        self._colour = colour
        self._lock = threading.Lock()
        self._plan: Plan | None = None
        self._events: list[Event] = []
        self._progress: dict[str, Progress] = {}
        self._live: Live | None = None
        self._drawn: Sequence[str] = ()
        self._width = 0

    def begin(self, plan: Plan) -> None:
        """Get to know the run."""
        self._plan = plan
        self._earlier = self._look_up(plan.runbook)

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

    def lines(self) -> Sequence[str]:
        """The header as it is now; nothing before the run has begun."""
        from drx.reports.facts import gather

        with self._lock:
            plan, events, progress = self._plan, tuple(self._events), dict(self._progress)
        if plan is None or not events:
            return ()
        return header(plan, gather(plan, events, ""), datetime.now(UTC), self._protected, progress, self._earlier)

    def show(self) -> None:
        """Draw it, until `hide`."""
        if self._live is not None or not self._events:
            return
        from rich.console import Console
        from rich.live import Live

        console = Console(no_color=not self._colour, highlight=False, soft_wrap=False)
        self._live = Live(
            console=console, get_renderable=self._render, refresh_per_second=_TIMES_A_SECOND, transient=True,
            vertical_overflow="crop", redirect_stderr=False,
        )  # fmt: skip
        self._live.start()

    def hide(self) -> None:
        """Take it off the screen, as if it had never been there."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _render(self) -> "RenderableType":
        from rich.console import Group
        from rich.text import Text

        if self._live is not None:
            self._take_back(self._live.console)
        first, *others = self._drawn = [cropped(line, max(self._width, 1)) for line in self.lines() or ("",)]
        style = "bold reverse" if "(protected)" in first else "bold"
        shown = [Text(_RULE, style="dim"), Text(first, style=style), *(Text(line) for line in others)]
        for text in shown:
            text.no_wrap, text.overflow = True, "crop"
        return Group(*shown)

    def _take_back(self, console: "Console") -> None:
        """Where the window has become narrower, lines were broken: erase what rich does not know of."""
        from rich.control import Control
        from rich.segment import ControlType

        before, self._width = self._width, console.width
        more = sum(extra_rows(cells(line), self._width) for line in self._drawn) if self._width < before else 0
        for _ in range(more):
            console.control(Control((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)))
