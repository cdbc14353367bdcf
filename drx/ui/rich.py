"""Ask one thing at a terminal that can move its cursor, and keep it whole at any size. It knows no runs."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from drx.ui.anchor import Anchor
from drx.ui.foot import FootLine
from drx.ui.keyboard import forget_typed
from drx.ui.prompts import Withdrawn
from drx.ui.window import Window

if TYPE_CHECKING:
    from prompt_toolkit.application import Application

_HINT = "(arrow keys, Enter)"
_LOOK_SECONDS = 0.1


class RichPrompts:
    """Prompts that keep the lines of the run above them, and leave nothing behind: the lines say what was answered."""

    def __init__(self, foot: Callable[[], Sequence[FootLine]] = tuple, window: Window | None = None) -> None:
        """`foot` gives lines that stand below what is asked, drawn anew every second; `window` has those above."""
        self._foot = foot
        self._window = window or Window()
        self._lock = threading.Lock()
        self._application: Application[object] | None = None
        self._withdrawn = False

    def choose(self, text: str, labels: Sequence[str]) -> int:
        from drx.ui.asked import menu

        return int(str(self._run(menu(f"{text} {_HINT}", labels, self._foot), anchored=True)))

    def line(self, text: str) -> str:
        from drx.ui.asked import field

        return str(self._run(field(text, self._foot), anchored=False))

    def withdraw(self) -> None:
        with self._lock:
            self._withdrawn = True
            if self._application is not None and self._application.loop is not None:
                self._application.loop.call_soon_threadsafe(self._leave)

    def _run(self, application: "Application[object]", *, anchored: bool) -> object:
        from prompt_toolkit.patch_stdout import patch_stdout

        with self._lock:
            if self._withdrawn:
                raise Withdrawn
            self._application = application
        drawing = _Drawing(application, self._window, anchored=anchored)

        def begin() -> None:
            application.create_background_task(drawing.keep_whole())
            self._check()

        try:
            with patch_stdout(raw=True):
                return application.run(pre_run=begin, set_exception_handler=False)
        finally:
            with self._lock:
                self._application = None

    def _check(self) -> None:
        """Begin with no key pressed, and close the gap to the moment from which the prompt can be withdrawn."""
        from prompt_toolkit.input.typeahead import clear_typeahead

        if self._application is not None:
            forget_typed()
            clear_typeahead(self._application.input)
            if self._withdrawn and self._application.loop is not None:
                self._application.loop.call_soon(self._leave)

    def _leave(self) -> None:
        if self._application is not None and self._application.is_running and not self._application.is_done:
            self._application.exit(exception=Withdrawn())


class _Drawing:
    """What an application has drawn, erased and drawn again as a window's sizes need it."""

    def __init__(self, application: "Application[object]", window: Window, *, anchored: bool) -> None:
        """It is `anchored` where the cursor rests at its beginning."""
        from prompt_toolkit.renderer import CPR_Support

        self._application, self._window, self._anchored = application, window, anchored
        self._anchor = Anchor()
        self._widths: list[int] = []
        application.after_render += self._take_note
        application.output.erase_down = self._erase_down  # type: ignore[method-assign]
        # There is no public way to hear of a new size.
        application._on_resize = window.resized  # type: ignore[method-assign]
        # Where the cursor was when it was asked for, it is no more once the answer comes.
        application.renderer.cpr_support = CPR_Support.NOT_SUPPORTED

    async def keep_whole(self) -> None:
        """Draw it again where the window has got another size."""
        output = self._application.output
        drawn_for = output.get_size()
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            size = output.get_size()
            if self._window.spoilt(self._widths, anchored=self._anchored):
                self._draw_anew(size.columns, size.rows)
            elif self._anchored and size != drawn_for:
                self._application.renderer.erase()
                self._application.invalidate()
            drawn_for = size

    def _draw_anew(self, columns: int, rows: int) -> None:
        application = self._application
        height = application.layout.container.preferred_height(columns, rows).preferred
        self._widths.clear()
        application.renderer.reset()
        application.output.write_raw(self._window.anew(height))
        application.invalidate()

    def _take_note(self, _: object) -> None:
        screen = self._application.renderer.last_rendered_screen
        if screen is not None:
            rows = (screen.data_buffer[y] for y in range(screen.height))
            self._widths = [max((x for x, sign in row.items() if sign.char.strip()), default=-1) + 1 for row in rows]

    def _erase_down(self) -> None:
        """Erase what was drawn in a way that holds for what a new width has made of it."""
        self._application.output.write_raw(self._anchor.erase(self._widths))
        self._widths = []
