"""Show a run as plain lines with a timestamp, for pipes, logs and CI. It never asks, and moves no cursor."""

import shutil
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

from drx.engine.commands import Question
from drx.engine.events import Event
from drx.engine.plan import Plan
from drx.reports.text import visible
from drx.ui.lines import DONE, FAILED, PLAIN_MARKS, RUNNING, Line, Wording, fit
from drx.ui.port import Send
from drx.ui.signs import encodable

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
        self._wording = Wording(plan, asked_below=self.attended)

    def introduce(self, lines: Sequence[Line]) -> None:
        self._write("\n".join(part for line in lines for part in fit(line, self._columns(), 0)) + "\n")

    def show(self, event: Event) -> None:
        assert self._wording is not None, "begin comes before show"
        for line in self._wording.lines(event):
            self._line(event.at, line)

    def progress(self, step: str, done: int, total: int | None, unit: str) -> None:
        assert self._wording is not None, "begin comes before progress"
        now = time.monotonic()
        if now < self._progress_at.setdefault(step, now) + _PROGRESS_SECONDS:
            return
        self._progress_at[step] = now
        self._line(datetime.now(UTC), self._wording.progress(step, done, total, unit))

    def ask(self, questions: Sequence[Question], send: Send) -> None:
        """Nobody is there to be asked: the engine knows, and concludes what follows."""

    def interrupt(self, running: Sequence[str], send: Send) -> None:
        """Nobody is there to be asked."""

    def say(self, text: str) -> None:
        self._line(datetime.now(UTC), Line("", text))

    def verdict(self, lines: Sequence[str]) -> None:
        self._write("\n".join(("", *(visible(line) for line in lines))))

    def close(self) -> None:
        """There is nothing to put back."""

    def _line(self, at: datetime, line: Line) -> None:
        sign = self._sign(line.mark)
        time_of_day = f"{at.astimezone(UTC):%H:%M:%S}"
        first, *others = fit(line, self._columns(), len(f"{time_of_day}  {sign} "))
        code = _COLOURS.get(line.mark) if self._colour else None
        shown = f"\x1b[{code}m{sign}\x1b[0m" if code else sign
        self._write("\n".join((f"{time_of_day}  {shown} {first}", *others)))

    def _sign(self, mark: str) -> str:
        encoding = _encoding(self._stream or sys.stdout)
        try:
            mark.encode(encoding)
            return mark or " "
        except UnicodeEncodeError:
            return PLAIN_MARKS[mark]

    def _columns(self) -> int | None:
        """The width of the terminal; a file or a pipe takes lines of any length, so that they can be searched."""
        try:
            return shutil.get_terminal_size().columns if (self._stream or sys.stdout).isatty() else None
        except ValueError:
            return None

    def _write(self, text: str) -> None:
        """Write a line; a reader who has gone, or a closed terminal, never stops a recovery."""
        if self._gone:
            return
        stream = self._stream or sys.stdout
        try:
            stream.write(encodable(text, _encoding(stream)) + "\n")
            stream.flush()
        except (OSError, ValueError):
            self._gone = True


def _encoding(stream: TextIO) -> str:
    """What a stream can show."""
    return getattr(stream, "encoding", None) or "ascii"
