"""Take a point of the uploads: copy what a store lacks, and write down what there was. Deletes nothing anywhere."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from drx.backup.stores.base import Store
from drx.backup.stores.s3 import MISSING, S3Error, S3Store
from drx.backup.stores.s3_copy import Origin
from drx.backup.uploads.listing import ARCHIVED, Version, list_current
from drx.backup.uploads.patience import Patience
from drx.backup.uploads.points import Item, Point, PointWriter, object_name, prefix_of
from drx.backup.uploads.stored import Stored, opened
from drx.backup.uploads.transfer import (
    all_settings,
    copy_inside,
    is_refused,
    same_service,
    stream_out,
    version_id,
)
from drx.errors import DamagedError

Progress = Callable[[int, int | None, str], None]
_WORKERS = 8
_AHEAD = 4 * _WORKERS
_MOST_FAILURES = 20
_CHANGED = ("PreconditionFailed", "412", "NoSuchVersion", *MISSING)
_ARCHIVED_ERROR = "InvalidObjectState"


@dataclass
class Outcome:
    """What one pass into one store came to."""

    store: str
    point: Point | None = None
    copied: int = 0
    copied_bytes: int = 0
    unchanged: int = 0
    gone: int = 0
    """Deleted from the bucket while the pass ran."""
    mended: list[str] = field(default_factory=list)
    """Keys whose bytes the store had lost; they are there again."""
    archived: list[str] = field(default_factory=list)
    """Keys of archived objects, with their storage class."""
    failures: list[str] = field(default_factory=list)
    waits: int = 0
    """How often a server was too busy, and was asked again."""


@dataclass(frozen=True)
class Pass:
    """One pass over the bucket."""

    source: S3Store
    store: Store
    service: str
    point_id: str
    patience: Patience
    check: Callable[[], None]
    progress: Progress
    allow_archived: bool = False

    def run(self) -> Outcome:
        """Copy what is new or changed, and write the point.

        No point is written where an object could not be copied; what was copied stays, and is not copied again.
        Raises StoreError; PermanentError is for the caller to make of `archived`.
        """
        outcome, started_at = Outcome(self.store.describe()), datetime.now(UTC)
        self.store.abandon(f"{prefix_of(self.service)}objects/")
        with (
            opened(self.store, self.service, self.check) as there,
            PointWriter(self.store, self.service, self.point_id) as writer,
            ThreadPoolExecutor(_WORKERS) as pool,
        ):
            try:
                for item in self._items(pool, there, outcome):
                    writer.add(item)
            finally:
                pool.shutdown(cancel_futures=True)
                outcome.waits = self.patience.waits
            if outcome.failures or (outcome.archived and not self.allow_archived):
                return outcome
            outcome.point = writer.finish(self.source.describe(), started_at, datetime.now(UTC))
        return outcome

    def _items(self, pool: ThreadPoolExecutor, there: Stored, outcome: Outcome) -> Iterator[Item]:
        """Give what the point holds, in the order of the listing, while the next ones are being copied."""
        waiting: deque[Item | Future[Item | None]] = deque()
        listed = 0
        for version in list_current(self.source, "", self.check):
            listed += 1
            waiting.append(self._judge(version, pool, there, outcome))
            while len(waiting) > _AHEAD or (waiting and isinstance(waiting[0], Item)):
                yield from _ready(waiting.popleft())
            if listed % 100 == 0:
                self.progress(listed, None, "objects")
        while waiting:
            yield from _ready(waiting.popleft())
        self.progress(listed, listed, "objects")

    def _judge(
        self, version: Version, pool: ThreadPoolExecutor, there: Stored, outcome: Outcome
    ) -> "Item | Future[Item | None]":
        """Decide whether an object has to be copied: by ETag, size and version id, as the name of its bytes says."""
        item = _item(version)
        before = there.before(item)
        if there.holds(item) and (before or same_service(self.source, self.store)):
            outcome.unchanged += 1
            return replace(item, sha256=before.sha256, settings=before.settings) if before else item
        if version.storage_class in ARCHIVED:
            outcome.archived.append(f"{version.key} ({version.storage_class})")
            return replace(item, object="")
        if before:
            outcome.mended.append(item.key)
        return pool.submit(self._bring, item, outcome, adopt=there.holds(item))

    def _bring(self, item: Item, outcome: Outcome, *, adopt: bool) -> Item | None:
        """Copy one object; None where it was deleted meanwhile, or cannot be copied, which the outcome tells."""
        if len(outcome.failures) >= _MOST_FAILURES:
            return None
        try:
            brought = self.patience(lambda: self._adopt(item) if adopt else self._copy(item))
        except S3Error as error:
            if error.code in _CHANGED:
                return self._again(item, outcome)
            if error.code == _ARCHIVED_ERROR:
                outcome.archived.append(f"{item.key} ({item.storage_class}, archived)")
                return replace(item, object="")
            outcome.failures.append(error.message)
            return None
        except DamagedError as error:
            outcome.failures.append(error.message)
            return None
        outcome.copied += 1
        outcome.copied_bytes += brought.size_bytes
        return brought

    def _copy(self, item: Item) -> Item:
        self.check()
        origin = self._origin(item)
        key = f"{prefix_of(self.service)}objects/{item.object}"
        if isinstance(self.store, S3Store) and same_service(self.source, self.store):
            try:
                copy_inside(origin, self.store, key, item.storage_class)
            except S3Error as error:
                if not is_refused(error):
                    raise
            else:
                return item
        checksum, settings = stream_out(origin, self.store, key, self.check)
        return replace(item, sha256=checksum, settings=settings)

    def _adopt(self, item: Item) -> Item:
        """Take what an interrupted pass copied: its bytes are read back, its settings are asked for."""
        checksum = sha256()
        for data in self.store.stream(f"{prefix_of(self.service)}objects/{item.object}"):
            self.check()
            checksum.update(data)
        return replace(item, sha256=checksum.hexdigest(), settings=all_settings(self._origin(item)))

    def _again(self, item: Item, outcome: Outcome) -> Item | None:
        """Look at an object that was changed or deleted after it was listed, and copy what is there now."""
        try:
            reply = self.patience(lambda: self._head(replace(item, version_id="null")))
            changed = _item(
                Version(
                    item.key, reply.get("VersionId", "null"), reply["LastModified"], True, False,
                    reply["ContentLength"], reply["ETag"], reply.get("StorageClass", "STANDARD"),
                )
            )  # fmt: skip
            brought = self.patience(lambda: self._copy(changed))
        except S3Error as error:
            if error.code in MISSING:
                outcome.gone += 1
            else:
                outcome.failures.append(error.message)
            return None
        outcome.copied += 1
        outcome.copied_bytes += brought.size_bytes
        return brought

    def _head(self, item: Item) -> dict[str, Any]:
        asked: Any = {"VersionId": found} if (found := version_id(item.version_id)) else {}
        with self.source.failures(item.key):
            return dict(
                self.source.client.head_object(
                    Bucket=self.source.bucket, Key=item.key, **asked, **self.source.owner
                )
            )  # fmt: skip

    def _origin(self, item: Item) -> Origin:
        return Origin(self.source, item.key, item.etag, item.size_bytes, version_id(item.version_id))


def _ready(found: "Item | Future[Item | None]") -> Iterator[Item]:
    item = found if isinstance(found, Item) else found.result()
    if item is not None:
        yield item


def _item(version: Version) -> Item:
    return Item(
        version.key, version.size_bytes, version.etag, version.version_id, version.modified, version.storage_class,
        object_name(version),
    )  # fmt: skip
