"""Copy an object from bucket to bucket inside one S3 service: the server does it, no byte of it passes through here."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypedDict

from drx.backup.stores.s3 import S3Error, S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef

_LARGEST_COPY = 5 << 30  # S3 refuses to copy more in one request
_PART = 256 << 20
_MOST_PARTS = 10_000
_NOT_ALLOWED = ("AccessDenied", "403", "NoSuchBucket", "InvalidRequest", "NotImplemented")


class _SourceOwner(TypedDict, total=False):
    ExpectedSourceBucketOwner: str


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
    size_bytes, version = head["ContentLength"], head["ETag"]
    try:
        if size_bytes > _LARGEST_COPY or (size_bytes and "-" in version):
            _copy_parts(source, target, key, size_bytes, version)
        else:
            with target.failures(key):
                target.client.copy_object(
                    Bucket=target.bucket, Key=target.key(key), CopySource=_origin(source, key),
                    CopySourceIfMatch=version, **_owner(source), **target.owner,
                )  # fmt: skip
    except S3Error as error:
        if error.code in _NOT_ALLOWED:
            return False
        raise
    return True


def _origin(source: S3Store, key: str) -> "CopySourceTypeDef":
    return {"Bucket": source.bucket, "Key": source.key(key)}


def _owner(source: S3Store) -> "_SourceOwner":
    return {"ExpectedSourceBucketOwner": source.owner["ExpectedBucketOwner"]} if source.owner else {}


def _copy_parts(source: S3Store, target: S3Store, key: str, size_bytes: int, version: str) -> None:
    bucket, name = target.bucket, target.key(key)
    parts: list[CompletedPartTypeDef] = []
    with target.failures(key):
        upload_id = target.client.create_multipart_upload(Bucket=bucket, Key=name, **target.owner)["UploadId"]
    try:
        with target.failures(key):
            for number, (first, last) in enumerate(part_ranges(size_bytes), 1):
                reply = target.client.upload_part_copy(
                    Bucket=bucket, Key=name, UploadId=upload_id, PartNumber=number, CopySource=_origin(source, key),
                    CopySourceIfMatch=version, CopySourceRange=f"bytes={first}-{last}",
                    **_owner(source), **target.owner,
                )  # fmt: skip
                parts.append({"PartNumber": number, "ETag": reply["CopyPartResult"]["ETag"]})
            target.client.complete_multipart_upload(
                Bucket=bucket, Key=name, UploadId=upload_id, MultipartUpload={"Parts": parts}, **target.owner
            )
    except BaseException as error:
        target.abort(key, upload_id, error)
        raise
