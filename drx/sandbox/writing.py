"""Start and stop the writer of a sandbox. Writes nothing itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from drx.errors import DrxError
from drx.sandbox.ledger import read_history
from drx.sandbox.members import own_program
from drx.sandbox.pixelcraft import IMAGES
from drx.sandbox.processes import Process, end, is_alive, start_python, wait_until
from drx.sandbox.servers import locked, log_end, process_of
from drx.sandbox.state import WRITER, Member, ledger_path, load_state, log_path, write_state

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0


@dataclass(frozen=True)
class Written:
    """What the ledger holds after the writer has stopped."""

    writes: int
    in_flight: int
    last_write_at: datetime | None
    last_image: str | None
    """`_id` of the newest image that is still there, as canonical Extended JSON text."""


def start_writing(directory: Path, rate: float, check: Callable[[], None] = lambda: None) -> Member:
    """Start the writer, `rate` writes a second; returns once it has written.

    One that already runs is left as it is. `check` is called while it starts, and may raise to stop. Raises DrxError if
    it does not get to write.
    """
    directory = load_state(directory.resolve()).directory
    with locked(directory):
        state = load_state(directory)
        running = state.find(WRITER)
        if running and is_alive(process_of(running)):
            return running
        ledger = ledger_path(directory)
        before = _size(ledger)
        program = own_program(WRITER, directory, "--rate", str(rate))
        process = start_python(program.arguments, program.environment, log_path(directory, WRITER))
        member = Member(name=WRITER, pid=process.pid, started=process.started)
        write_state(state.with_member(member))
        try:
            _await_first_write(process, ledger, before, check)
            if not is_alive(process) or _size(ledger) <= before:
                raise DrxError(f"the writer does not write{log_end(directory, WRITER)}", "Seed the sandbox first")
        except BaseException:
            end([process], _STOP_SECONDS)
            raise
    return member


def stop_writing(directory: Path) -> Written:
    """End the writer after the write in hand, and tell what was written; one that has ended already is no error.

    Every write that the ledger calls done was acknowledged before this returns.
    """
    end_writer(directory)
    history = read_history(ledger_path(directory))
    images = reversed(history.documents.get(IMAGES, {}).items())
    newest = next((name for name, versions in images if versions[-1].certain and versions[-1].sha256), None)
    return Written(history.writes, history.in_flight, history.last_write_at, newest)


def end_writer(directory: Path) -> None:
    """End the writer, if there is one, after the write in hand."""
    directory = load_state(directory.resolve()).directory
    with locked(directory):
        state = load_state(directory)
        running = state.find(WRITER)
        if running:
            end([process_of(running)], _STOP_SECONDS)
            write_state(state.without(WRITER))


def _await_first_write(process: Process, ledger: Path, before: int, check: Callable[[], None]) -> None:
    def settled() -> bool:
        check()
        return not is_alive(process) or _size(ledger) > before

    wait_until(settled, _START_SECONDS)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
