"""Show a run as plain lines at a terminal, the clocks at its foot. It asks nobody."""

from collections.abc import Sequence
from typing import TextIO

from drx.engine.commands import Question
from drx.engine.events import Event
from drx.engine.plan import Plan
from drx.ui.area import Area
from drx.ui.keyboard import Quiet
from drx.ui.plain import PlainUi
from drx.ui.port import Send
from drx.ui.suspension import Suspension


class ClockedUi(PlainUi):
    """Plain lines, and an area below them that is kept up to date; without one, plain lines alone."""

    def __init__(self, stream: TextIO | None = None, *, colour: bool = False, area: Area | None = None) -> None:
        super().__init__(stream, colour=colour)
        self._area = area
        self._quiet = Quiet()
        self._suspension = Suspension(self._leave, self._come_back)
        self._away = False

    def begin(self, plan: Plan) -> None:
        super().begin(plan)
        if self._area:
            self._area.begin(plan)
        self._quiet.begin()
        self._suspension.begin()

    def show(self, event: Event) -> None:
        if self._area:
            self._area.take(event)
        super().show(event)

    def progress(self, step: str, done: int, total: int | None, unit: str) -> None:
        if self._area:
            self._area.progress(step, done, total, unit)
        else:
            super().progress(step, done, total, unit)

    def ask(self, questions: Sequence[Question], send: Send) -> None:
        """Nobody is asked here; the clocks tick on."""
        if self._area and not self._away:
            self._area.show()

    def close(self) -> None:
        self._suspension.end()
        if self._area:
            self._area.close()
        self._quiet.end()

    def _leave(self) -> None:
        """Give the terminal to whoever is there while the process is stopped."""
        self._away = True
        if self._area:
            self._area.hide()
        self._quiet.end()

    def _come_back(self) -> None:
        self._quiet.begin()
        self._away = False

    def _write(self, text: str) -> None:
        if self._area:
            self._area.above(text, lambda: PlainUi._write(self, text))
        else:
            super()._write(text)
