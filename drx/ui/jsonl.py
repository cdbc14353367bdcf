"""Show a run as JSON lines, for programs: exactly the events, as they are recorded. It never asks."""

import sys
from collections.abc import Callable, Sequence
from typing import TextIO

from drx.engine.events import Event
from drx.engine.plan import Plan
from drx.reports.text import visible
from drx.ui.lines import Line
from drx.ui.plain import PlainUi


class JsonlUi(PlainUi):
    """One JSON object a line on the stream; words for people go to standard error."""

    def __init__(self, encode: Callable[[Event], str], stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._encode = encode

    def begin(self, plan: Plan) -> None:
        """The events say it all."""

    def introduce(self, lines: Sequence[Line]) -> None:
        """Programs read the runbook itself."""

    def show(self, event: Event) -> None:
        self._write(self._encode(event))

    def progress(self, step: str, done: int, total: int | None, unit: str) -> None:
        """Progress is no event."""

    def say(self, text: str) -> None:
        print(visible(text), file=sys.stderr)

    def verdict(self, lines: Sequence[str]) -> None:
        """The last events, and the report, hold it."""
