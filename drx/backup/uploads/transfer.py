"""Bring one object from one place to another, with its metadata: inside one service by its server, else streamed."""

import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import md5, sha256
from typing import Any

from drx.backup.stores.base import Store
from drx.backup.stores.s3 import ANYWAY, Condition, S3Error, S3Store
from drx.backup.stores.s3_copy import NOT_ALLOWED, Origin, copy_parts, copy_whole
from drx.backup.uploads.listing import NULL
from drx.backup.uploads.points import Item
from drx.errors import DamagedError

_LARGE = 256 << 20  # above it, copied part by part: one request would take longer than a server has to answer
_KEPT = (
    "CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Metadata",
    "WebsiteRedirectLocation", "StorageClass", "ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled",
)  # fmt: skip
_CHUNK = 1 << 20
_KMS = ("aws:kms", "aws:kms:dsse")


def settings_of(reply: Mapping[str, Any]) -> dict[str, Any]:
    """Choose of a server's answer about an object what makes another one like it."""
    return {name: reply[name] for name in _KEPT if reply.get(name) not in (None, "", {})}


def same_service(one: Store, other: Store) -> bool:
    """Whether a server can copy from one to the other."""
    return isinstance(one, S3Store) and isinstance(other, S3Store) and one.endpoint == other.endpoint


def copy_inside(
    origin: Origin, target: S3Store, key: str, storage_class: str, condition: Condition = ANYWAY,
    known: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Let the server copy an object: storage class, metadata, tags and encryption are kept.

    `known` are the settings of the origin. Where nobody has asked for them, a copy whose ETag differs shows an origin
    encrypted by a key of KMS: then it is asked, and copied once more where it takes settings. That of one made in parts
    always differs: it is asked first.
    """
    if origin.size_bytes > _LARGE:
        copy_parts(origin, target, key, all_settings(origin), condition)
        return
    settings: dict[str, Any] = {} if storage_class == "STANDARD" else {"StorageClass": storage_class}
    if known is None and "-" in origin.etag:
        known = head_settings(origin)
    etag = copy_whole(origin, target, key, settings | _encryption(known or {}), condition)
    if known is None and etag != origin.etag and (encryption := _encryption(head_settings(origin))):
        copy_whole(origin, target, key, settings | encryption, {"IfMatch": etag} if condition else condition)


def _encryption(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Choose the settings of an encryption that a bucket does not apply by itself."""
    if settings.get("ServerSideEncryption") not in _KMS:
        return {}
    return {name: settings[name] for name in _KEPT[-3:] if name in settings}


def all_settings(origin: Origin) -> dict[str, Any]:
    """Say what a copy in parts, or another service, has to be told: metadata and tags are not copied then."""
    return head_settings(origin) | _tags(origin)


def head_settings(origin: Origin) -> dict[str, Any]:
    """Ask for an object's settings, without its tags."""
    return settings_of(_head(origin))


def _tags(origin: Origin) -> dict[str, Any]:
    from urllib.parse import urlencode

    with origin.store.failures(origin.name):
        tags = origin.store.client.get_object_tagging(  # not every server counts them when it is asked for an object
            Bucket=origin.store.bucket, Key=origin.name, **_version(origin), **origin.store.owner
        )["TagSet"]
    return {"Tagging": urlencode([(tag["Key"], tag["Value"]) for tag in tags])} if tags else {}


def _head(origin: Origin) -> Mapping[str, Any]:
    with origin.store.failures(origin.name):
        return origin.store.client.head_object(
            Bucket=origin.store.bucket, Key=origin.name, **_version(origin), **origin.store.owner
        )


def _version(origin: Origin) -> dict[str, Any]:
    return {"VersionId": origin.version_id} if origin.version_id else {}


def stream_out(origin: Origin, target: Store, key: str, check: Callable[[], None]) -> tuple[str, dict[str, Any]]:
    """Read an object of a bucket into a store; give the SHA-256 of its bytes, and the settings to make it again.

    Nothing appears where it ended early, or was altered on its way: an ETag that is an MD5 tells.
    """
    checksum, plain, size = sha256(), md5(usedforsecurity=False), 0
    settings, body = _read(origin, check)
    with target.upload(key) as upload:
        for data in body:
            checksum.update(data)
            plain.update(data)
            size += len(data)
            upload.write(data)
        if size != origin.size_bytes:
            raise DamagedError(f"{origin.store.describe()}/{origin.name} ended early", "Try again")
        if _is_md5(origin.etag) and plain.hexdigest() != origin.etag.strip('"'):
            _refuse_unless_same(origin, checksum.digest(), check)
        upload.complete()
    return checksum.hexdigest(), settings


def _read(origin: Origin, check: Callable[[], None]) -> tuple[dict[str, Any], Iterator[bytes]]:
    with origin.store.failures(origin.name):
        reply = origin.store.client.get_object(
            Bucket=origin.store.bucket, Key=origin.name, IfMatch=origin.etag, **_version(origin), **origin.store.owner
        )

    def body() -> Iterator[bytes]:
        with origin.store.failures(origin.name):
            for data in reply["Body"].iter_chunks(_CHUNK):
                check()
                yield data

    return settings_of(reply) | (_tags(origin) if reply.get("TagCount") else {}), body()


def _is_md5(etag: str) -> bool:
    """Whether an ETag looks like the MD5 of the bytes: that of an object in parts does not."""
    return re.fullmatch(r'"?[0-9a-f]{32}"?', etag) is not None


def _refuse_unless_same(origin: Origin, expected: bytes, check: Callable[[], None]) -> None:
    """Read an object once more: the ETag of an encrypted one is no MD5, but then its bytes come twice the same."""
    again = sha256()
    for data in _read(origin, check)[1]:
        again.update(data)
    if again.digest() != expected:
        raise DamagedError(f"{origin.store.describe()}/{origin.name} was altered on its way", "Try again")


def stream_in(
    source: Store, key: str, target: S3Store, name: str, settings: Mapping[str, Any], item: Item,
    condition: Condition, check: Callable[[], None],
) -> None:  # fmt: skip
    """Write a stored object into a bucket, made as the settings say; nothing appears where it is not what was stored.

    Its size tells, and its SHA-256 where that is on record.
    """
    checksum, size = sha256(), 0
    with target.upload(name, settings, condition) as upload:
        for data in source.stream(key):
            check()
            checksum.update(data)
            size += len(data)
            upload.write(data)
        if size != item.size_bytes or (item.sha256 and checksum.hexdigest() != item.sha256):
            raise DamagedError(f"{source.describe()}/{key} is not what was backed up", "Use another store")
        upload.complete()


def is_refused(error: S3Error) -> bool:
    """Whether the server may not, or cannot, copy from there."""
    return error.code in NOT_ALLOWED


def version_id(value: str) -> str | None:
    """Give the version id to ask for; objects without versions are asked for by their ETag alone."""
    return None if value == NULL else value
