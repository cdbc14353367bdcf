"""End a process and all that it started. Touches no other process."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PATIENCE_SECONDS = 2.0
_GONE_SECONDS = 1.0
_GROUP_FIELD = 2  # of /proc/<pid>/stat, counted after the name; proc(5)


def end_processes(process: subprocess.Popen[bytes], variable: str, value: str) -> None:
    """Send SIGTERM and, after two seconds, SIGKILL to the process group and to what left it.

    What left the group still carries the environment variable it was started with.
    """
    mark = f"{variable}={value}".encode()
    for number, patience in ((signal.SIGTERM, _PATIENCE_SECONDS), (signal.SIGKILL, _GONE_SECONDS)):
        deadline = time.monotonic() + patience
        members = set(_members(process.pid, mark))
        for pid in members:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        while members and time.monotonic() < deadline:
            time.sleep(0.02)
            process.poll()
            members = set(_members(process.pid, mark))
        if not members:
            break
    process.poll()


def _members(group: int, mark: bytes) -> Iterator[int]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with suppress(OSError):
            state, _, of_group = (entry / "stat").read_bytes().rpartition(b") ")[2].split()[: _GROUP_FIELD + 1]
            if state in (b"Z", b"X"):
                continue
            if int(of_group) == group or mark in (entry / "environ").read_bytes().split(b"\0"):
                yield int(entry.name)
