"""Only the very process that was started is recognised and ended."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from drx.sandbox.processes import Process, end, is_alive, listening_port, start_python, wait_until

STUBBORN = """
import signal, socket, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen(["sleep", "60"])
listener = socket.create_server(("127.0.0.1", 0))
print(child.pid, listener.getsockname()[1], flush=True)
time.sleep(60)
"""


BUSY = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    for each in [open("/dev/null") for _ in range(50)]:
        each.close()
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "child.log"


@pytest.fixture
def stubborn(log: Path) -> Iterator[Process]:
    process = start_python(["-c", STUBBORN], os.environ, log)
    assert wait_until(lambda: log.read_text().endswith("\n"), 20)
    yield process
    end([process], 0.1)


def test_finds_the_port_that_a_process_listens_on(stubborn: Process, log: Path) -> None:
    assert listening_port(stubborn.pid) == int(log.read_text().split()[1])
    assert listening_port(os.getpid()) is None


def test_finds_the_port_of_a_process_that_opens_and_closes_files_meanwhile(log: Path) -> None:
    busy = start_python(["-c", BUSY], os.environ, log)
    try:
        assert wait_until(lambda: log.read_text().endswith("\n"), 20)
        assert {listening_port(busy.pid) for _ in range(200)} == {int(log.read_text())}
    finally:
        end([busy], 0)


def test_kills_what_ignores_sigterm_and_what_it_started(stubborn: Process, log: Path) -> None:
    grandchild = int(log.read_text().split()[0])
    end([stubborn], 0.3)
    assert not is_alive(stubborn)
    assert wait_until(lambda: _is_gone(grandchild), 5)


def test_leaves_a_later_process_with_the_same_pid_alone(stubborn: Process) -> None:
    earlier = Process(stubborn.pid, stubborn.started + "0")
    assert not is_alive(earlier)
    end([earlier], 0.1)
    assert is_alive(stubborn)


def test_one_that_has_ended_is_not_alive(log: Path) -> None:
    process = start_python(["-c", "pass"], os.environ, log)
    assert wait_until(lambda: not is_alive(process), 20)
    end([process], 0.1)


def test_runs_in_a_session_of_its_own(stubborn: Process) -> None:
    assert os.getsid(stubborn.pid) == stubborn.pid != os.getsid(0)


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
