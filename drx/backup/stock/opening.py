"""Recognise a stock dump by what it is, not by its name."""

from pathlib import Path

from drx.backup.stock.archive import Archive
from drx.backup.stock.directory import Directory
from drx.backup.stock.dump import Dump
from drx.errors import StoreError


def open_dump(path: Path) -> Dump:
    """Open a directory or an archive that mongodump wrote, gzipped or not.

    Raises StoreError for a path that is neither, saying why.
    """
    if path.is_dir():
        return Directory.open(path)
    if path.is_file():
        return Archive.open(path)
    raise StoreError(f"{path} is not there, or is no file", "Name the directory or the archive that mongodump wrote")
