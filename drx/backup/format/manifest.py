"""What a backup says about itself, as values and as JSON. Reads and writes no file.

Like a line of the journal, a manifest proves itself: its last field is the SHA-256 of all bytes before that field.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, cast

from bson import Timestamp
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.json_util import JSONMode, JSONOptions, dumps, loads
from pydantic import AwareDatetime, ConfigDict, PlainSerializer, PlainValidator, TypeAdapter, ValidationError

from drx.backup.format.digest import Digest
from drx.backup.format.seal import sealed, unsealed
from drx.errors import DamagedError

CANONICAL = JSONOptions(
    json_mode=JSONMode.CANONICAL, tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)
# Metadata only: documents are never decoded.
PLAIN: CodecOptions[dict[str, object]] = CodecOptions(
    document_class=dict, tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_AUTO
)


def show_timestamp(value: Timestamp) -> str:
    """Write a timestamp as `seconds.increment`, padded so that text sorts as time does."""
    return f"{value.time:010d}.{value.inc:010d}"


def parse_timestamp(text: str) -> Timestamp:
    """Read `seconds.increment`.

    Raises ValueError.
    """
    seconds, dot, increment = text.partition(".")
    if not (dot and seconds.isdecimal() and increment.isdecimal()):
        raise ValueError(f"'{text}' is not a timestamp like 1700000000.1")
    return Timestamp(int(seconds), int(increment))


def _read_timestamp(value: object) -> Timestamp:
    if not isinstance(value, str):
        raise ValueError("a timestamp is a text like 1700000000.1")
    return parse_timestamp(value)


def _read_digest(value: object) -> Digest:
    match value:
        case {"count": int(count), "bytes": int(size_bytes), "sum": str(total), **rest} if not rest:
            return Digest(count, size_bytes, int(total, 16))
    raise ValueError("a digest has count, bytes and sum")


def _show_digest(value: Digest) -> dict[str, object]:
    return {"count": value.count, "bytes": value.size_bytes, "sum": f"{value.total:032x}"}


def _read_bson(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError("this is not an object")
    document: Mapping[str, object] = loads(json.dumps(value), json_options=CANONICAL)
    return document


def _show_bson(value: Mapping[str, object]) -> object:
    return json.loads(dumps(value, json_options=CANONICAL))


def _read_uuid(value: object) -> bytes:
    uuid = _read_hex(value)
    if len(uuid) != 16:
        raise ValueError("a uuid is 32 hex digits")
    return uuid


def _read_hex(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("bytes are a text of hex digits")
    return bytes.fromhex(value)


Moment = Annotated[Timestamp, PlainValidator(_read_timestamp), PlainSerializer(show_timestamp)]
DigestField = Annotated[Digest, PlainValidator(_read_digest), PlainSerializer(_show_digest)]
Document = Annotated[Mapping[str, object], PlainValidator(_read_bson), PlainSerializer(_show_bson)]
Uuid = Annotated[bytes, PlainValidator(_read_uuid), PlainSerializer(bytes.hex)]
Raw = Annotated[bytes, PlainValidator(_read_hex), PlainSerializer(bytes.hex)]

FORMAT = 1
STRICT = ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True)


@dataclass(frozen=True, slots=True)
class Member:
    """One gzip member of a file: where it lies, and what inflates out of it.

    `first_id` and `last_id` are canonical Extended JSON; an oplog has none.
    """

    __pydantic_config__ = STRICT

    offset: int
    size_bytes: int
    sha256: str
    digest: DigestField
    first_id: str | None = None
    last_id: str | None = None


@dataclass(frozen=True, slots=True)
class FileManifest:
    """One file under the backup: `path` is relative to it; `checksum` is the store's own word."""

    __pydantic_config__ = STRICT

    path: str
    size_bytes: int
    sha256: str
    members: tuple[Member, ...]
    checksum: str | None = None

    @property
    def digest(self) -> Digest:
        """Add up the members' digests."""
        return sum((member.digest for member in self.members), Digest())


