"""Read the runbooks and drills of a project from disk: the edge that the pure `Binder` needs. Judges nothing."""

import os
from collections.abc import Iterable
from pathlib import Path

from drx.errors import InvalidInput
from drx.files import read_regular
from drx.runbook.load import DRILLS, RUNBOOKS, Binder
from drx.yaml_source.document import MAX_BYTES


def read_binder(root: Path, named: Iterable[str] = ()) -> Binder:
    """Read what lies beside a drx.yaml, and files that somebody named by their path.

    Raises InvalidInput where a file cannot be read.
    """
    files = {
        f"{folder}/{path.name}": read_bounded(path)
        for folder in (RUNBOOKS, DRILLS)
        for path in sorted((root / folder).glob("*.yaml"))
        if path.is_file()
    }
    files |= {name: read_bounded(Path(name)) for name in named}
    here = os.path.relpath(root)
    return Binder(files, "" if here == "." else f"{here}/")


def read_bounded(path: Path) -> bytes:
    """Read a file, but no more than shows that it is too large.

    Raises InvalidInput where it cannot be read.
    """
    try:
        return read_regular(path, MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", "Name a file that you may read") from None
