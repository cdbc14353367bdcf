"""Draw lines below those of a run, and take them off again. It knows no run."""

import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from drx.ui.anchor import Anchor
from drx.ui.cells import cells, cropped
from drx.ui.signs import encodable
from drx.ui.window import Window

_REDRAW_SECONDS = 0.5
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
"""A line that is too long ends at the border, so that each line takes one row whatever the width is by now."""


@dataclass(frozen=True)
class FootLine:
    """One line, and the codes of its looks: 1 bold, 2 dim, 7 reverse."""

    text: str
    looks: str = ""


class Foot:
    """Lines drawn anew twice a second between `show` and `hide`."""

    def __init__(self, lines: Callable[[], Sequence[FootLine]], window: Window) -> None:
        self._lines = lines
        self._window = window
        self._lock = threading.Lock()
        self._anchor = Anchor()
        self._widths: Sequence[int] = ()
        self._shown = False
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def show(self) -> None:
        """Draw it, until `hide`."""
        if self._shown:
            return
        self._over.clear()
        with self._lock:
            self._shown = True
            _write(self._drawn())
        thread = threading.Thread(target=self._keep_drawn, name="foot", daemon=True)
        thread.start()
        self._thread = thread

    def hide(self) -> None:
        """Take it off the screen, as if it had never been there; also where `show` or `hide` was cut short."""
        if not self._shown:
            return
        self._over.set()
        with self._lock:
            _write(self._erased() + _SHOW_CURSOR)
            self._shown = False
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        """Hide it for good; a new size that it was not drawn for leaves nothing over either."""
        self.hide()
        if self._window.unsettled:
            _write(self._window.anew(0))
        self._window.leave()

    def above(self, write: Callable[[], None]) -> None:
        """Let whole lines be written where the foot is, and draw it below them."""
        with self._lock:
            if self._shown:
                _write(self._erased())
            write()
            if self._shown:
                _write(self._drawn())

    def _keep_drawn(self) -> None:
        while not self._over.wait(_REDRAW_SECONDS):
            with self._lock:
                if self._shown:
                    _write(self._drawn())

    def _erased(self) -> str:
        """Nothing where the foot was."""
        widths, self._widths = self._widths, ()
        return self._anchor.erase(widths)

    def _drawn(self) -> str:
        """The foot, with the cursor back where it began."""
        columns, rows = shutil.get_terminal_size()
        spoilt = self._window.spoilt(self._widths)
        erased = self._erased()
        lines = [
            replace(line, text=cropped(line.text, max(columns - 1, 1))) for line in self._lines()[: max(rows - 1, 1)]
        ]
        if spoilt:
            erased = self._window.anew(len(lines))
        self._widths = [cells(line.text) for line in lines]
        shown = "\r\n".join(f"\x1b[{line.looks}m{line.text}\x1b[0m" for line in lines)
        up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
        return f"{_HIDE_CURSOR}{erased}{_NO_WRAP}{shown}\r{up}{_WRAP}"


def _write(text: str) -> None:
    """Write to the terminal; one that has gone never stops a recovery."""
    with suppress(OSError, ValueError):
        sys.stdout.write(encodable(text, sys.stdout.encoding))
        sys.stdout.flush()
