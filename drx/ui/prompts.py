"""Ask one thing at a terminal: a choice or a line of text. It knows no runs."""

import select
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from drx.reports.text import visible

if TYPE_CHECKING:
    from prompt_toolkit.application import Application

_LOOK_SECONDS = 0.2


class Withdrawn(Exception):
    """What was asked needs no answer any more."""


class Prompts(Protocol):
    """Asks from a thread of its own; `withdraw` ends it from another. Ctrl-C raises KeyboardInterrupt."""

    def choose(self, text: str, labels: Sequence[str]) -> int:
        """Let a person choose one of the labels; gives its index. Raises Withdrawn."""

    def line(self, text: str) -> str:
        """Let a person type a line. Raises Withdrawn, and EOFError where the terminal is gone."""

    def withdraw(self) -> None:
        """End what is asked now, or next."""


class RichPrompts:
    """Prompts that keep the lines of the run above them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._application: Application[object] | None = None
        self._withdrawn = False

    def choose(self, text: str, labels: Sequence[str]) -> int:
        import questionary

        choices = [questionary.Choice(visible(label), value=index) for index, label in enumerate(labels)]
        question = questionary.select(visible(text), choices, qmark="?", instruction="(arrow keys, Enter)")
        return int(str(self._run(question.application)))

    def line(self, text: str) -> str:
        import questionary

        return str(self._run(questionary.text(visible(text), qmark=">").application))

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
        try:
            with patch_stdout(raw=True):
                return application.run(pre_run=self._check, set_exception_handler=False)
        finally:
            with self._lock:
                self._application = None

    def _check(self) -> None:
        """Close the gap between the start of a prompt and the moment from which it can be ended."""
        if self._withdrawn and self._application is not None and self._application.loop is not None:
            self._application.loop.call_soon(self._leave)

    def _leave(self) -> None:
        if self._application is not None and self._application.is_running and not self._application.is_done:
            self._application.exit(exception=Withdrawn())


class LinePrompts:
    """Numbered choices and plain lines, for terminals that can do nothing else."""

    def __init__(self) -> None:
        self._withdrawn = threading.Event()

    def choose(self, text: str, labels: Sequence[str]) -> int:
        numbered = "\n".join(f"  {number}) {visible(label)}" for number, label in enumerate(labels, start=1))
        while True:
            answer = self.line(f"{visible(text)}\n{numbered}\nNumber:").strip()
            if answer.isdecimal() and 1 <= int(answer) <= len(labels):
                return int(answer) - 1

    def line(self, text: str) -> str:
        sys.stdout.write(f"{visible(text)} ")
        sys.stdout.flush()
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
