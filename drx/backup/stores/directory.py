"""Keep backups in a directory. Objects appear whole, on disk, or not at all."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from drx.backup.stores.base import Begun, DirectoryAddress, Entry, Found, Store
from drx.errors import DamagedError, StoreError
from drx.files import sync_directory

_CHUNK = 1 << 20
_UNFINISHED = ".drx-"
_ALONE_SECONDS = 10.0
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}


class DirectoryStore:
    """A store whose objects are files; see `Store`. The directory itself must exist: a disk may not be mounted."""

    def __init__(self, address: DirectoryAddress) -> None:
        self._root = address.path

    def describe(self) -> str:
        return str(self._root)

    def put(self, key: str, data: bytes) -> None:
        with self.upload(key) as upload:
            upload.write(data)
            upload.complete()

    def create(self, key: str, data: bytes) -> bool:
        with DirectoryUpload(self, key, replacing=False) as upload:
            upload.write(data)
            try:
                upload.complete()
            except FileExistsError:
                return False
        return True

    def find(self, key: str) -> Found | None:
        path = self.path(key)
        with self.failures(key):
            try:
                with path.open("rb") as file:
                    data, written = file.read(), os.fstat(file.fileno()).st_mtime
            except FileNotFoundError:
                return None
            with tempfile.TemporaryFile(dir=path.parent) as probe:  # its time is the file server's, not this host's
                age = os.fstat(probe.fileno()).st_mtime - written
        return Found(data, _version(data), timedelta(seconds=age))

    def replace(self, key: str, data: bytes, version: str) -> str | None:
        """Replace a file under a kernel lock of a hidden file beside it, so that nobody comes between.

        Such a lock ends with its process. It holds between hosts on NFS 4, and on NFS 3 where its lock manager runs;
        not on a mount with `nolock`, nor on network file systems that keep `flock` to the host.
        """
        path = self.path(key)
        if not path.exists():
            return None
        with self.failures(key), self.alone(path):
            if not path.exists() or _version(path.read_bytes()) != version:
                return None
            self.put(key, data)
        return _version(data)

    def copy_from(self, source: Store, key: str) -> bool:
        return False

    def get(self, key: str) -> bytes:
        with self.failures(key):
            return self.path(key).read_bytes()

    def read(self, key: str, start: int, length: int) -> bytes:
        with self.failures(key), self.path(key).open("rb") as file:
            file.seek(start)
            data = file.read(length)
        if len(data) != length:
            raise DamagedError(f"{self._root}/{key} ends before byte {start + length}", "The object is cut short")
        return data

    def stream(self, key: str) -> Iterator[bytes]:
        with self.failures(key), self.path(key).open("rb") as file:
            while data := file.read(_CHUNK):
                yield data

    def list(self, prefix: str) -> Iterator[Entry]:
        with self.failures(prefix):
            folder = prefix.rpartition("/")[0]
            yield from self._walk(self.path(folder) if folder else self._root, f"{folder}/" if folder else "", prefix)

    def delete(self, key: str) -> None:
        with self.failures(key):
            self.path(key).unlink(missing_ok=True)

    def upload(self, key: str) -> "DirectoryUpload":
        return DirectoryUpload(self, key)

    def lasting_upload(self, key: str, begun: Begun | None) -> "DirectoryUpload":
        return DirectoryUpload(self, key, lasting=True, begun=begun)

    def holds(self, key: str, begun: Begun) -> bool:
        path = self.path(key).with_name(begun.id)
        with self.failures(key):
            return begun.id.startswith(_UNFINISHED) and path.is_file() and path.stat().st_size >= begun.size_bytes

    def unfinished(self, prefix: str) -> Iterator[Entry]:
        with self.failures(prefix):
            for path in self.path(prefix.rstrip("/")).rglob(f"{_UNFINISHED}*"):
                yield _entry(path.relative_to(self._root).as_posix(), path.stat())

    def abandon(self, prefix: str, before: datetime | None = None, spared: str | None = None) -> None:
        for found in self.unfinished(prefix):
            if found.key.rpartition("/")[2] == spared:
                continue
            if before is None or not found.written_at or found.written_at < before:
                with self.failures(found.key):
                    (self._root / found.key).unlink(missing_ok=True)

    def protection(self, key: str) -> str:
        return ""

    def path(self, key: str) -> Path:
        """Where an object lies.

        Raises StoreError for a key that would leave the store, and when the directory is not there.
        """
        if any(part.startswith(".") or not part for part in key.split("/")) or "\0" in key:
            raise StoreError(f"'{key}' cannot be a key in {self._root}", "No part may be empty or begin with '.'")
        if not self._root.is_dir():
            raise StoreError(f"the directory {self._root} is not there", "Mount its disk, or create it")
        return self._root / key

    def _walk(self, folder: Path, path: str, prefix: str) -> Iterator[Entry]:
        if not folder.is_dir():
            return
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: f"{entry.name}/" if entry.is_dir() else entry.name)
        for entry in entries:
            key = path + entry.name
            if entry.is_dir() and (key + "/").startswith(prefix[: len(key) + 1]):
                yield from self._walk(folder / entry.name, f"{key}/", prefix)
            elif entry.is_file() and key.startswith(prefix) and not entry.name.startswith("."):
                yield _entry(key, entry.stat())

    @contextmanager
    def alone(self, path: Path) -> Iterator[None]:
        """Let no other process of drx write an object meanwhile."""
        from filelock import FileLock, Timeout

        try:
            with FileLock(path.with_name(f".{path.name}.lock"), timeout=_ALONE_SECONDS):
                yield
        except Timeout:
            raise StoreError(f"{path} is being written by another process", "Try again") from None

    @contextmanager
    def failures(self, key: str) -> Iterator[None]:
        """Turn what the file system says into a StoreError that names the object."""
        try:
            yield
        except FileNotFoundError:
            raise StoreError(f"{self._root}/{key} is not there", "Look for it in another copy") from None
        except FileExistsError:
            raise
        except OSError as error:
            raise StoreError(f"{self._root}/{key}: {error.strerror}", "Check the disk and its permissions") from error


def _entry(key: str, status: os.stat_result) -> Entry:
    return Entry(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _version(data: bytes) -> str:
    """Tell versions apart by what they hold: times are too coarse for it on some file systems."""
    return sha256(data).hexdigest()


class DirectoryUpload:
    """A file that takes its name only when it is complete and on disk."""

    def __init__(
        self, store: DirectoryStore, key: str, *, replacing: bool = True, lasting: bool = False,
        begun: Begun | None = None,
    ) -> None:  # fmt: skip
        self._store, self._key, self._replacing = store, key, replacing
        self._lasting, self._begun = lasting, begun
        self._file: BinaryIO | None = None
        self._unfinished = Path()

    def __enter__(self) -> Self:
        path = self._store.path(self._key)
        with self._store.failures(self._key):
            path.parent.mkdir(parents=True, exist_ok=True)
            if self._begun:
                self._unfinished = path.with_name(self._begun.id)
                self._file = self._unfinished.open("r+b")
                self._file.truncate(self._begun.size_bytes)
                self._file.seek(0, os.SEEK_END)
            else:
                descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)
                self._file, self._unfinished = os.fdopen(descriptor, "wb"), Path(name)
        return self

    def write(self, data: bytes) -> None:
        assert self._file
        with self._store.failures(self._key):
            self._file.write(data)

    def settled(self) -> Begun | None:
        assert self._file
        with self._store.failures(self._key):
            self._file.flush()
            os.fsync(self._file.fileno())
            return Begun(self._unfinished.name, self._file.tell())

    def complete(self) -> str | None:
        assert self._file
        path = self._store.path(self._key)
        with self._store.failures(self._key):
            self._file.flush()
            os.fsync(self._file.fileno())
            if self._replacing:
                self._unfinished.replace(path)
            else:
                self._create(path)
            sync_directory(path.parent)
        return None

    def _create(self, path: Path) -> None:
        """Name the file, where nothing has that name; a disk without hard links (FAT, exFAT) needs a lock for that."""
        try:
            path.hardlink_to(self._unfinished)
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            with self._store.alone(path):
                if path.exists():
                    raise FileExistsError(path) from None
                self._unfinished.replace(path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._file
        with self._store.failures(self._key):
            try:
                self._file.close()
            finally:
                if not self._lasting:
                    self._unfinished.unlink(missing_ok=True)
