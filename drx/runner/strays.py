"""Find what lies in a record beside its evidence, and say what it is. It reads names and kinds, and changes nothing."""

import json
import os
import stat
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from drx.journal.inbox import REFUSED, is_delivery
from drx.runner.record import ARTIFACTS, FROZEN, INBOX, LOCK

_LOCK_LIMIT_BYTES = 4096
_LOCK_SAYS = ["user", "host", "pid", "since"]


@dataclass(frozen=True)
class Strays:
    """What no seal covers."""

    wrong: tuple[str, ...]
    """What has no place in a record, each with its path and what it is."""
    unsealed: tuple[str, ...]
    """What has its place there and counts for nothing: said by somebody, and not read or not taken by the run."""


def find_special(record: Path) -> tuple[str, ...]:
    """Name every link, pipe, socket or device: reading one may never end, or tell of another place."""
    found = (path for path in sorted(record.rglob("*")) if not _is_plain(path.lstat().st_mode))
    return tuple(f"{path} is no plain file: drx puts none such into a record" for path in found)


def _is_plain(mode: int) -> bool:
    return stat.S_ISDIR(mode) or stat.S_ISREG(mode)


def find_strays(record: Path, sealed: Collection[str]) -> Strays:
    """Name everything that is neither evidence nor what a run needs while it goes on.

    It is a record without special files. `sealed` are the names of the files that the audit holds against their hashes.
    """
    wrong: list[str] = []
    unsealed: list[str] = []
    for path in sorted(record.rglob("*")):
        name = path.relative_to(record).as_posix()
        if path.is_dir():
            if not _has_place(name, sealed):
                wrong.append(f"{path} is a folder that no run makes")
        elif name == LOCK:
            if os.access(path, os.R_OK) and not _is_lock(path):  # in a group, its holder alone reads it
                wrong.append(f"{path} was changed: it says nothing but who had the record last")
        elif name.startswith(f"{INBOX}/"):
            if path.parent == record / INBOX / REFUSED:
                unsealed.append(f"{name}, which the run refused")
            elif not os.access(path, os.R_OK):
                unsealed.append(f"{name}, which this account cannot read")
            elif path.parent == record / INBOX and is_delivery(path):
                unsealed.append(f"{name}, which no run has read")
            else:
                wrong.append(f"{path} is nothing that drx puts there")
    return Strays(tuple(wrong), tuple(unsealed))


def _has_place(name: str, sealed: Collection[str]) -> bool:
    usual = (FROZEN, ARTIFACTS, INBOX, f"{INBOX}/{REFUSED}")
    return name in usual or name.startswith(f"{ARTIFACTS}/") or any(each.startswith(f"{name}/") for each in sealed)


def _is_lock(path: Path) -> bool:
    """Tell whether a lock holds what the last holder wrote, or nothing where the disk was full."""
    if path.stat().st_size > _LOCK_LIMIT_BYTES:
        return False
    text = path.read_bytes()
    try:
        said = json.loads(text) if text else None
    except ValueError:
        return False
    return said is None or (isinstance(said, dict) and list(said) == _LOCK_SAYS and json.dumps(said).encode() == text)
