"""Ask one thing at a terminal: a choice or a line of text. It knows no runs."""

import select
import shutil
import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from drx.reports.text import visible
from drx.ui.anchor import Anchor
from drx.ui.cells import cut, extra_rows, lines_of
from drx.ui.keyboard import echoed, forget_typed
from drx.ui.signs import encodable

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.layout.screen import Screen

_LOOK_SECONDS = 0.2
_TICK_SECONDS = 1.0
_HINT = "(arrow keys, Enter)"
_POINTER_WIDTH = 4


class Withdrawn(Exception):
    """What was asked needs no answer any more."""


class Prompts(Protocol):
    """Asks from a thread of its own; `withdraw` ends it from another. Ctrl-C raises KeyboardInterrupt.

    What was typed before something is asked never answers it.
    """

    def choose(self, text: str, labels: Sequence[str]) -> int:
        """Let a person choose one of the labels; gives its index. Raises Withdrawn."""

    def line(self, text: str) -> str:
        """Let a person type a line. Raises Withdrawn, and EOFError where the terminal is gone."""

    def withdraw(self) -> None:
        """End what is asked now, or next."""


class RichPrompts:
    """Prompts that keep the lines of the run above them, and leave nothing behind: the lines say what was answered."""

    def __init__(self, foot: Callable[[], Sequence[str]] = tuple) -> None:
        """`foot` gives lines that stand below the question and are drawn anew every second."""
        self._foot = foot
        self._lock = threading.Lock()
        self._application: Application[object] | None = None
        self._withdrawn = False

    def choose(self, text: str, labels: Sequence[str]) -> int:
        import questionary

        room = shutil.get_terminal_size().columns - _POINTER_WIDTH
        choices = [questionary.Choice(_shown(cut(label, room)), value=index) for index, label in enumerate(labels)]
        # Letters move nothing: a line pasted into the wrong window must not choose.
        question = questionary.select(
            _hanging(f"{text} {_HINT}", room),
            choices,
            qmark="?",
            pointer=_shown("»"),
            instruction=" ",
            use_jk_keys=False,
            use_emacs_keys=False,
        )
        _begin_at_the_cursor(question.application)
        return int(str(self._run(question.application)))

    def line(self, text: str) -> str:
        import questionary

        room = shutil.get_terminal_size().columns - _POINTER_WIDTH
        question = questionary.text(_hanging(text, room), qmark=">")
        _stay_whole(question.application)
        return str(self._run(question.application))

    def withdraw(self) -> None:
        with self._lock:
            self._withdrawn = True
            if self._application is not None and self._application.loop is not None:
                self._application.loop.call_soon_threadsafe(self._leave)

    def _run(self, application: "Application[object]") -> object:
        from prompt_toolkit.patch_stdout import patch_stdout

        with self._lock:
            if self._withdrawn:
                raise Withdrawn
            self._application = application
        application.erase_when_done = True
        self._put_below(application)
        _erase_all(application)
        _leave_out_the_mouse(application)
        try:
            with patch_stdout(raw=True):
                return application.run(pre_run=self._check, set_exception_handler=False)
        finally:
            with self._lock:
                self._application = None

    def _put_below(self, application: "Application[object]") -> None:
        """Let the foot stand below what is asked; the clock ticks on while a person thinks."""
        from prompt_toolkit.layout import HSplit, Layout, Window
        from prompt_toolkit.layout.controls import FormattedTextControl

        if not self._foot():
            return
        lines = FormattedTextControl(lambda: _shown("\n".join(visible(line) for line in self._foot())))
        asked = application.layout
        foot = Window(lines, dont_extend_height=True, wrap_lines=False, style="class:foot")
        application.layout = Layout(HSplit([asked.container, foot]), focused_element=asked.current_window)
        application.refresh_interval = _TICK_SECONDS

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


def _leave_out_the_mouse(application: "Application[object]") -> None:
    """Ignore what looks like the report of a mouse: text with colours, pasted, would be read as a broken one."""
    from prompt_toolkit.key_binding import KeyBindings, merge_key_bindings
    from prompt_toolkit.keys import Keys

    ignored = KeyBindings()
    ignored.add(Keys.Vt100MouseEvent)(lambda event: None)
    known = [application.key_bindings] if application.key_bindings is not None else []
    application.key_bindings = merge_key_bindings([*known, ignored])


