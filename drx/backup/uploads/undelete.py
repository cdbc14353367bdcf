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

BATCH = 1000
"""As many markers as S3 takes in one request."""
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
    note: TextIO

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def run(self, markers: Iterable[Version], meter: Meter, cancelled: Callable[[], bool]) -> int:
        """Remove the markers, many at a time, and count them.

        Raises StoreError that names the first which the server refused to remove, Cancelled.
        """

        def remove(batch: list[Version], check: Callable[[], None]) -> None:
            check()
            if refused := self.remove(batch):
                first = next(iter(refused.values()))
                many = f"{len(refused):,} delete markers were not removed"
                raise StoreError(f"{first} ({many})", "Mend what is named, and try again: what was removed stays so")
            meter.add(len(batch))

        side_by_side(remove, _batches(markers), _WORKERS, cancelled)
        return meter.done

    def remove(self, batch: Sequence[Version]) -> dict[Version, str]:
        """Remove up to 1,000 markers; give those which the server refused to remove, with its reason."""
        refused: dict[Version, str] = {}
        plain = [each for each in batch if not _NOT_IN_XML.search(each.key)]
        if plain:
            try:
                refused |= self.patience(lambda: self._delete_many(plain))
            except S3Error as error:
                refused |= dict.fromkeys(plain, error.message)
        for each in (each for each in batch if _NOT_IN_XML.search(each.key)):  # no request for many can hold it
            try:
                self.patience(lambda each=each: self._delete_one(each))  # type: ignore[misc]  # bound to this one
            except S3Error as error:
                refused[each] = error.message
        with self._lock:
            for each in batch:
                if each not in refused:
                    values = {"key": each.key, "marker": each.version_id, "at": show_time(each.modified)}
                    self.note.write(json.dumps(values) + "\n")
        return refused

    def _delete_many(self, batch: list[Version]) -> dict[Version, str]:
        """Ask once; raises S3Error where the server was too busy for some, which is safe to ask again for all."""
        with self.bucket.failures(batch[0].key):
            reply = self.bucket.client.delete_objects(
                Bucket=self.bucket.bucket, **self.bucket.owner,
                Delete={"Quiet": True, "Objects": [{"Key": each.key, "VersionId": each.version_id} for each in batch]},
            )  # fmt: skip
        refused: dict[tuple[str, str], str] = {}
        for error in reply.get("Errors", ()):
            key, code = error.get("Key", ""), error.get("Code", "unknown")
            message = f"{self.bucket.describe()}/{key}: {code}: {error.get('Message', '')}".rstrip(": ")
            if code in BUSY:
                raise S3Error(message, code)
            refused[key, error.get("VersionId", "")] = message
        found = {each: refused[each.key, each.version_id] for each in batch if (each.key, each.version_id) in refused}
        if len(found) < len(refused):  # it names what was not asked for: then nothing is known of any
            return dict.fromkeys(batch, next(iter(refused.values())))
        return found

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
    while batch := list(islice(remaining, BATCH)):
        yield batch