@dataclass(frozen=True, slots=True)
class CollectionManifest:
    """One collection or view as it was dumped; `type` is None, `view` or `timeseries`, as in stock metadata."""

    __pydantic_config__ = STRICT

    name: str
    type: str | None
    uuid: Uuid | None
    options: Document
    indexes: tuple[Document, ...]
    digest: DigestField
    metadata: str
    data: str | None


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup: consistent at `end` once the oplog from `start` on is folded in."""

    __pydantic_config__ = STRICT

    id: str
    kind: Literal["full", "differential"]
    service: str
    database: str
    server_version: str
    drx_version: str
    start: Moment
    end: Moment
    started_at: AwareDatetime
    finished_at: AwareDatetime
    collections: tuple[CollectionManifest, ...]
    files: tuple[FileManifest, ...]
    oplog: str | None = None
    oplog_entries: int = 0
    parent: str | None = None
    server: str | None = None
    """Whose oplog it is; None where the server did not tell."""
    format: Literal[1] = 1

    @property
    def prefix(self) -> str:
        """Where the backup's files lie in its store."""
        return f"{self.service}/{'base' if self.kind == 'full' else 'diff'}/{self.id}/"

    def file(self, path: str) -> FileManifest:
        """Find a file by its path.

        Raises DamagedError when the manifest contradicts itself.
        """
        for file in self.files:
            if file.path == path:
                return file
        raise DamagedError(f"the manifest of backup {self.id} lacks its own file {path}", "Use another base")


@dataclass(frozen=True, slots=True)
class SliceManifest:
    """A piece of oplog with entries from `start` to `end`, both inclusive.

    `gap` says why the entries just before `start` are lost, where they are; `server` whose oplog it is, if known.
    """

    __pydantic_config__ = STRICT

    service: str
    database: str
    start: Moment
    end: Moment
    entries: int
    size_bytes: int
    sha256: str
    gap: str | None = None
    server: str | None = None
    format: Literal[1] = 1


@dataclass(frozen=True, slots=True)
class RestoredCollection:
    """What should stand at the target for one collection or view, by what was written there."""

    __pydantic_config__ = STRICT

    name: str
    type: str | None
    options: Document
    indexes: tuple[Document, ...]
    digest: DigestField


@dataclass(frozen=True, slots=True)
class Restored:
    """A finished restore: verification holds the target against it."""

    __pydantic_config__ = STRICT

    database: str
    collections: tuple[RestoredCollection, ...]

    @property
    def digest(self) -> Digest:
        """Add up the collections' digests."""
        return sum((collection.digest for collection in self.collections), Digest())


_M = TypeVar("_M")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def to_json(manifest: object) -> bytes:
    """Write a manifest, or another value of such fields, sealed; the same values give the same bytes."""
    kind: Any = type(manifest)
    return sealed(_adapter(kind).dump_json(manifest, indent=1))


def from_json(kind: type[_M], data: bytes, name: str) -> _M:
    """Read the manifest called `name`.

    Raises DamagedError when a single byte is not as it was written, or with every problem found.
    """
    text = unsealed(data, name)
    try:
        manifest: _M = _adapter(cast(Any, kind)).validate_json(text)
    except ValidationError as error:
        _refuse_newer(text, name)
        found = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or 'text'}: {problem['msg']}"
            for problem in error.errors(include_url=False)
        )
        raise DamagedError(f"{name} is not a manifest drx can read: {found}", "Use another backup") from None
    return manifest


def _refuse_newer(text: bytes, name: str) -> None:
    """Say so where it is of another format: nothing of it is damaged."""
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        written = found.get("format") if isinstance(found, dict) else None
        if isinstance(written, int) and written > FORMAT:
            by = f", by drx {found['drx_version']}" if isinstance(found.get("drx_version"), str) else ""
            raise DamagedError(
                f"{name} was written in format {written}{by}; this drx reads format {FORMAT}",
                "Install that drx, or a newer one",
            )
