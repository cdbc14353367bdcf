"""Keep report.html up to date while a run goes on, in a thread of its own. It never slows the run, nor stops it."""

import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from drx.engine.plan import Plan
from drx.files import file_mode, write_atomically
from drx.journal import Journal
from drx.reports.facts import gather
from drx.reports.forecast import Earlier
from drx.runner.record import REPORT_HTML
from drx.runner.recorded import step_times

_CLOCK_SECONDS = 5.0
"""The page is written at least so often, so that its clock goes on."""
_LEAST_SECONDS = 0.5
_SHARE = 10
"""Between two pages lies this many times what one of them took."""


class LivePage:
    """Written anew for every event, or for some at once where they come fast."""

    def __init__(self, plan: Plan, journal: Journal, record: Path) -> None:
        self._plan = plan
        self._journal = journal
        self._path = record / REPORT_HTML
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._count = 0
        self._earlier: Earlier | None = None
        self.problem = ""
        """Why there is no page, where it could not be written."""
        self._thread = threading.Thread(target=self._work, name="page", daemon=True)
        self._thread.start()

    def poke(self, count: int) -> None:
        """Say that so many events are on disk. Returns at once."""
        self._count = count
        self._wake.set()

    def close(self, *, last: bool) -> None:
        """Write no more; with `last`, once more how the run was left: nothing else will."""
        if not self._ending.is_set():
            self._ending.set()
            self._wake.set()
            self._thread.join()
            if last:
                self._write(going_on=False)

    def _work(self) -> None:
        while not self._ending.is_set():
            self._wake.wait(_CLOCK_SECONDS)
            self._wake.clear()
            if self._ending.is_set():
                return
            began = time.monotonic()
            self._write(going_on=True)
            self._ending.wait(max(_LEAST_SECONDS, _SHARE * (time.monotonic() - began)))

    def _write(self, *, going_on: bool) -> None:
        from drx.reports.livepage import live_html

        events = self._journal.events[: self._count]
        if not events:
            return
        try:
            facts = gather(self._plan, events)
            if self._earlier is None:
                self._earlier = step_times(self._path.parent.parent, self._plan.runbook)
            page = live_html(self._plan, facts, datetime.now(UTC), self._earlier, going_on=going_on)
            write_atomically(self._path, page.encode(), file_mode(self._path.parent))
        except Exception as error:  # whatever is wrong with a page, the recovery goes on
            self.problem = f"{type(error).__name__}: {error}"
        else:
            self.problem = ""
