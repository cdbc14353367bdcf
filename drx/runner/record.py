"""The folder that a run leaves: its name, its files, their permissions and hashes. It knows no events' meaning."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from drx.errors import DrxError, JournalError, UsageError
from drx.files import make_private, sync_directory, write_atomically
from drx.journal import JOURNAL

FROZEN = "frozen"
ARTIFACTS = "artifacts"
INBOX = "inbox"
REPORT = "report.md"
REPORT_HTML = "report.html"
REPORT_JSON = "report.json"
REPORTS = (REPORT, REPORT_HTML, REPORT_JSON)
"""What is written anew: when the run ends, and when something is noted afterwards."""
SIGNATURE = f"{JOURNAL}.sig"
"""A signature of the whole journal, which seals everything else; made after the seal."""
_UNHASHED = frozenset({JOURNAL, "journal.lock", SIGNATURE})


def run_id(name: str, at: datetime) -> str:
    """Name a run: `2026-11-21T0800Z-db-drop-7f3a`."""
    label = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:40] or "run"
    return f"{at.astimezone(UTC):%Y-%m-%dT%H%MZ}-{label}-{secrets.token_hex(2)}"


def create_record(records: Path, run: str) -> Path:
    """Make an empty folder for a new run; nobody but its owner can look inside.

    Raises UsageError where that is not possible.
    """
    try:
        records.mkdir(parents=True, exist_ok=True)
        record = records / run
        record.mkdir(mode=0o700)
        for folder in (FROZEN, INBOX):
            (record / folder).mkdir(mode=0o700)
        sync_directory(records)
    except OSError as error:
        remedy = "Make room, or name another folder for records"
        raise UsageError(f"{records}: a record cannot be made: {error.strerror}", remedy) from None
    return record


def freeze(record: Path, files: Mapping[str, bytes]) -> dict[str, str]:
    """Keep what the run is made of, and give the SHA-256 of each file.

    Raises UsageError where the disk refuses.
    """
    try:
        for name, data in files.items():
            make_private((record / FROZEN / name).parent)
            write_atomically(record / FROZEN / name, data, mode=0o400)
    except OSError as error:
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
            data = path.read_bytes()
        except OSError as error:
            raise JournalError(f"{path} cannot be read: {error.strerror}", "Restore it from a copy") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise JournalError(f"{path} was changed after the run began", "Restore it from a copy")
        files[name] = data
    return files


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
