"""A run inside tmux: resized while it goes on and under a question, left and come back to. Nothing is left over."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drx.engine.events import RunFinished
from drx.engine.terms import Outcome
from tests.runner.project import Project, steps_yaml
from tests.terminal import LARGE, ROOT, SMALL, Size

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed (Debian: tmux)"),
]
NARROW: Size = (60, 15)
STEPS = (
    "{id: slow, title: Copy everything to where it belongs, action: test.slow, with: {seconds: 6s}, expect: 1m}",
    "{id: call, title: Call somebody, confirm: Call the on-call engineer and say what you see, expect: 5m}",
)


class Tmux:
    """A tmux server of its own, and one window in it with a run."""

    def __init__(self, project: Project, socket: Path) -> None:
        self._socket = socket
        columns, lines = SMALL
        command = f"{sys.executable} -m tests.runner.attended {project.root}; echo ended; sleep 60"
        size = ("-x", str(columns), "-y", str(lines))
        self.call("-f", "/dev/null", "new-session", "-d", "-s", "run", *size, "-c", str(ROOT), command)
        self.call("set-option", "-g", "window-size", "manual")

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

    def resize(self, size: Size) -> None:
        """Give the window another size."""
        columns, lines = size
        self.call("resize-window", "-t", "run", "-x", str(columns), "-y", str(lines))
        time.sleep(1.5)  # the clocks are drawn twice a second

    def type(self, *keys: str) -> None:
        """Press keys by tmux's names."""
        for key in keys:
            time.sleep(0.15)
            self.call("send-keys", "-t", "run", key)

    def _until(self, holds: Callable[[str], bool]) -> str:
        deadline = time.monotonic() + 20
        while not holds(shown := self.text):
            assert time.monotonic() < deadline, shown
            time.sleep(0.1)
        return shown


@pytest.fixture
def window(project: Project, tmp_path: Path) -> Iterator[Tmux]:
    """A run of a step and a question."""
    tmux = Tmux(project.write(steps_yaml(*STEPS)), tmp_path / "tmux.sock")
    try:
        yield tmux
    finally:
        tmux.call("kill-server")


def clean(shown: str) -> None:
    """Each part of the foot stands there once."""
    for part in ("INCIDENT story in lab", "elapsed 00:", "Call the on-call engineer", "▶ slow", "─" * 20):
        assert shown.count(part) <= 1, shown


def test_resizing_leaves_nothing_over(window: Tmux, project: Project) -> None:
    window.see("INCIDENT story in lab", "> slow ", " left")
    for size in (NARROW, LARGE, SMALL):
        window.resize(size)
        clean(window.see("elapsed 00:", "> slow "))
    window.see("Call the on-call engineer", "Done - the run goes on", "elapsed 00:")
    for size in (NARROW, LARGE, NARROW, SMALL):
        window.resize(size)
        clean(window.see("Done - the run goes on"))
    window.type("Enter")
    shown = window.see("ended")
    assert "Done - the run goes on" not in shown
    assert "elapsed 00:" not in shown
    assert RunFinished(Outcome.SUCCEEDED) in project.facts


def test_a_run_goes_on_while_nobody_is_attached(window: Tmux, project: Project) -> None:
    window.see("> slow ")
    window.type("C-c")
    window.see("Interrupted. What now?")
    window.call("detach-client", "-s", "run") if window.call("list-clients", "-t", "run") else None
    window.type("Enter")
    clean(window.see("Done - the run goes on", "elapsed 00:"))
    window.type("Enter")
    window.see("ended")
    assert RunFinished(Outcome.SUCCEEDED) in project.facts
