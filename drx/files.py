"""Write files so that a reader, or a crash, never meets half of one; read no more of one than is wanted."""

import errno
import os
import stat
import tempfile
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o700
"""The mode of a folder that is its owner's alone."""
GROUP_READS = 0o2750
"""The mode of a folder whose group reads it; what is made inside belongs to that group too."""


def write_atomically(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace `path` by `data` in one step, on disk when this returns.

    Raises OSError; the old file then stands untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def make_private(path: Path, mode: int = PRIVATE) -> None:
    """Make a directory, and those above it that are missing, that nobody but their owner can look into.

    Another `mode` lets others in. Raises OSError.
    """
    for each in (*reversed(path.parents), path):
        if not each.is_dir():
            each.mkdir(mode=PRIVATE, exist_ok=True)
            if mode != PRIVATE:
                each.chmod(mode)


def folder_mode(folder: Path) -> int:
    """Give the mode of a folder inside of this one: its owner's alone, unless this one is open to its group."""
    return GROUP_READS if folder.stat().st_mode & stat.S_IRGRP else PRIVATE


def file_mode(folder: Path) -> int:
    """Give the mode of a file inside of a folder: its owner's alone, unless the folder is open to its group."""
    return folder_mode(folder) & 0o660 & ~stat.S_IWGRP


def sync_directory(path: Path) -> None:
    """Make a new or renamed entry of this directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_regular(path: Path, limit_bytes: int = -1) -> bytes:
    """Read a file, or its start.

    Raises OSError, for a pipe or a device too: reading one might never end.
    """
    with open_regular(path) as file:
        return file.read(limit_bytes)


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading. Raises OSError, for a pipe or a device too."""
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115 - whoever asked closes it
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(errno.EINVAL, "Not a regular file")


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for somebody at the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)
