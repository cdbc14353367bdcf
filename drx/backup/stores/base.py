"""What every backup store can do, and the addresses that name one. Holds no store itself."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from drx.errors import StoreError

_ENDPOINT = "Write it like https://s3.example.org:9000"


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
    hurried: bool = field(default=False, compare=False)
    """Somebody looks at a screen and waits: one that is silent is given up within seconds, not minutes."""

    @property
    def server(self) -> str:
        """Host and port of the endpoint, which is what people are shown; empty for AWS itself.

        Raises StoreError for an endpoint that is no address.
        """
        if self.endpoint is None:
            return ""
        try:
            parts = urlsplit(self.endpoint)
            port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        except (ValueError, KeyError):
            raise StoreError("the endpoint of a store is no address", _ENDPOINT) from None
        if not parts.hostname or parts.username or parts.password:
            raise StoreError(
                f"the endpoint {parts.hostname or ''} of a store holds no host, or holds a password",
                f"{_ENDPOINT}, and give the keys by themselves",
            )
        return f"{parts.hostname}:{port}"


@dataclass(frozen=True, slots=True)
class DirectoryAddress:
    """A directory on a disk that this host has mounted."""

    path: Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of a listing, or an unfinished upload; its key is relative to the store.

    `written_at` is when it was written, or when its upload began, by the store's clock.
    """

    key: str
    size_bytes: int
    written_at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Found:
    """An object as it was read, with what it takes to replace just that.

    `age` is how long ago it was written, by the store's own clock; None where the store does not tell.
    """

    data: bytes
    version: str
    age: timedelta | None


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part of an unfinished upload, as the store confirmed it."""

    size_bytes: int
    etag: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Begun:
    """An unfinished upload, as far as the store has it for certain."""

    id: str
    size_bytes: int
    parts: tuple[SentPart, ...] = ()


class Upload(AbstractContextManager["Upload"], Protocol):
    """An object being written. Leaving the context before `complete` leaves nothing behind, unless it was to last."""

    def write(self, data: bytes) -> None:
        """Append bytes; parts are cut between calls, never inside one."""

    def settled(self) -> Begun | None:
        """Tell what the store has for certain of what was written; None before it has anything."""

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

    def find(self, key: str) -> Found | None:
        """Read one small object and its version; None when there is none."""

    def replace(self, key: str, data: bytes, version: str) -> str | None:
        """Write one object only over this version of it; give the new version, None when it is another one by now."""

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

    def lasting_upload(self, key: str, begun: Begun | None) -> Upload:
        """Begin an object that, left unfinished, stays until `abandon`; or go on with one, after what is settled."""

    def holds(self, key: str, begun: Begun) -> bool:
        """Tell whether an unfinished upload is there still, as far as it was settled."""

    def copy_from(self, source: "Store", key: str) -> bool:
        """Let the server copy an object of another store, no byte of it passing through here; False where it cannot."""

    def unfinished(self, prefix: str) -> Iterator[Entry]:
        """List the uploads below `prefix` that were begun and not finished; their sizes are those known, or 0."""

    def abandon(self, prefix: str, before: datetime | None = None, spared: str | None = None) -> None:
        """Remove unfinished uploads that a killed process left below `prefix`, all or those begun before a moment, but
        for the one whose id is spared."""

    def protection(self, key: str) -> str:
        """Say why one object cannot be deleted, by its retention or a legal hold; empty where it can."""
