"""Take delete markers away, so that what they hide is there again. Deletes no object and no version of one."""

import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TextIO

from drx.backup.stores.s3 import S3Error, S3Store
from drx.backup.uploads.listing import Version, by_key, is_as_of, list_versions
from drx.backup.uploads.patience import BUSY, Patience
from drx.backup.workers import Meter, side_by_side
from drx.errors import StoreError
from drx.units import show_time

_BATCH = 1000  # as many as S3 takes in one request
_WORKERS = 4
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]")


def hiding_markers(versions: Sequence[Version], since: datetime) -> tuple[Version, ...]:
    """Give the delete markers to take away so that one object is there again; none where it is not hidden since then.

    `versions` are all of one key, the newest first. An object that was hidden before `since` stays so. Pure.
    """
    newer: list[Version] = []
    for version in versions:
        if not version.is_marker:
            return tuple(newer)
        if is_as_of(version, since):
            return ()
        newer.append(version)
    return ()


def find_markers(bucket: S3Store, prefix: str, since: datetime, check: Callable[[], None]) -> Iterator[Version]:
    """Read every page of versions and give each marker that has to go, in bounded memory."""
    for _, versions in by_key(list_versions(bucket, prefix, check)):
        if versions[0].is_marker:
            yield from hiding_markers(versions, since)


@dataclass
class Removal:
    """Removes markers and notes each one removed, so that the removal can be undone by hand."""

    bucket: S3Store
    patience: Patience
    meter: Meter
    note: TextIO

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def run(self, markers: Iterable[Version], cancelled: Callable[[], bool]) -> int:
        """Remove the markers, many at a time, and count them.

        Raises StoreError that names the first which the server refused to remove, Cancelled.
        """
        side_by_side(self._remove, _batches(markers), _WORKERS, cancelled)
        return self.meter.done

    def _remove(self, batch: list[Version], check: Callable[[], None]) -> None:
        check()
        odd = [each for each in batch if _NOT_IN_XML.search(each.key)]
        plain = [each for each in batch if not _NOT_IN_XML.search(each.key)]
        if plain:
            self.patience(lambda: self._delete_many(plain))
        for each in odd:  # such a key cannot be written in a request for many
            self.patience(lambda each=each: self._delete_one(each))  # type: ignore[misc]  # bound to this one
        with self._lock:
            for each in batch:
                values = {"key": each.key, "marker": each.version_id, "at": show_time(each.modified)}
                self.note.write(json.dumps(values) + "\n")
        self.meter.add(len(batch))

    def _delete_many(self, batch: list[Version]) -> None:
        with self.bucket.failures(batch[0].key):
            reply = self.bucket.client.delete_objects(
                Bucket=self.bucket.bucket, **self.bucket.owner,
                Delete={"Quiet": True, "Objects": [{"Key": each.key, "VersionId": each.version_id} for each in batch]},
            )  # fmt: skip
        if errors := reply.get("Errors", []):
            worst = next((each for each in errors if each.get("Code") not in BUSY), errors[0])
            code = str(worst.get("Code", "unknown"))
            message = f"{self.bucket.describe()}/{worst.get('Key')}: {code}: {worst.get('Message', '')}".rstrip(": ")
            raise S3Error(f"{message} ({len(errors):,} delete markers were not removed)", code)

    def _delete_one(self, marker: Version) -> None:
        with self.bucket.failures(marker.key):
            self.bucket.client.delete_object(
                Bucket=self.bucket.bucket, Key=marker.key, VersionId=marker.version_id, **self.bucket.owner
            )


def refuse_more_than(markers: Iterable[Version], most: int, what: str) -> None:
    """Raise StoreError where there are more markers than a person expects; nothing was changed by then."""
    number = sum(1 for _ in markers)
    if number > most:
        raise StoreError(
            f"{number:,} delete markers would be removed from {what}, more than max_delete allows ({most:,})",
            "Nothing was changed. Narrow it by prefix or by time, or allow more",
        )


def _batches(markers: Iterable[Version]) -> Iterator[list[Version]]:
    remaining = iter(markers)
    while batch := list(islice(remaining, _BATCH)):
        yield batch
