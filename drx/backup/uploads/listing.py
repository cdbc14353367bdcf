"""Read what an uploads bucket holds: current objects, and every version of each. Writes nothing."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from drx.backup.stores.s3 import S3Store

NULL = "null"
"""The version id of what was written while the bucket kept no versions."""
ARCHIVED = ("GLACIER", "DEEP_ARCHIVE")
"""Storage classes whose objects have to be thawed, for hours, before they can be read or copied."""
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or a delete marker."""

    key: str
    version_id: str
    modified: datetime
    is_latest: bool
    is_marker: bool = False
    size_bytes: int = 0
    etag: str = ""
    storage_class: str = "STANDARD"


def list_versions(bucket: S3Store, prefix: str, check: Callable[[], None]) -> Iterator[Version]:
    """Give every version and delete marker once, page by page, those of a key one after the other.

    A server may begin a page with what the one before ended with, where an object has no version id.
    """
    key, given = "", set[str]()
    with bucket.failures(prefix):
        pages = bucket.client.get_paginator("list_object_versions").paginate(
            Bucket=bucket.bucket, Prefix=prefix, **bucket.owner
        )
        for page in pages:
            check()
            found = [
                Version(
                    each["Key"], each["VersionId"], each["LastModified"], each["IsLatest"], False,
                    each["Size"], each["ETag"], each.get("StorageClass", "STANDARD"),
                )
                for each in page.get("Versions", ())
            ] + [
                Version(each["Key"], each["VersionId"], each["LastModified"], each["IsLatest"], True)
                for each in page.get("DeleteMarkers", ())
            ]  # fmt: skip
            found.sort(key=lambda version: version.key.encode())  # two lists, each in the order of keys
            for version in found:
                if version.key != key:
                    key, given = version.key, set()
                if version.version_id not in given:
                    given.add(version.version_id)
                    yield version


def by_key(versions: Iterator[Version]) -> Iterator[tuple[str, list[Version]]]:
    """Put the versions of each key together, the newest first; a key's versions may be spread over pages."""
    for key, found in groupby(versions, lambda version: version.key):
        # A page breaks between versions in their order: what is stable after this is the server's own order.
        yield key, sorted(found, key=lambda version: (version.is_latest, version.modified), reverse=True)


def list_current(bucket: S3Store, prefix: str, check: Callable[[], None]) -> Iterator[Version]:
    """Give the objects that readers see, with their version ids.

    A bucket that never kept versions is asked for objects only, which takes half the time.
    """
    if versioning(bucket) == "Off":
        yield from _list_objects(bucket, prefix, check)
    else:
        yield from (each for each in list_versions(bucket, prefix, check) if each.is_latest and not each.is_marker)


def _list_objects(bucket: S3Store, prefix: str, check: Callable[[], None]) -> Iterator[Version]:
    with bucket.failures(prefix):
        pages = bucket.client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket.bucket, Prefix=prefix, **bucket.owner
        )
        for page in pages:
            check()
            for each in page.get("Contents", ()):
                yield Version(
                    each["Key"], NULL, each["LastModified"], True, False, each["Size"], each["ETag"],
                    each.get("StorageClass", "STANDARD"),
                )  # fmt: skip


def versioning(bucket: S3Store) -> str:
    """Ask whether the bucket keeps versions: `Enabled`, `Suspended`, or `Off` where it never did."""
    with bucket.failures(""):
        return bucket.client.get_bucket_versioning(Bucket=bucket.bucket, **bucket.owner).get("Status", "Off")


def is_as_of(version: Version, moment: datetime) -> bool:
    """Whether a version was there at a moment.

    S3 tells the whole second in which something was written. A moment without a fraction means all of its second;
    with one, what was written in the same second may have come later, and does not count.
    """
    limit = moment if moment.microsecond else moment + _SECOND
    return version.modified + (timedelta(0) if version.modified.microsecond else _SECOND) <= limit
