"""A real terminal around `drx`, emulated: what a person would see, and what they type."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyte


class Terminal:
    """80 columns, 24 lines, and drx on them in a project's folder."""

    def __init__(self, folder: Path, *arguments: str, term: str = "xterm") -> None:
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.Stream(self.screen)
        self.child = pexpect.spawn(
            str(Path(sys.executable).with_name("drx")), list(arguments), cwd=str(folder), dimensions=(24, 80),
            timeout=20, encoding="utf-8", env={**os.environ, "TERM": term, "PROMPT_TOOLKIT_NO_CPR": "1"},
        )  # fmt: skip

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def see(self, text: str) -> None:
        """Wait until the text stands on the screen."""
        self._until(lambda: text in self.text)

    def see_no_more(self, text: str) -> None:
        """Wait until the text has gone from the screen."""
        self._until(lambda: text not in self.text)

    def type(self, *keys: str) -> None:
        for key in keys:
            time.sleep(0.15)
            self.child.send(key)

    def end(self) -> int:
        """Read to the end and give the exit code."""
        self._until(lambda: not self.child.isalive())
        self._read()
        self.child.close()
        assert self.child.exitstatus is not None, f"ended by signal {self.child.signalstatus}"
        return int(self.child.exitstatus)

    def _until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline, self.text
            self._read()

    def _read(self) -> None:
        try:
            self._stream.feed(self.child.read_nonblocking(4096, timeout=0.1))
        except (pexpect.TIMEOUT, pexpect.EOF):
            return
