"""Erase what was drawn from the cursor on, whatever a new width has made of it. It draws nothing.

Where the cursor rests at the beginning of what is drawn, a terminal that breaks or joins lines because its window has
has another width keeps it there; so the old text lies below the cursor, and is erased without being counted. Nothing
depends on when a new width is learned.
"""

import os
import shutil
from collections.abc import Mapping, Sequence

from drx.ui.cells import extra_rows

_ERASE_BELOW = "\r\x1b[K\x1b[C\x1b[J\r"
"""Not from the first column on: tmux keeps in its history what is erased from the top left corner."""


class Anchor:
    """Where something is drawn again and again on a terminal."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self._columns = 0
        self._in_tmux = "TMUX" in environ or environ.get("TERM", "").startswith(("tmux", "screen"))

    def erase(self, drawn: Sequence[int]) -> str:
        """Give the codes that erase lines of so many cells, drawn from the cursor on."""
        before, self._columns = self._columns, shutil.get_terminal_size().columns
        if not self._in_tmux or self._columns >= before:
            return _ERASE_BELOW
        # tmux makes room for broken lines at the top, also where rows at the bottom are empty: without this, what is
        # drawn would leave the window there. There are as many rows below the cursor as lines were drawn.
        down = min(sum(extra_rows(width, self._columns) for width in drawn), len(drawn) - 1)
        return _ERASE_BELOW + (f"\x1b[{down}T\x1b[{down}B" if down > 0 else "")
