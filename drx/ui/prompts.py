"""What it takes to ask one thing at a terminal, and the plainest way to do so. It knows no runs."""

import select
import shutil
import sys
import threading
from collections.abc import Sequence
from typing import Protocol

from drx.reports.text import visible
from drx.ui.cells import lines_of
from drx.ui.keyboard import echoed, forget_typed, there

_LOOK_SECONDS = 0.2
_MARGIN = 4


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


class LinePrompts:
    """Numbered choices and plain lines, for terminals that can do nothing else."""

    def __init__(self) -> None:
        self._withdrawn = threading.Event()

    def choose(self, text: str, labels: Sequence[str]) -> int:
        room = shutil.get_terminal_size().columns - _MARGIN
        numbered = "\n".join(f"  {number}) {visible(label)}" for number, label in enumerate(labels, start=1))
        asked = f"{wrapped(text, room)}\n{numbered}\nNumber:"
        while True:
            answer = self.line(asked).strip()
            if answer.isdecimal() and 1 <= int(answer) <= len(labels):
                return int(answer) - 1
            asked = f"Please give a number from 1 to {len(labels)}:"

    def line(self, text: str) -> str:
        forget_typed()
        sys.stdout.write(f"{wrapped(text, shutil.get_terminal_size().columns)} ")
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
                    if not there():
                        raise EOFError
                    print(flush=True)  # Ctrl-D ends no terminal: it is an empty line, but for what Enter echoes
                return answer.rstrip("\n")
        raise Withdrawn

    def withdraw(self) -> None:
        self._withdrawn.set()


def wrapped(text: str, room: int) -> str:
    """Break lines between words; what has no space in it, a path, is never broken."""
    parts: list[str] = []
    for line in visible(text).splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        parts += [indent + part for part in lines_of(line.strip(), max(room - len(indent), 1))]
    return "\n".join(parts)
