"""Disks at fault, for tests: full, or read-only."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow past a size: what it is told is what a full disk tells."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    """Take the right to write away from everybody, root too."""
    if os.geteuid():
        folders = [path, *(each for each in path.rglob("*") if each.is_dir())]
        for each in folders:
            each.chmod(0o500)
        yield
        for each in folders:
            each.chmod(0o700)
        return
    if subprocess.run(["mount", "--bind", path, path], capture_output=True, check=False).returncode:
        pytest.skip("root may not mount here, and may write everywhere")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", path, path], check=True)
        yield
    finally:
        subprocess.run(["umount", path], check=True)
