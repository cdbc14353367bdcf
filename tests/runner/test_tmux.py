"""A run inside tmux: resized while it goes on and under a question, left and come back to. Nothing is left over."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from drx.engine.events import RunFinished
from drx.engine.terms import Outcome
from tests.runner.project import Project, steps_yaml
from tests.terminal import ENTER, HUGE, LARGE, ROOT, SMALL, Size, Terminal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed (Debian: tmux)"),
]
NARROW: Size = (60, 15)
TINY: Size = (20, 5)
BURST = (TINY, LARGE, (33, 9), SMALL, HUGE) * 8
"""A window that is dragged about: forty sizes within a second."""
DETACH = ("\x02", "d")
STEPS = (
    "{{id: slow, title: Copy all that is needed, action: test.until, with: {{file: '{0}/go-on'}}, expect: 1m}}",
    "{{id: call, title: Call somebody, confirm: Call the on-call engineer and say what you see, expect: 5m}}",
)
QUICK = "title: Quick, action: shell.run, with: {command: ['true']}, expect: 1s"
FAILS = "title: It fails, action: shell.run, with: {command: ['false']}, expect: 1s"


class Tmux:
    """A tmux server of its own, and one window in it with a run."""

    def __init__(self, project: Project, socket: Path) -> None:
        self._socket = socket
        columns, lines = SMALL
        command = f"{sys.executable} -m tests.runner.attended {project.root}; echo ended; sleep 60"
        size = ("-x", str(columns), "-y", str(lines))
        self.call("-f", "/dev/null", "new-session", "-d", "-s", "run", *size, "-c", str(ROOT), command)
        self.call("set-option", "-g", "window-size", "latest")

    def call(self, *arguments: str) -> str:
        """Run a command of tmux; gives what it says."""
        environ = {name: value for name, value in os.environ.items() if name != "TMUX"} | {"TERM": "xterm"}
        command = ["tmux", "-u", "-S", str(self._socket), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20, env=environ).stdout

    @property
    def text(self) -> str:
        """What stands in the window."""
        return self.call("capture-pane", "-p", "-t", "run")

    def see(self, *texts: str) -> str:
        """Wait until all texts stand in the window together; gives the window."""
        return self._until(lambda shown: all(text in shown for text in texts))

    def burst(self, terminal: Terminal, *texts: str) -> None:
        """Drag a person's terminal about, faster than anybody could draw for it: all has to stand there as before."""
        before = even(self.see(*texts))
        for size in (*BURST, SMALL):
            terminal.drag(size)
        began = self.elapsed(self._until(lambda shown: even(shown).endswith(before)))
        self._until(lambda shown: self.elapsed(shown) > began + 2)
        assert clean(self._until(lambda shown: even(shown).endswith(before)))

    def resize(self, size: Size) -> None:
        """Give the window another size, and look until the clock has ticked twice: nothing may stand there twice."""
        self._resize(size)
        began = self.elapsed(self.see("elapsed 00:"))
        self._until(lambda shown: clean(shown) and self.elapsed(shown) > began + 1)

    def _resize(self, size: Size) -> None:
        columns, lines = size
        self.call("resize-window", "-t", "run", "-x", str(columns), "-y", str(lines))

    @staticmethod
    def elapsed(shown: str) -> int:
        """The seconds on the clock; -1 while there is none."""
        found = re.search(r"elapsed 00:(\d\d):(\d\d)", shown)
        return int(found[1]) * 60 + int(found[2]) if found else -1

    def type(self, *keys: str) -> None:
        """Press keys by tmux's names."""
        self.call("send-keys", "-t", "run", *keys)

    @contextmanager
    def attached(self, size: Size = SMALL) -> Iterator[Terminal]:
        """A person's terminal with the window on it."""
        before = self.clients
        attach = ("env", "-u", "TMUX", "tmux", "-u", "-S", str(self._socket), "attach-session", "-t", "run")
        terminal = Terminal(attach, ROOT, size=size)
        self.wait(lambda: self.clients == before + 1)
        yield terminal
        self.wait(lambda: self.clients == before)

    @property
    def clients(self) -> int:
        """How many terminals show the window."""
        return len(self.call("list-clients", "-t", "run").splitlines())

    @staticmethod
    def wait(holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + 20
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _until(self, holds: Callable[[str], bool]) -> str:
        deadline = time.monotonic() + 20
        while not holds(shown := self.text):
            assert time.monotonic() < deadline, shown
            time.sleep(0.05)
        return shown


@contextmanager
def started(project: Project, folder: Path) -> Iterator[Tmux]:
    """A run in a window, until it is looked at no more."""
    tmux = Tmux(project, folder / "tmux.sock")
    try:
        yield tmux
    finally:
        tmux.call("kill-server")


@pytest.fixture
def window(project: Project, tmp_path: Path) -> Iterator[Tmux]:
    """A run of a step and a question."""
    steps = (step.format(project.root) for step in STEPS)
    with started(project.write(steps_yaml(*steps)), tmp_path) as tmux:
        yield tmux


def go_on(project: Project) -> None:
    """Let the slow step end."""
    (project.root / "go-on").touch()


def even(shown: str) -> str:
    """A window without what the clock changes in it, and wherever a list has been scrolled to."""
    return re.sub(r"^ . (quick-\d+|Back)$", "choice", re.sub(r"(\d+m )?[\d,.]+", "0", shown), flags=re.M).rstrip()


def clean(shown: str) -> bool:
    """Each part of the foot, or of a question, stands there once, and nothing went wrong."""
    for part in ("INCIDENT story in lab", "elapsed 00:", "Call the on-call", "▶ slow", "─" * 20, "» ", "Which one?"):
        assert shown.count(part) <= 1, shown
    assert "Traceback" not in shown
    return True


def test_resizing_leaves_nothing_over(window: Tmux, project: Project) -> None:
    window.see("INCIDENT story in lab", "> slow ", " left")
    for size in (NARROW, LARGE, SMALL):
        window.resize(size)
        window.see("elapsed 00:", "> slow ")
    go_on(project)
    window.see("Call the on-call engineer", "Done - the run goes on", "elapsed 00:")
    for size in (NARROW, LARGE, SMALL):
        window.resize(size)
        window.see("Done - the run goes on")
    window.type("Enter")
    shown = window.see("ended")
    assert "Done - the run goes on" not in shown
    assert "elapsed 00:" not in shown
    assert RunFinished(Outcome.SUCCEEDED) in project.facts


def test_a_burst_of_sizes_leaves_nothing_over_and_takes_no_line_away(window: Tmux, project: Project) -> None:
    window.see("INCIDENT story in lab", "> slow ", " left")
    with window.attached() as terminal:
        window.burst(terminal, "automation", "/s ")
        go_on(project)
        window.see("▶ slow", "✓ slow", "» Done - the run goes on", "Abort - roll back what was done", "elapsed 00:")
        window.burst(terminal, "people 00:")
        window.type("Down", "Down", "Enter")
        window.see("▶ slow", "Why is it skipped?")
        window.type("nobody", "Space", "answers")
        window.burst(terminal, "nobody answers", "elapsed 00:")
        window.type("Enter")
        shown = window.see("ended", "▶ slow", "nobody answers")
        assert clean(shown)
        assert "elapsed" not in shown
        terminal.type(*DETACH)
        terminal.see("[detached")
    assert RunFinished(Outcome.SUCCEEDED) in project.facts


def test_a_list_longer_than_the_window_outlives_a_burst_of_sizes(project: Project, tmp_path: Path) -> None:
    quick = (f"{{id: quick-{number:02}, {QUICK}}}" for number in range(30))
    with started(project.write(steps_yaml(*quick, f"{{id: last, {FAILS}}}")), tmp_path) as window:
        window.see("» Try again", "Go on at another step")
        window.type("Down")
        window.see("» Go on at another step")
        window.type("Enter")
        window.see("Which one?", "» quick-00", "elapsed 00:")
        with window.attached() as terminal:
            window.burst(terminal, "people 00:")
            window.type("Up")
            window.see("» Back")
            window.type("Up")
            window.see("» quick-29")
            window.burst(terminal, "people 00:")
            window.type("Enter")
            clean(window.see("Quick has run before, and is not repeatable. What now?", "elapsed 00:"))
            terminal.type(*DETACH)
            terminal.see("[detached")


def test_a_person_detaches_and_comes_back(window: Tmux, project: Project) -> None:
    window.see("> slow ")
    with window.attached() as terminal:
        terminal.see("INCIDENT story in lab", "> slow ")
        terminal.type(*DETACH)
        terminal.see("[detached")
    go_on(project)
    window.see("Done - the run goes on")  # nobody looks on
    with window.attached(LARGE) as terminal:
        terminal.see_once("Call the on-call engineer", "Done - the run goes on", "elapsed 00:")
        terminal.type(ENTER)
        terminal.see("ended")
        terminal.type(*DETACH)
        terminal.see("[detached")
    assert RunFinished(Outcome.SUCCEEDED) in project.facts


def test_a_run_is_asked_and_goes_on_while_nobody_is_attached(window: Tmux, project: Project) -> None:
    window.see("> slow ")
    window.type("C-c")
    window.see("Interrupted. What now?")
    assert window.clients == 0
    window.type("Enter")
    go_on(project)
    clean(window.see("Done - the run goes on", "elapsed 00:"))
    window.type("Enter")
    window.see("ended")
    assert RunFinished(Outcome.SUCCEEDED) in project.facts
