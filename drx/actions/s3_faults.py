"""Strike the uploads bucket as a disaster would: the faults of drills. The guard keeps them off production."""

import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.bucket import Uploads, list_uploads, uploads_bucket
from drx.actions.words import STRUCK
from drx.config import Target
from drx.errors import StepError
from drx.units import show_time

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_AT_ONCE = 1000
"""How many objects S3 deletes in one request."""
_WRITERS = 8
_LATE_MICROSECONDS = 999_000
_LOOK_SECONDS = 0.05
_COUNT = {"at": STRUCK, "count": "Objects lost."}


class Victims(Params):
    prefix: str = ""
    """Only objects whose keys begin with this."""


class DeleteObjects(Victims):
    versions: bool = False
    """Whether every version goes too, as after a deletion that versioning cannot help against."""


class OverwriteObjects(Victims):
    pass


class DeleteBucket(Params):
    pass


def _bucket(params: Params, target: Target) -> str | None:
    return target.uploads.bucket if target.uploads else None


def _delete_by_hand(params: DeleteObjects) -> str:
    return f'aws s3 rm --recursive "s3://$UPLOADS/{params.prefix}"'


@action(
    "s3.delete_objects",
    effect="destroy",
    targets=("uploads",),
    resource=_bucket,
    outputs=_COUNT,
    by_hand=_delete_by_hand,
)
def delete_objects(params: DeleteObjects, context: Context) -> Result:
    """Delete objects of the uploads bucket: the fault of a drill.

    Where the bucket keeps versions, a delete marker hides each object, and its versions stay unless `versions` is true.
    """

    def strike() -> tuple[int, datetime]:
        with uploads_bucket(context) as uploads:
            found: list[ObjectIdentifierTypeDef]
            if params.versions:
                found = list(_every_version(uploads, params.prefix, context))
            else:
                found = [{"Key": key} for key, _ in list_uploads(uploads, params.prefix, context)]
            at = _just_before(context)
            _delete(uploads, found, context)
            return len({each["Key"] for each in found}), at

    lost, at = call_blocking(context, strike, lambda: None)
    return _struck(lost, at, "deleted", params.prefix)


def _overwrite_by_hand(params: OverwriteObjects) -> str:
    return f"# write something else over every object under s3://$UPLOADS/{params.prefix}"


@action(
    "s3.overwrite_objects",
    effect="destroy",
    targets=("uploads",),
    resource=_bucket,
    outputs=_COUNT,
    by_hand=_overwrite_by_hand,
)
def overwrite_objects(params: OverwriteObjects, context: Context) -> Result:
    """Overwrite objects of the uploads bucket with noise of the same size, as ransomware does: the fault of a drill."""
    from concurrent.futures import ThreadPoolExecutor

    def strike() -> tuple[int, datetime]:
        with uploads_bucket(context) as uploads, ThreadPoolExecutor(_WRITERS) as pool:
            found = list(list_uploads(uploads, params.prefix, context))
            at = _just_before(context)

            def overwrite(key: str, size: int) -> None:
                context.check()
                uploads.client.put_object(Bucket=uploads.bucket, Key=key, Body=os.urandom(size), **uploads.owner)

            for number, _ in enumerate(pool.map(lambda each: overwrite(*each), found), 1):
                context.progress(number, len(found), "objects")
            return len(found), at

    lost, at = call_blocking(context, strike, lambda: None)
    return _struck(lost, at, "overwrote", params.prefix)


def _delete_bucket_by_hand(params: DeleteBucket) -> str:
    return 'aws s3 rb --force "s3://$UPLOADS" # delete markers and older versions first'


@action(
    "s3.delete_bucket",
    effect="destroy",
    targets=("uploads",),
    resource=_bucket,
    outputs=_COUNT,
    by_hand=_delete_bucket_by_hand,
)
def delete_bucket(params: DeleteBucket, context: Context) -> Result:
    """Delete the uploads bucket with every version of every object: the fault of a drill."""

    def strike() -> tuple[int, datetime]:
        with uploads_bucket(context) as uploads:
            lost = sum(1 for _ in list_uploads(uploads, "", context))
            found = list(_every_version(uploads, "", context))
            at = _just_before(context)
            _delete(uploads, found, context)
            uploads.client.delete_bucket(Bucket=uploads.bucket, **uploads.owner)
            return lost, at

    lost, at = call_blocking(context, strike, lambda: None)
    return _struck(lost, at, "deleted the bucket with", "")


def _just_before(context: Context) -> datetime:
    """Give the last moment of this second, and wait for the next one: S3 tells before from after by whole seconds."""
    at = datetime.now(UTC).replace(microsecond=_LATE_MICROSECONDS)
    while datetime.now(UTC) <= at.replace(microsecond=999_999):
        context.sleep(_LOOK_SECONDS)
    return at


def _every_version(uploads: Uploads, prefix: str, context: Context) -> "Iterator[ObjectIdentifierTypeDef]":
    pages = uploads.client.get_paginator("list_object_versions").paginate(
        Bucket=uploads.bucket, Prefix=prefix, **uploads.owner
    )
    for page in pages:
        context.check()
        for each in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
            yield {"Key": each["Key"], "VersionId": each["VersionId"]}


def _delete(uploads: Uploads, found: "Iterable[ObjectIdentifierTypeDef]", context: Context) -> None:
    done, remaining = 0, iter(found)
    while batch := list(islice(remaining, _AT_ONCE)):
        context.check()
        reply = uploads.client.delete_objects(
            Bucket=uploads.bucket, Delete={"Objects": batch, "Quiet": True}, **uploads.owner
        )
        if errors := reply.get("Errors"):
            raise StepError(f"{errors[0].get('Key')} was not deleted: {errors[0].get('Code')}", "Check the rights")
        done += len(batch)
        context.progress(done, None, "objects")


def _struck(lost: int, at: datetime, what: str, prefix: str) -> Result:
    where = f" under {prefix}" if prefix else ""
    if not lost:
        raise StepError(f"the bucket holds nothing{where} that could be lost", "Seed it first")
    return Result({"at": show_time(at), "count": lost}, (f"{what} {lost:,} objects{where}",))
