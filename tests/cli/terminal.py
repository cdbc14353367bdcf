"""A terminal of 80 columns and 24 lines with `drx` in it, and what a person would see there."""

import os
import sys
import time
from pathlib import Path

import pexpect
import pyte

ENTER = "\r"
DRX = Path(sys.executable).with_name("drx")
_DREARY_SECONDS = 20.0


class DrxTerminal:
    """A command of drx, at an emulated terminal; the command is real."""

    def __init__(self, root: Path, *arguments: str, term: str = "xterm") -> None:
        self.screen = pyte.HistoryScreen(80, 24)
        self._stream = pyte.Stream(self.screen)
        self._child = pexpect.spawn(
            str(DRX), [*arguments], cwd=str(root), dimensions=(24, 80), timeout=20, encoding="utf-8",
            env={**os.environ, "TERM": term, "PROMPT_TOOLKIT_NO_CPR": "1"},
        )  # fmt: skip

    @property
    def shown(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def see(self, text: str) -> None:
        """Wait until the text stands on the screen."""
        deadline = time.monotonic() + _DREARY_SECONDS
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            self._read()

    def answer(self, question: str, *keys: str) -> None:
        """Wait for a question, and type; what is typed too early would answer nothing."""
        self.see(question)
        for key in (*keys, ENTER):
            time.sleep(0.15)
            self._child.send(key)

    def press(self, key: str) -> None:
        time.sleep(0.15)
        self._child.send(key)

    def end(self) -> int:
        """Read to the end and give the exit code."""
        deadline = time.monotonic() + _DREARY_SECONDS
        while self._child.isalive():
            assert time.monotonic() < deadline, self.shown
            self._read()
        self._read()
        self._child.close()
        assert self._child.exitstatus is not None, f"ended by signal {self._child.signalstatus}"
        return int(self._child.exitstatus)

    def _read(self) -> None:
        try:
            self._stream.feed(self._child.read_nonblocking(4096, timeout=0.1))
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
