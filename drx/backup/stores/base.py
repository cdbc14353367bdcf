"""What every backup store can do, and the addresses that name one. Holds no store itself."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class S3Address:
    """A bucket, or a prefix in one, at AWS or at any S3-compatible endpoint.

    With no keys given, boto3 looks for them where it always does. `owner` is the AWS account id
    that must own the bucket.
    """

    bucket: str
    prefix: str = ""
    region: str = "us-east-1"
    endpoint: str | None = None
    owner: str | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class DirectoryAddress:
    """A directory on a disk that this host has mounted."""

    path: Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a listing; its key is relative to the store."""

    key: str
    size_bytes: int


class Upload(AbstractContextManager["Upload"], Protocol):
    """An object being written. Leaving the context before `complete` leaves nothing behind."""

    def write(self, data: bytes) -> None:
        """Append bytes; parts are cut between calls, never inside one."""

    def complete(self) -> str | None:
        """Make the object visible and return the checksum the store reports for it, if any."""


class Store(Protocol):
    """Objects by key. Every failure is a StoreError that names the store and the key."""

    def describe(self) -> str:
        """Name the store for a person, without secrets."""

    def put(self, key: str, data: bytes) -> None:
        """Write one object, replacing what is there."""

    def create(self, key: str, data: bytes) -> bool:
        """Write one object only where there is none; False when there is one."""

    def get(self, key: str) -> bytes:
        """Read one whole object."""

    def read(self, key: str, start: int, length: int) -> bytes:
        """Read exactly `length` bytes from `start`."""

    def stream(self, key: str) -> Iterator[bytes]:
        """Read one object piece by piece, in bounded memory."""

    def list(self, prefix: str) -> Iterator[Entry]:
        """List the objects whose keys begin with `prefix`, by key, page by page."""

    def delete(self, key: str) -> None:
        """Remove one object; one that is not there is no error."""

    def upload(self, key: str) -> Upload:
        """Begin an object of unknown size."""

    def abandon(self, prefix: str) -> None:
        """Remove unfinished uploads that a killed process left below `prefix`."""
