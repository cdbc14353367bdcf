"""Start, recognise and end processes by pid and start time. Ends nothing that was not started here. Linux only."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_LISTENING = "0A"
POLL_SECONDS = 0.02
_KILL_SECONDS = 10.0


@dataclass(frozen=True)
class Process:
    """A process that cannot be mistaken for a later one with the same pid."""

    pid: int
    started: str


def start_python(arguments: Sequence[str], environment: Mapping[str, str], log: Path) -> Process:
    """Start a Python program in a session of its own, so that a Ctrl-C here does not reach it.

    `-P` keeps modules lying in the current directory out. Output is appended to `log`.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        sys.executable,
        [sys.executable, "-P", *arguments],
        environment,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), append, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    status = _read_status(pid)
    return Process(pid, status.started if status else "")


def is_alive(process: Process) -> bool:
    """Whether this very process runs, or still holds its files while it ends; not if it only waits to be reaped."""
    _reap(process.pid)
    status = _read_status(process.pid)
    if status is None or status.started != process.started:
        return False
    return status.state not in "ZX" or status.threads > 1


def process_with(pid: int, words: Sequence[str]) -> Process | None:
    """The process with this pid, if all these words stand in its command line."""
    try:
        arguments = (_PROC / str(pid) / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    status = _read_status(pid)
    return Process(pid, status.started) if status and set(words) <= set(arguments) else None


def listening_port(pid: int) -> int | None:
    """The TCP port on IPv4 at which this process listens, or None while it does not.

    Source: proc(5), /proc/net/tcp: local address, state, inode.
    """
    try:
        descriptors = list((_PROC / str(pid) / "fd").iterdir())
    except OSError:
        return None
    sockets = set()
    for descriptor in descriptors:
        with suppress(OSError):  # closed since it was listed, as a program that starts does with many files
            sockets.add(os.readlink(descriptor))
    for line in (_PROC / "net" / "tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == _LISTENING and f"socket:[{fields[9]}]" in sockets:
            return int(fields[1].rpartition(":")[2], 16)
    return None


def end(processes: Iterable[Process], grace_seconds: float) -> None:
    """End processes and whatever they started: SIGTERM, a wait, then SIGKILL. Those already gone are left alone."""
    remaining = [process for process in processes if _signal(process, signal.SIGTERM)]
    ended = wait_until(lambda: not any(is_alive(process) for process in remaining), grace_seconds)
    if not ended:
        remaining = [process for process in remaining if _signal(process, signal.SIGKILL)]
        wait_until(lambda: not any(is_alive(process) for process in remaining), grace_seconds)


def kill(processes: Iterable[Process]) -> None:
    """End processes and whatever they started at once, as a crash does, and wait until they are gone."""
    struck = [process for process in processes if _signal(process, signal.SIGKILL)]
    wait_until(lambda: not any(is_alive(process) for process in struck), _KILL_SECONDS)


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    """Look again and again until something holds; whether it did in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


@dataclass(frozen=True)
class _Status:
    state: str
    threads: int
    started: str


def _signal(process: Process, number: signal.Signals) -> bool:
    if not is_alive(process):
        return False
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:  # a child of an earlier drx: init reaps it
        return


def _read_status(pid: int) -> _Status | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()  # from field 3, state; 20: threads, 22: start time (proc(5))
    boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return _Status(fields[0], int(fields[17]), f"{boot}/{fields[19]}")
