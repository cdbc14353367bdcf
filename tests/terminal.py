"""A real terminal around a program, emulated: what a person would see there, and what they type."""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pexpect
import pyte

from tests.runner.project import Project

ROOT = Path(__file__).resolve().parents[1]
DRX = Path(sys.executable).with_name("drx")
ENTER, UP, DOWN = "\r", "\x1b[A", "\x1b[B"
CTRL_C, CTRL_D, CTRL_Z = "\x03", "\x04", "\x1a"
Size = tuple[int, int]
SMALL: Size = (80, 24)
LARGE: Size = (120, 40)
HUGE: Size = (200, 60)
_PATIENCE_SECONDS = 20.0
_BETWEEN_KEYS_SECONDS = 0.15
"""What is typed before something is asked answers nothing, so that nobody types at once."""

_BETWEEN_SIZES_SECONDS = 1 / 40


def _heed_hangups() -> None:
    """Be as a terminal starts a program, also where the tests themselves were told to outlive theirs."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


class Terminal:
    """A screen of some columns and lines with a program on it; the program is real."""

    def __init__(
        self, command: Sequence[str], folder: Path, *, size: Size = SMALL, term: str = "xterm",
        patience: float = _PATIENCE_SECONDS,
    ) -> None:  # fmt: skip
        self._patience = patience
        columns, lines = size
        self.screen = pyte.HistoryScreen(columns, lines, history=1000)
        self._stream = pyte.Stream(self.screen)
        self.child = pexpect.spawn(
            command[0], list(command[1:]), cwd=str(folder), dimensions=(lines, columns), timeout=20, encoding="utf-8",
            env={**os.environ, "TERM": term, "PROMPT_TOOLKIT_NO_CPR": "1"}, preexec_fn=_heed_hangups,
        )  # fmt: skip

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    @property
    def reversed(self) -> str:
        """What stands out on the screen without any colour."""
        rows = (self.screen.buffer[number] for number in range(self.screen.lines))
        return "".join(row[column].data for row in rows for column in range(self.screen.columns) if row[column].reverse)

    @property
    def scrolled(self) -> str:
        """What has left the screen at its top, and what stands on it."""
        above = (
            "".join(line[column].data for column in range(self.screen.columns)) for line in self.screen.history.top
        )
        return "\n".join((*(line.rstrip() for line in above), self.text))

    def see(self, *texts: str) -> None:
        """Wait until all of the texts stand on the screen together."""
        self._until(lambda: all(text in self.text for text in texts))

    def see_once(self, *texts: str) -> None:
        """Wait until each of the texts stands on the screen, and only once."""
        self._until(lambda: all(self.text.count(text) == 1 for text in texts))

    def see_no_more(self, text: str) -> None:
        """Wait until the text has gone from the screen."""
        self._until(lambda: text not in self.text)

    def type(self, *keys: str) -> None:
        """Press keys, or type texts, one after the other."""
        for key in keys:
            time.sleep(_BETWEEN_KEYS_SECONDS)
            self.child.send(key)

    def answer(self, question: str, *keys: str) -> None:
        """Wait for a question, then type, and Enter."""
        self.see(question)
        self.type(*keys, ENTER)

    def insist(self, key: str) -> None:
        """Press a key now and then until the process ends: what is pressed while a question is put is not for it."""
        pressed = 0.0

        def ended() -> bool:
            nonlocal pressed
            if self.child.isalive() and time.monotonic() - pressed > 1:
                self.child.send(key)
                pressed = time.monotonic()
            return not self.child.isalive()

        self._until(ended)

    def choose(self, label: str) -> None:
        """Wait for a choice of this label, move to it, and take it."""
        deadline = time.monotonic() + self._patience
        self.see("» ", label)
        while not (pointed := self._pointed).startswith(label):
            assert time.monotonic() < deadline, self.text
            self.type(DOWN)
            self.see_no_more(f"» {pointed}")
            self.see("» ")  # half a frame may have been read
        self.type(ENTER)

    def resize(self, size: Size) -> None:
        """Give the window another size, as a person does with the mouse."""
        columns, lines = size
        self.screen.resize(lines, columns)
        self.child.setwinsize(lines, columns)

    def drag(self, size: Size) -> None:
        """Give the window another size for a moment, as a person does who drags it about."""
        self.resize(size)
        time.sleep(_BETWEEN_SIZES_SECONDS)
        self.read()

    def end(self) -> int:
        """Read to the end and give the exit code; the terminal has to be left as it was found."""
        self._until(lambda: not self.child.isalive())
        while self.read():
            pass
        assert self.child.getecho(), "the terminal is left without echo"
        assert not self.screen.cursor.hidden, "the terminal is left without its cursor"
        self.child.close()
        assert self.child.exitstatus is not None, f"ended by signal {self.child.signalstatus}"
        return int(self.child.exitstatus)

    @property
    def _pointed(self) -> str:
        """The choice that Enter would take."""
        _, pointer, rest = self.text.rpartition("» ")
        return rest.partition("\n")[0] if pointer else ""

    def _until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._patience
        while not holds():
            assert not self.child.closed, self.text
            assert time.monotonic() < deadline, self.text
            self.read()

    def read(self) -> bool:
        """Read what there is now; gives whether there was anything."""
        try:
            self._stream.feed(self.child.read_nonblocking(4096, timeout=0.1))
        except (pexpect.TIMEOUT, pexpect.EOF):
            return False
        return True


def drx(
    folder: Path, *arguments: str, size: Size = SMALL, term: str = "xterm", patience: float = _PATIENCE_SECONDS,
) -> Terminal:  # fmt: skip
    """Give drx itself at a terminal, in a project's folder."""
    return Terminal((str(DRX), *arguments), folder, size=size, term=term, patience=patience)


def story(project: Project, *arguments: str, size: Size = SMALL, term: str = "xterm") -> Terminal:
    """Give a run of the project's runbook at a terminal; it may use the actions that tests have."""
    command = (sys.executable, "-m", "tests.runner.attended", str(project.root), *arguments)
    return Terminal(command, ROOT, size=size, term=term)
