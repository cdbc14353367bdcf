"""Connect to the environment's uploads bucket, list and read it. Changes nothing; boto3 is imported in use."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from drx.actions.base import Context
from drx.config import BucketTarget
from drx.errors import StepError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK = 1 << 20


class Uploads(NamedTuple):
    """The bucket that documents refer to."""

    client: "S3Client"
    bucket: str
    owner: dict[str, Any]
    """`ExpectedBucketOwner` for every call, where it is known."""


@contextmanager
def uploads_bucket(context: Context) -> Iterator[Uploads]:
    """Connect to the uploads bucket; what boto3 raises becomes a StepError in words."""
    target = context.target.uploads
    if target is None:
        raise StepError(f"'{context.target.name}' has no uploads", "State uploads of this environment in drx.yaml")
    with connected(target, context.mask) as uploads:
        yield uploads


@contextmanager
def connected(target: BucketTarget, mask: Callable[[str], str]) -> Iterator[Uploads]:
    """Connect to a bucket; what boto3 raises becomes a StepError in words, with secrets masked."""
    from botocore.config import Config
    from botocore.exceptions import ClientError

    from drx.backup.stores.s3_answers import UNSERVED
    from drx.backup.stores.s3_client import make_s3_client

    retries: Any = {"mode": "standard", "total_max_attempts": 3}
    try:
        client = make_s3_client(
            target.region,
            target.endpoint,
            target.access_key_id,
            target.secret_access_key.reveal() if target.secret_access_key else None,
            Config(connect_timeout=5, read_timeout=30, retries=retries, max_pool_connections=16),
        )
        with closing(client):
            yield Uploads(client, target.bucket, {"ExpectedBucketOwner": target.owner} if target.owner else {})
    except (*UNSERVED, ClientError, ValueError) as error:
        raise StepError(*_explained_bucket(error, target, mask)) from None


def keeps_versions(uploads: Uploads) -> bool:
    """Ask whether the bucket keeps what is overwritten and deleted."""
    return uploads.client.get_bucket_versioning(Bucket=uploads.bucket, **uploads.owner).get("Status") == "Enabled"


def list_uploads(uploads: Uploads, prefix: str, context: Context) -> Iterator[tuple[str, int]]:
    """Give key and size of every object, page by page."""
    pages = uploads.client.get_paginator("list_objects_v2").paginate(
        Bucket=uploads.bucket, Prefix=prefix, **uploads.owner
    )
    for page in pages:
        context.check()
        yield from ((entry["Key"], entry["Size"]) for entry in page.get("Contents", []))


def digest_upload(uploads: Uploads, key: str, context: Context) -> tuple[int, str]:
    """Read an object and give its size and SHA-256."""
    size, digest = 0, sha256()
    with closing(uploads.client.get_object(Bucket=uploads.bucket, Key=key, **uploads.owner)["Body"]) as body:
        while data := body.read(_CHUNK):
            context.check()
            digest.update(data)
            size += len(data)
    return size, digest.hexdigest()


def _explained_bucket(error: Exception, target: BucketTarget, mask: Callable[[str], str]) -> tuple[str, str]:
    from botocore.exceptions import ClientError

    from drx.backup.stores.s3_answers import unserved

    where = f"the bucket {target.bucket}"
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code") or "an unknown error"
        return f"{where} says: {code}", "Check bucket, region, owner and keys in drx.yaml"
    trouble, remedy = unserved(error)
    return f"{where} {mask(trouble)[:200]}", remedy
