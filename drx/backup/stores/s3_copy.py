"""Copy an object from bucket to bucket inside one S3 service: the server does it, no byte of it passes through here."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from drx.backup.stores.s3 import ANYWAY, Condition, S3Error, S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef

_LARGEST_COPY = 5 << 30  # S3 refuses to copy more in one request
_PART = 256 << 20
_MOST_PARTS = 10_000
NOT_ALLOWED = ("AccessDenied", "403", "NoSuchBucket", "InvalidRequest", "NotImplemented")
"""What a service says that does not copy from there: the bytes then have to pass through here."""


class _SourceOwner(TypedDict, total=False):
    ExpectedSourceBucketOwner: str


@dataclass(frozen=True, slots=True)
class Origin:
    """What is copied: an object in a bucket, exactly the one with this ETag, and this version where there is one."""

    store: S3Store
    name: str
    """Its whole key in the bucket."""
    etag: str
    size_bytes: int
    version_id: str | None = None


def part_ranges(size_bytes: int) -> Iterator[tuple[int, int]]:
    """Cut an object into parts that S3 takes, as first and last byte.

    At most 10,000, of equal size and at least 256 MiB, but for the last; below 5 GiB up to 48 TiB. Pure.
    """
    part = max(_PART, -(-size_bytes // _MOST_PARTS))
    for first in range(0, size_bytes, part):
        yield first, min(first + part, size_bytes) - 1


def copy_object(source: S3Store, target: S3Store, key: str) -> bool:
    """Copy one object, in parts where it is too large for one request or was itself uploaded in parts.

    False where the target's credentials may not read the source, or the service does not copy: the bytes then have to
    pass through here.
    """
    with source.failures(key):
        head = source.client.head_object(Bucket=source.bucket, Key=source.key(key), **source.owner)
    origin = Origin(source, source.key(key), head["ETag"], head["ContentLength"])
    try:
        if origin.size_bytes > _LARGEST_COPY or (origin.size_bytes and "-" in origin.etag):
            copy_parts(origin, target, key, {})
        else:
            copy_whole(origin, target, key, {})
    except S3Error as error:
        if error.code in NOT_ALLOWED:
            return False
        raise
    return True


def copy_whole(
    origin: Origin, target: S3Store, key: str, settings: dict[str, Any], condition: Condition = ANYWAY
) -> str:
    """Copy in one request, with metadata and tags, and give the copy's ETag. `settings` are more of its parameters."""
    with target.failures(key):
        reply = target.client.copy_object(
            Bucket=target.bucket, Key=target.key(key), CopySource=_source(origin), CopySourceIfMatch=origin.etag,
            **_owner(origin.store), **target.owner, **settings, **condition,
        )  # fmt: skip
    return reply["CopyObjectResult"]["ETag"]


def copy_parts(
    origin: Origin, target: S3Store, key: str, settings: dict[str, Any], condition: Condition = ANYWAY
) -> str:
    """Copy part by part, and give the copy's ETag. Metadata are not copied: they belong into `settings`."""
    bucket, name = target.bucket, target.key(key)
    parts: list[CompletedPartTypeDef] = []
    with target.failures(key):
        upload_id = target.client.create_multipart_upload(Bucket=bucket, Key=name, **target.owner, **settings)[
            "UploadId"
        ]
    try:
        with target.failures(key):
            for number, (first, last) in enumerate(part_ranges(origin.size_bytes), 1):
                reply = target.client.upload_part_copy(
                    Bucket=bucket, Key=name, UploadId=upload_id, PartNumber=number, CopySource=_source(origin),
                    CopySourceIfMatch=origin.etag, CopySourceRange=f"bytes={first}-{last}",
                    **_owner(origin.store), **target.owner,
                )  # fmt: skip
                parts.append({"PartNumber": number, "ETag": reply["CopyPartResult"]["ETag"]})
            return target.client.complete_multipart_upload(
                Bucket=bucket, Key=name, UploadId=upload_id, MultipartUpload={"Parts": parts}, **target.owner,
                **condition,
            )["ETag"]  # fmt: skip
    except BaseException as error:
        target.abort(key, upload_id, error)
        raise


def _source(origin: Origin) -> "CopySourceTypeDef":
    source: CopySourceTypeDef = {"Bucket": origin.store.bucket, "Key": origin.name}
    if origin.version_id is not None:
        source["VersionId"] = origin.version_id
    return source


def _owner(source: S3Store) -> "_SourceOwner":
    return {"ExpectedSourceBucketOwner": source.owner["ExpectedBucketOwner"]} if source.owner else {}
