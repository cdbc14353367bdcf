"""Run the repository's own drill through the real command line, small, and read what came of it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from drx.engine.events import Event, StepFailed
from drx.journal import JOURNAL, read_journal
from drx.reports.document import read_report
from drx.reports.shapes import RunFacts
from drx.runner.record import REPORT_JSON

ROOT = Path(__file__).resolve().parents[2]
DRX = Path(sys.executable).with_name("drx")
SABOTAGE = Path(__file__).with_name("sabotage.py")
TIMEOUT_SECONDS = 240
IMAGES = 600
_SMALLER = (
    ("drills", "action: sandbox.seed}", f"action: sandbox.seed, with: {{users: 50, images: {IMAGES}, objects: 40}}}}"),
    ("drills", "for: 4s", "for: 1s"),
    ("runbooks", "retry: {attempts: 3, wait: 5s}", "retry: {attempts: 2, wait: 100ms}"),
    ("runbooks", "retry: {attempts: 3, wait: 30s, backoff: 2}", "retry: {attempts: 2, wait: 100ms}"),
)
"""The drill and its runbook are the repository's own, but for less data and less patience."""
_LAST_OF_SETUP = "action: sandbox.stop_writing}\n\n"


@dataclass(frozen=True)
class Outcome:
    """What a command of drx did."""

    code: int
    screen: str
    record: Path | None
    """The record that it made, if it made one."""

    @property
    def events(self) -> list[Event]:
        """The journal."""
        assert self.record, self.screen
        return read_journal(self.record / JOURNAL)

    @property
    def report(self) -> RunFacts:
        """The figures of report.json."""
        assert self.record, self.screen
        return read_report((self.record / REPORT_JSON).read_bytes())

    @property
    def failures(self) -> dict[str, str]:
        """What each step that failed said, the last time."""
        return {event.fact.step: event.fact.error for event in self.events if isinstance(event.fact, StepFailed)}

    @property
    def everything_written(self) -> str:
        """The screen and every file of the record, for whoever looks for secrets."""
        files = sorted(path for path in self.record.rglob("*") if path.is_file()) if self.record else []
        return "\n".join([self.screen, *(path.read_bytes().decode("utf-8", "replace") for path in files)])


@dataclass
class Project:
    """A project folder with a copy of the repository's drx.yaml, runbooks and drills."""

    root: Path
    sandbox: Path
    environ: dict[str, str] = field(default_factory=dict)
    """Variables that drx gets besides those of the test."""

    def __post_init__(self) -> None:
        for name in ("drx.yaml", "runbooks/db-drop.yaml", "drills/db-drop.yaml"):
            self.write(name, (ROOT / name).read_text())
        for folder, before, after in _SMALLER:
            self.change(f"{folder}/db-drop.yaml", before, after)
        sandboxes = self.root / ".drx" / "sandbox"
        sandboxes.mkdir(parents=True)
        (sandboxes / "default").symlink_to(self.sandbox)

    @property
    def records(self) -> Path:
        """Where records lie."""
        return self.root / "drills" / "records"

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        (self.root / name).parent.mkdir(exist_ok=True)
        (self.root / name).write_text(text)

    def change(self, name: str, before: str, after: str) -> None:
        """Change a text that stands in a file of the project exactly once."""
        text = (self.root / name).read_text()
        assert text.count(before) == 1, f"{before!r} stands {text.count(before)} times in {name}"
        (self.root / name).write_text(text.replace(before, after))

    def sabotage(self, spoiling: str, *, slices: bool = False) -> None:
        """Have a spoiling of sabotage.py done at the end of the drill's set-up.

        With `slices`, two regular slices are taken before, with writes in each.
        """
        command = f"[{sys.executable}, -P, {SABOTAGE}, {self.sandbox}, {spoiling}]"
        step = f"  - {{id: spoil, action: shell.run, with: {{command: {command}}}}}"
        before = (
            "  - {id: slice-one, action: backup.slice}\n"
            "  - {id: write-more, action: sandbox.write}\n"
            "  - {id: work-more, action: wait.until, with: {for: 500ms}}\n"
            "  - {id: stop-again, action: sandbox.stop_writing}\n"
            "  - {id: slice-two, action: backup.slice}\n"
        )
        after = f"{_LAST_OF_SETUP.rstrip()}\n{before if slices else ''}{step}\n\n"
        self.change("drills/db-drop.yaml", _LAST_OF_SETUP, after)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start drx in this folder."""
        environ = {**os.environ, "PYTHONPATH": str(ROOT), **self.environ}
        return subprocess.Popen(
            [str(DRX), *arguments], cwd=self.root, env=environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def drx(self, *arguments: str) -> Outcome:
        """Run a command of drx to its end."""
        before = self._found()
        with self.start(*arguments) as process:
            screen = _await(process)
        return self.outcome(process, screen, before)

    def drill(self) -> Outcome:
        """Run the drill, and leave the sandbox running."""
        return self.drx("drill", "db-drop", "--env", "sandbox", "--keep")

    def outcome(self, process: subprocess.Popen[str], screen: str, before: frozenset[Path] = frozenset()) -> Outcome:
        """Say what a process that has ended came to."""
        made = sorted(self._found() - before)
        return Outcome(process.returncode, screen, made[0] if made else None)

    def _found(self) -> frozenset[Path]:
        return frozenset(self.records.iterdir()) if self.records.exists() else frozenset()

    def await_event(self, text: str, seconds: float = 60) -> None:
        """Wait until the only journal holds a text."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if any(text in path.read_text() for path in self.records.glob(f"*/{JOURNAL}")):
                return
            time.sleep(0.01)
        raise AssertionError(f"the journal never said {text}")


@contextmanager
def silent(*, answers: bool) -> Iterator[int]:
    """A port that takes connections and never says a word; without `answers`, one that takes none."""
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        if answers:
            listening.listen()
        yield listening.getsockname()[1]


def _await(process: subprocess.Popen[str]) -> str:
    try:
        screen, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return screen
