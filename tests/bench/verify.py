"""Measure how fast a store is verified: raw bytes of documents per second of CPU. Prints, asserts nothing.

Run `python -m tests.bench.verify [--megabytes 500]`. The store is a directory, so that no server shares the cores.
"""

import argparse
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bson import Timestamp, encode

from drx.backup.format.manifest import CollectionManifest, Manifest
from drx.backup.format.members import MemberBuffer, MemberWriter
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Store
from drx.backup.verify import verify_base
from tests.bench.dump_restore import cpu_seconds, image

_BAR = 300
_BATCH = 2000
_PATH = "dump/pixelcraft/images.bson.gz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    size_bytes = parser.parse_args().megabytes * 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(DirectoryAddress(Path(folder)))
        manifest = _base(store, size_bytes)
        raw = manifest.collections[0].digest.size_bytes
        for workers in (1, 2):
            began, cpu = time.monotonic(), cpu_seconds(resource.RUSAGE_SELF)
            damaged = verify_base(store, manifest, workers=workers, **_QUIET)
            wall, spent = time.monotonic() - began, cpu_seconds(resource.RUSAGE_SELF) - cpu
            assert not damaged
            print(
                f"verify, {workers} workers  {raw / 1e6:,.0f} MB raw  CPU {spent:.2f} s  wall {wall:.2f} s  "
                f"{raw / spent / 1e6:,.0f} MB/s per core (bar: {_BAR})  {raw / wall / 1e6:,.0f} MB/s"
            )


_QUIET: dict[str, Any] = {"progress": lambda done, total, unit: None, "cancelled": lambda: False}


def _batches(size_bytes: int) -> Iterator[list[bytes]]:
    written = number = 0
    while written < size_bytes:
        batch = [encode(image(each, 0)) for each in range(number, number + _BATCH)]
        yield batch
        number, written = number + _BATCH, written + sum(map(len, batch))


def _base(store: Store, size_bytes: int) -> Manifest:
    """Write a base of one collection as the dump does, without a server."""
    with store.upload(f"bench/base/b/{_PATH}") as upload:
        writer = MemberWriter(upload, _PATH)
        buffer = MemberBuffer(writer)
        for batch in _batches(size_bytes):
            buffer.add(batch)
        buffer.flush()
        file = writer.finish()
    at, now = datetime.now(UTC), Timestamp(1, 1)
    collection = CollectionManifest("images", None, None, {}, (), file.digest, "", _PATH)
    return Manifest(
        "b", "full", "bench", "pixelcraft", "8", "0", now, now, at, at, (collection,), (file,)
    )  # fmt: skip


if __name__ == "__main__":
    main()