class LinePrompts:
    """Numbered choices and plain lines, for terminals that can do nothing else."""

    def __init__(self) -> None:
        self._withdrawn = threading.Event()

    def choose(self, text: str, labels: Sequence[str]) -> int:
        room = shutil.get_terminal_size().columns - _POINTER_WIDTH
        numbered = "\n".join(f"  {number}) {visible(label)}" for number, label in enumerate(labels, start=1))
        asked = f"{_wrapped(text, room)}\n{numbered}\nNumber:"
        while True:
            answer = self.line(asked).strip()
            if answer.isdecimal() and 1 <= int(answer) <= len(labels):
                return int(answer) - 1
            asked = f"Please give a number from 1 to {len(labels)}:"

    def line(self, text: str) -> str:
        forget_typed()
        sys.stdout.write(f"{_wrapped(text, shutil.get_terminal_size().columns)} ")
        sys.stdout.flush()
        with echoed():
            return self._read()

    def _read(self) -> str:
        while not self._withdrawn.is_set():
            # The terminal hands over whole lines, so that reading one never waits.
            ready, _, _ = select.select([sys.stdin], [], [], _LOOK_SECONDS)
            if ready:
                answer = sys.stdin.readline()
                if not answer:
                    raise EOFError
                return answer.rstrip("\n")
        raise Withdrawn

    def withdraw(self) -> None:
        self._withdrawn.set()


def _begin_at_the_cursor(application: "Application[object]") -> None:
    """Let the cursor rest in an empty line above what is asked, so that resizing leaves nothing over."""
    from prompt_toolkit.layout import HSplit, Layout, Window
    from prompt_toolkit.layout.controls import FormattedTextControl

    top = Window(FormattedTextControl("", focusable=True), height=1, always_hide_cursor=True)
    application.layout = Layout(HSplit([top, application.layout.container]), focused_element=top)


def _erase_all(application: "Application[object]") -> None:
    """Erase what was drawn in a way that holds for what a new width has made of it."""
    anchor, output = Anchor(), application.output
    drawn: list[int] = []

    def take_note(_: object) -> None:
        screen = application.renderer.last_rendered_screen
        drawn[:] = _widths(screen) if screen is not None else ()

    def erase_down() -> None:
        output.write_raw(anchor.erase(drawn))
        drawn.clear()

    application.after_render += take_note
    output.erase_down = erase_down  # type: ignore[method-assign]


def _widths(screen: "Screen") -> list[int]:
    """How many cells each line on the screen takes."""
    rows = (screen.data_buffer[y] for y in range(screen.height))
    return [max((x for x, sign in row.items() if sign.char.strip()), default=-1) + 1 for row in rows]


def _stay_whole(application: "Application[object]") -> None:
    """Where the window becomes narrower, lines above the cursor are broken: begin to erase that much further up."""
    drawn = shutil.get_terminal_size().columns
    resized = application._on_resize

    def go_up(_: object = None) -> None:
        nonlocal drawn
        before, drawn = drawn, shutil.get_terminal_size().columns
        screen = application.renderer.last_rendered_screen
        if screen is not None and drawn < before:
            cursor = screen.get_cursor_position(application.layout.current_window)
            rows = _widths(screen)[: cursor.y]
            application.output.cursor_up(sum(extra_rows(row, drawn) for row in rows) + cursor.x // drawn)

    def erase_all() -> None:
        go_up()
        resized()

    # It is noticed by whichever comes first, and there is no public way to hear of the one.
    application.before_render += go_up
    application._on_resize = erase_all  # type: ignore[method-assign]


def _hanging(text: str, room: int) -> str:
    """Indent what comes after the first line, so that the mark before it stands out."""
    return _shown(_wrapped(text, room).replace("\n", "\n  "))


def _shown(text: str) -> str:
    return encodable(text, sys.stdout.encoding)


def _wrapped(text: str, room: int) -> str:
    """Break lines between words; what has no space in it, a path, is never broken."""
    parts: list[str] = []
    for line in visible(text).splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        parts += [indent + part for part in lines_of(line.strip(), max(room - len(indent), 1))]
    return "\n".join(parts)
