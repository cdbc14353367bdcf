"""A hundred thousand objects are brought back without ever being held at once; tests/bench/uploads.py has the rates."""

import io
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from drx.backup.stores.base import S3Address
from drx.backup.stores.s3 import S3Store
from drx.backup.uploads import restore, undelete
from drx.backup.uploads.listing import Version
from drx.backup.uploads.patience import Patience
from drx.backup.uploads.restore import Restoration
from drx.backup.uploads.undelete import BATCH, Removal, find_markers
from drx.backup.workers import Meter

NUMBER = 100_000
MOMENT = datetime(2026, 11, 21, 8, tzinfo=UTC)
WORKERS = 8


class Counted(Removal):
    """Removes nothing, and counts how many objects were listed that it was not told of yet."""

    def __init__(self, bucket: S3Store) -> None:
        super().__init__(bucket, Patience(lambda _: None), io.StringIO())
        self.listed = self.removed = self.most = 0
        self.counting = threading.Lock()

    def versions(self, *_: object) -> Iterator[Version]:
        """Each object, hidden by a marker."""
        for number in range(NUMBER):
            self.listed += 1
            key = f"img/{number:06}"
            yield Version(key, "m", MOMENT + timedelta(hours=1), is_latest=True, is_marker=True)
            yield Version(key, "v", MOMENT - timedelta(hours=1), is_latest=False, size_bytes=1, etag="e")

    def remove(self, batch: Sequence[Version]) -> dict[Version, str]:
        with self.counting:
            self.most = max(self.most, self.listed - self.removed)
            self.removed += len(batch)
        return {}


def restored(counted: Counted, meter: Meter) -> int:
    restoration = Restoration(
        counted.bucket, MOMENT, "", counted, check=lambda: None, cancelled=lambda: False, meter=meter
    )
    return restoration.run().undeleted


def undeleted(counted: Counted, meter: Meter) -> int:
    return counted.run(find_markers(counted.bucket, "", MOMENT, lambda: None), meter, lambda: False)


@pytest.mark.parametrize("bring_back", [restored, undeleted])
def test_only_some_batches_are_held(
    monkeypatch: pytest.MonkeyPatch, bring_back: Callable[[Counted, Meter], int]
) -> None:
    counted = Counted(S3Store(S3Address("uploads", endpoint="http://127.0.0.1:1")))
    for module in (restore, undelete):
        monkeypatch.setattr(module, "list_versions", counted.versions)
    assert bring_back(counted, Meter(lambda *_: None, None, "")) == NUMBER
    assert counted.removed == NUMBER
    assert counted.most <= (WORKERS + 1) * BATCH
