"""Draw a whole window anew once its size has settled. It knows the lines that were written, and no run.

Where a window is dragged about, what was drawn for one size is broken, cut and pushed around by the next ones before
anybody hears of them, and nobody can tell any more where it stands. So nothing of it is believed: the window is
emptied, and the last lines are written once more, down to where the drawing begins.
"""

import shutil
import signal
import threading
import time
from collections import deque
from collections.abc import Sequence
from types import FrameType

from drx.ui.cells import cells, extra_rows

_KEPT_LINES = 300
_SETTLED_SECONDS = 0.3
_TOP = "\x1b[H"
_EMPTY = f"{_TOP}\x1b[K\x1b[C\x1b[J\r"
"""Not from the first column on: terminals keep in their history what is erased from the top left corner."""
_EMPTY_KEEPING = f"{_TOP}\x1b[2J"
"""What stood there goes into the history, where a terminal has one."""


class Window:
    """The lines above what is drawn, and whether a new size has left them as they were."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._sizes = 0
        self._latest = 0.0
        self._dragged = False
        """Parts of a drawing may lie in the terminal's history by now, and come back with any larger size."""

    def watch(self) -> None:
        """Hear of new sizes; only the main thread can."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGWINCH, self._signalled)

    def leave(self) -> None:
        """Hear of new sizes no more."""
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGWINCH, signal.SIG_DFL)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.resized()

    def resized(self) -> None:
        """Take note of a new size."""
        self._latest = time.monotonic()
        self._sizes += 1

    def keep(self, text: str) -> None:
        """Take note of lines written above what is drawn."""
        self._lines.extend(text.split("\n"))

    def spoilt(self, drawn: Sequence[int], *, anchored: bool = True) -> bool:
        """Tell whether a new size has settled that may have spoilt what is drawn, lines of so many cells.

        What is `anchored`, begins at the cursor: it outlives one new size in which all of it has room.
        """
        if not self._sizes or time.monotonic() - self._latest < _SETTLED_SECONDS:
            return False
        columns, rows = shutil.get_terminal_size()
        crowded = sum(1 + extra_rows(width, columns) for width in drawn) >= rows
        if self._dragged or self._sizes > 1 or crowded or not anchored:
            return True
        self._sizes = 0
        return False

    @property
    def unsettled(self) -> bool:
        """Whether a new size has not been drawn for yet."""
        return self._sizes > 0

    def anew(self, height: int) -> str:
        """Give what empties the window and writes the last lines again, with room for so many rows below them."""
        columns, rows = shutil.get_terminal_size()
        shown: deque[str] = deque()
        room = rows - height
        for line in reversed(self._lines):
            room -= 1 + extra_rows(cells(line), columns)
            if room < 0:
                break
            shown.appendleft(line)
        others_may_stand_there = room >= 0 and not (self._dragged and self._lines)
        self._sizes, self._dragged = 0, True
        return (_EMPTY_KEEPING if others_may_stand_there else _EMPTY) + "".join(f"{line}\r\n" for line in shown)
