"""Show a run as plain lines with a timestamp, for pipes, logs and CI. It never asks, and moves no cursor."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

from drx.engine.commands import Question
from drx.engine.events import Event
from drx.engine.plan import Plan
from drx.reports.text import visible
from drx.ui.lines import DONE, FAILED, PLAIN_MARKS, RUNNING, Wording
from drx.ui.port import Send

_PROGRESS_SECONDS = 10.0
_COLOURS = {DONE: "32", FAILED: "31", RUNNING: "36"}


class PlainUi:
    """One line an event that matters to a reader."""

    def __init__(self, stream: TextIO | None = None, *, colour: bool = False) -> None:
        """Write to the stream; None is standard output, looked up anew each time, as prompts replace it."""
        self._stream = stream
        self._colour = colour
        self._wording: Wording | None = None
        self._progress_at: dict[str, float] = {}
        self._gone = False

    @property
    def attended(self) -> bool:
        """Nobody is there."""
        return False

    def begin(self, plan: Plan) -> None:
        self._wording = Wording(plan)

    def show(self, event: Event) -> None:
        assert self._wording is not None, "begin comes before show"
        for mark, text in self._wording.lines(event):
            self._line(event.at, mark, text)

    def progress(self, step: str, done: int, total: int | None, unit: str) -> None:
        now = time.monotonic()
        if now < self._progress_at.setdefault(step, now) + _PROGRESS_SECONDS:
            return
        self._progress_at[step] = now
        of = f" of {total:,}" if total is not None else ""
        self._line(datetime.now(UTC), RUNNING, f"{step:<16} {done:,}{of} {unit}")

    def ask(self, questions: Sequence[Question], send: Send) -> None:
        """Nobody is there to be asked: the engine knows, and concludes what follows."""

    def interrupt(self, running: Sequence[str], send: Send) -> None:
        """Nobody is there to be asked."""

    def say(self, text: str) -> None:
        self._line(datetime.now(UTC), "", text)

    def verdict(self, lines: Sequence[str]) -> None:
        self._write("\n".join(("", *(visible(line) for line in lines))))

    def close(self) -> None:
        """There is nothing to put back."""

    def _line(self, at: datetime, mark: str, text: str) -> None:
        shown = self._mark(mark) if mark else " "
        self._write(f"{at.astimezone(UTC):%H:%M:%S}  {shown} {visible(text)}")

    def _mark(self, mark: str) -> str:
        encoding = getattr(self._stream or sys.stdout, "encoding", None) or "ascii"
        try:
            mark.encode(encoding)
            shown = mark
        except UnicodeEncodeError:
            shown = PLAIN_MARKS[mark]
        code = _COLOURS.get(mark) if self._colour else None
        return f"\x1b[{code}m{shown}\x1b[0m" if code else shown

    def _write(self, text: str) -> None:
        """Write a line; a reader who has gone, or a closed terminal, never stops a recovery."""
        if self._gone:
            return
        stream = self._stream or sys.stdout
        encoding = getattr(stream, "encoding", None) or "ascii"
        try:
            stream.write(text.encode(encoding, "replace").decode(encoding) + "\n")
            stream.flush()
        except (OSError, ValueError):
            self._gone = True
