"""The folder that a run leaves: its name, its files, their permissions and hashes. It knows no events' meaning."""

import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from drx.accounts import group_number
from drx.errors import DrxError, JournalError, UsageError
from drx.files import (
    GROUP_READS,
    PRIVATE,
    file_mode,
    folder_mode,
    make_private,
    read_regular,
    sync_directory,
    write_atomically,
)
from drx.journal import JOURNAL
from drx.journal.inbox import REFUSED

FROZEN = "frozen"
ARTIFACTS = "artifacts"
INBOX = "inbox"
GROUP_ADDS = 0o3770
"""The mode of an inbox: members of its group add files, and take away only their own."""
REPORT = "report.md"
REPORT_HTML = "report.html"
REPORT_JSON = "report.json"
REPORTS = (REPORT, REPORT_HTML, REPORT_JSON)
"""What is written anew: when the run ends, and when something is noted afterwards."""
SIGNATURE = f"{JOURNAL}.sig"
"""A signature of the whole journal, which seals everything else; made after the seal."""
LOCK = f"{JOURNAL.removesuffix('.jsonl')}.lock"
_UNHASHED = frozenset({JOURNAL, LOCK, SIGNATURE})


def run_id(name: str, at: datetime) -> str:
    """Name a run: `2026-11-21T0800Z-db-drop-7f3a`."""
    label = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:40] or "run"
    return f"{at.astimezone(UTC):%Y-%m-%dT%H%MZ}-{label}-{secrets.token_hex(2)}"


def create_record(records: Path, run: str, group: str | None = None) -> Path:
    """Make an empty folder for a new run; nobody but its owner can look inside, and the members of a group.

    These read it all, and may add to the inbox, where nobody can take away what another has put. Raises UsageError
    where that is not possible.
    """
    number = _number(group) if group is not None else None
    record = records / run
    try:
        records.mkdir(parents=True, exist_ok=True)
        record.mkdir(mode=PRIVATE)
        if number is not None:
            _open_to(records, number)
            _share(record, number, GROUP_READS)
        for folder in (FROZEN, INBOX):
            make_private(record / folder, folder_mode(record))
        make_private(record / INBOX / REFUSED)
        if number is not None:
            _share(record / INBOX, number, GROUP_ADDS)
        sync_directory(records)
    except OSError as error:
        remove_unbegun(record)
        remedy = "Make room, or name another folder for records"
        if isinstance(error, PermissionError) and group is not None:
            remedy = f"Be a member of the group {group}, and see that {records} belongs to you"
        raise UsageError(f"{records}: a record cannot be made: {error.strerror}", remedy) from None
    return record


def _number(group: str) -> int:
    number = group_number(group)
    if number is None:
        message = f"drx.yaml lets the group '{group}' read records, and this host has no such group"
        raise UsageError(message, f"Make it: groupadd {group}. Or correct records.group")
    return number


def _share(folder: Path, group: int, mode: int) -> None:
    os.chown(folder, -1, group)
    folder.chmod(mode)


def _open_to(records: Path, group: int) -> None:
    """Let the members of a group find the records in their folder, where they cannot yet."""
    found = records.stat()
    if found.st_mode & 0o005 == 0o005 or (found.st_gid == group and found.st_mode & 0o050 == 0o050):
        return
    _share(records, group, stat.S_IMODE(found.st_mode) | 0o050)


def remove_unbegun(record: Path) -> None:
    """Remove the folder of a run that could not begin: without an event, it would only be in the way."""
    journal = record / JOURNAL
    if not journal.exists() or b"\n" not in journal.read_bytes():
        shutil.rmtree(record, ignore_errors=True)


@contextmanager
def kept_once_begun(record: Path) -> Iterator[None]:
    """Keep the folder of a run whose journal fails only where that holds an event."""
    try:
        yield
    except JournalError:
        remove_unbegun(record)
        raise


def freeze(record: Path, files: Mapping[str, bytes]) -> dict[str, str]:
    """Keep what the run is made of, and give the SHA-256 of each file.

    Raises UsageError where the disk refuses.
    """
    try:
        for name, data in files.items():
            make_private((record / FROZEN / name).parent, folder_mode(record))
            write_atomically(record / FROZEN / name, data, mode=file_mode(record) & ~0o200)
    except OSError as error:
        remove_unbegun(record)
        raise UsageError(
            f"{record}: its files cannot be written: {error.strerror}", "Make room, then try again"
        ) from None
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def thaw(record: Path, hashes: Mapping[str, str]) -> dict[str, bytes]:
    """Give what was frozen, proven to be unchanged.

    Raises JournalError for a file that is missing or was changed.
    """
    files: dict[str, bytes] = {}
    for name, digest in hashes.items():
        path = record / FROZEN / name
        try:
            data = read_regular(path)
        except OSError as error:
            raise JournalError(f"{path} cannot be read: {error.strerror}", _put_back(name, digest)) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise JournalError(f"{path} was changed after the run began", _put_back(name, digest))
        files[name] = data
    return files


def _put_back(name: str, digest: str) -> str:
    own = f"; the project's own {name} will do where it has not changed since" if "/" in name else ""
    return f"The run goes on once the file with the SHA-256 {digest} is back, from a copy of the record{own}"


def hash_files(record: Path) -> dict[str, str]:
    """Give the SHA-256 of every file of the record but the journal, which seals itself.

    Raises DrxError where one cannot be read.
    """
    hashes: dict[str, str] = {}
    for path in sorted(record.rglob("*")):
        name = path.relative_to(record).as_posix()
        if name in _UNHASHED or name.startswith(f"{INBOX}/") or not path.is_file() or path.is_symlink():
            continue
        try:
            with path.open("rb") as file:
                hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise DrxError(
                f"{path} cannot be read: {error.strerror}", "See to it, then run `drx resume` again"
            ) from None
    return hashes
