"""What stands on a terminal while something is asked, and which keys answer it. It draws and runs nothing."""

import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Sequence

from prompt_toolkit.application import Application, get_app
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Point
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import AnyContainer, BufferControl, Dimension, FormattedTextControl, HSplit, Layout, Window
from prompt_toolkit.layout.processors import BeforeInput

from drx.reports.text import visible
from drx.ui.cells import cropped, cut
from drx.ui.foot import FootLine
from drx.ui.prompts import wrapped
from drx.ui.signs import encodable

Foot = Callable[[], Sequence[FootLine]]
_STYLES = {"": "", "1": "bold", "1;7": "bold reverse"}
_TICK_SECONDS = 1.0
_MARK_WIDTH = 4
_LEAST_ROWS = 8
"""What is asked gets so many rows before the foot gets any."""


def menu(text: str, labels: Sequence[str], foot: Foot) -> Application[object]:
    """Arrow keys move among the labels, Enter takes one. Letters move nothing: what is pasted must not choose."""
    pointed = 0
    keys = _keys()

    @keys.add("up")
    @keys.add("down")
    def move(event: KeyPressEvent) -> None:
        nonlocal pointed
        pointed = (pointed + (1 if event.key_sequence[0].key == Keys.Down else -1)) % len(labels)

    @keys.add("enter")
    def take(event: KeyPressEvent) -> None:
        event.app.exit(result=pointed)

    @keys.add(Keys.BracketedPaste)
    def ignore(event: KeyPressEvent) -> None:
        """What is pasted chooses nothing."""

    def options() -> StyleAndTextTuples:
        room = _columns() - _MARK_WIDTH
        shown: StyleAndTextTuples = []
        for index, label in enumerate(labels):
            style, mark = ("bold", "»") if index == pointed else ("", " ")
            shown.append((style, _shown(f" {mark} {cut(label, room)}" + "\n" * (index < len(labels) - 1))))
        return shown

    # The cursor rests above what is asked, so that a new width moves nothing that has to be erased.
    top = Window(FormattedTextControl("", focusable=True), height=1, always_hide_cursor=True)
    choices = FormattedTextControl(options, get_cursor_position=lambda: Point(0, pointed), show_cursor=False)
    shown = [top, _question(text), Window(choices, height=Dimension(min=1, max=len(labels)), dont_extend_height=True)]
    return _application(shown, top, keys, foot)


def field(text: str, foot: Foot) -> Application[object]:
    """Take a line of text. Lines that are pasted become one."""
    keys = _keys()

    @keys.add(Keys.BracketedPaste)
    def paste(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(" ".join(event.data.split()))

    def accept(buffer: Buffer) -> bool:
        get_app().exit(result=buffer.text)
        return True

    typed = BufferControl(Buffer(multiline=False, accept_handler=accept), input_processors=[BeforeInput("> ")])
    line = Window(typed, height=Dimension(min=1), wrap_lines=True, dont_extend_height=True)
    return _application([Window(height=1), _question(text), line], line, keys, foot)


def _keys() -> KeyBindings:
    """The keys that do the same wherever something is asked."""
    keys = KeyBindings()

    @keys.add("c-c")
    def interrupt(event: KeyPressEvent) -> None:
        event.app.exit(exception=KeyboardInterrupt())

    @keys.add("c-z")
    def suspend(event: KeyPressEvent) -> None:
        if threading.current_thread() is threading.main_thread():
            event.app.suspend_to_background()
        else:
            os.kill(0, signal.SIGTSTP)  # whoever runs the main thread puts the terminal back first

    @keys.add(Keys.Vt100MouseEvent)
    def ignore(event: KeyPressEvent) -> None:
        """Text with colours, pasted, would be read as a broken report of a mouse."""

    return keys


def _question(text: str) -> Window:
    def lines() -> str:
        return _shown("? " + wrapped(text, max(_columns() - _MARK_WIDTH, 1)).replace("\n", "\n  "))

    return Window(FormattedTextControl(lines), style="bold", dont_extend_height=True)


def _application(asked: Sequence[AnyContainer], focused: Window, keys: KeyBindings, foot: Foot) -> Application[object]:
    above = HSplit(asked)

    def height() -> Dimension:
        columns, rows = shutil.get_terminal_size()
        needed = min(above.preferred_height(columns, rows).preferred, _LEAST_ROWS)
        return Dimension.exact(max(min(len(foot()), rows - needed), 0))

    def lines() -> StyleAndTextTuples:
        room = max(_columns() - 1, 1)
        return [(_STYLES[line.looks], _shown(f"{cropped(visible(line.text), room)}\n")) for line in foot()]

    below = Window(FormattedTextControl(lines), height=height)
    return Application(
        Layout(HSplit([above, below]), focused_element=focused),
        key_bindings=keys,
        erase_when_done=True,
        refresh_interval=_TICK_SECONDS if foot() else None,
        terminal_size_polling_interval=None,
    )


def _columns() -> int:
    return shutil.get_terminal_size().columns


def _shown(text: str) -> str:
    return encodable(text, sys.stdout.encoding)
