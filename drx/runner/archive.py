"""Put a record into one archive for whoever examines it, and take it out again. Same record, same bytes."""

import hashlib
import io
import struct
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drx.errors import DrxError, UsageError
from drx.files import write_atomically
from drx.journal import JOURNAL
from drx.runner.record import SIGNATURE, hash_files

_HEADER = b"\x1f\x8b\x08\x04\0\0\0\0\x02\xff" + struct.pack("<H2sH", 36, b"DX", 32)
"""How the gzip file of `pack` begins (RFC 1952): no name, no comment, no time, one extra field of 32 bytes.

That is the SHA-256 of whatever follows it: a bit of what is compressed can change without changing what comes out.
"""
_MOST_BYTES = 4 << 30
"""What is larger was made to fill the memory: `pack` holds a record there, too."""


def _tarred(record: Path) -> bytes:
    """Put everything that the audit of a record reads into a tar file."""
    names = sorted({*hash_files(record), JOURNAL, *([SIGNATURE] if (record / SIGNATURE).exists() else [])})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in names:
            _add(tar, record, name)
    return packed.getvalue()


def pack(record: Path, archive: Path) -> None:
    """Write everything that the audit of a record reads into a gzipped tar file; raises UsageError."""
    content = _tarred(record)
    if len(content) > _MOST_BYTES:
        raise UsageError(
            f"{record.name} is larger than {_MOST_BYTES:,} bytes", "Hand over its folder: audits read that, too"
        )
    try:
        write_atomically(archive, zipped(content))
    except OSError as error:
        raise UsageError(f"{archive} cannot be written: {error.strerror}", "Name a file in a folder of yours") from None


def zipped(content: bytes) -> bytes:
    """Compress as RFC 1952 has it, with the sum of what follows it in the header."""
    deflate = zlib.compressobj(level=9, wbits=-zlib.MAX_WBITS)
    packed = deflate.compress(content) + deflate.flush()
    packed += struct.pack("<LL", zlib.crc32(content), len(content) & 0xFFFFFFFF)
    return _HEADER + hashlib.sha256(packed).digest() + packed


def _add(tar: tarfile.TarFile, record: Path, name: str) -> None:
    """Add one file, with nothing in its header that differs from machine to machine."""
    content = (record / name).read_bytes()
    header = tarfile.TarInfo(f"{record.name}/{name}")
    header.size, header.mode = len(content), 0o600
    tar.addfile(header, io.BytesIO(content))


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """Give the record inside of an archive, in a folder that goes afterwards.

    Raises UsageError for what is no such archive, DrxError for one that holds anything besides the record.
    """
    with tempfile.TemporaryDirectory(prefix="drx-audit-") as folder:
        try:
            content = _inflated(archive.read_bytes())
            with tarfile.open(fileobj=io.BytesIO(content)) as tar:
                if not all(member.isreg() and not member.issparse() for member in tar):
                    raise tarfile.TarError("it holds what is no plain file")
                tar.extractall(folder, filter="data")
                names = tar.getnames()
        except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
            raise UsageError(f"{archive} is no archive of a record: {error}", "Make one with `drx export`") from None
        records = [path.parent for path in Path(folder).glob(f"*/{JOURNAL}")]
        if len(records) != 1:
            raise UsageError(f"{archive} does not hold one record", "Make one with `drx export`")
        _require_nothing_else(archive, content, names, records[0])
        yield records[0]


def _inflated(content: bytes) -> bytes:
    """Give what `zipped` compressed, of which no bit has changed. Raises EOFError, zlib.error."""
    inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    found = inflate.decompress(content, _MOST_BYTES)
    if inflate.unconsumed_tail:
        raise EOFError(f"inflated, it is larger than {_MOST_BYTES:,} bytes")
    if not content.startswith(_HEADER):
        raise EOFError("it does not begin as drx begins one")
    if not inflate.eof or inflate.unused_data:
        raise EOFError("it is cut off" if not inflate.eof else f"{len(inflate.unused_data)} bytes follow its end")
    start = len(_HEADER) + 32
    if hashlib.sha256(content[start:]).digest() != content[len(_HEADER) : start]:
        raise EOFError("its bytes are not those that were written")
    return found


def _require_nothing_else(archive: Path, content: bytes, names: list[str], record: Path) -> None:
    """Hold an archive against what `pack` makes of the record inside of it, byte by byte."""
    again = _tarred(record)
    if content == again:
        return
    with tarfile.open(fileobj=io.BytesIO(again)) as tar:
        added = sorted(set(names) - set(tar.getnames()))
    what = f"it also holds {', '.join(added)}" if added else "its headers, or what lies between its files, differ"
    raise DrxError(f"{archive} is not what `drx export` wrote: {what}", "Ask for the archive again")
