"""Put a record into one archive for whoever examines it, and take it out again. Same record, same bytes."""

import gzip
import io
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drx.errors import UsageError
from drx.files import write_atomically
from drx.journal import JOURNAL
from drx.runner.record import SIGNATURE, hash_files


def pack(record: Path, archive: Path) -> None:
    """Write everything that the audit of a record reads into a gzipped tar file; raises UsageError."""
    names = sorted({*hash_files(record), JOURNAL, *([SIGNATURE] if (record / SIGNATURE).exists() else [])})
    packed = io.BytesIO()
    try:
        with (
            gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as compressed,
            tarfile.open(fileobj=compressed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for name in names:
                _add(tar, record, name)
        write_atomically(archive, packed.getvalue())
    except OSError as error:
        raise UsageError(f"{archive} cannot be written: {error.strerror}", "Name a file in a folder of yours") from None


def _add(tar: tarfile.TarFile, record: Path, name: str) -> None:
    """Add one file, with nothing in its header that differs from machine to machine."""
    content = (record / name).read_bytes()
    header = tarfile.TarInfo(f"{record.name}/{name}")
    header.size, header.mode = len(content), 0o600
    tar.addfile(header, io.BytesIO(content))


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """Give the record inside of an archive, in a folder that goes afterwards.

    Raises UsageError for what is no such archive.
    """
    with tempfile.TemporaryDirectory(prefix="drx-audit-") as folder:
        try:
            with tarfile.open(archive, "r:gz") as tar:
                tar.extractall(folder, filter="data")
        except (OSError, EOFError, tarfile.TarError) as error:
            raise UsageError(f"{archive} is no archive of a record: {error}", "Make one with `drx export`") from None
        records = [path.parent for path in Path(folder).glob(f"*/{JOURNAL}")]
        if len(records) != 1:
            raise UsageError(f"{archive} does not hold one record", "Make one with `drx export`")
        yield records[0]
