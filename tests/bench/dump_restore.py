"""Measure a base backup and its restore: client CPU, wall time, throughput, peak memory. Prints, asserts nothing.

Run `python -m tests.bench.dump_restore [--gigabyte]`. Stock mongodump and mongorestore are measured too where they
are on PATH. CPU is user and system time of the client alone; imports and opening connections are not counted.
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bson import ObjectId
from pymongo import MongoClient

from drx.backup.dump import base_backup
from drx.backup.format.catalog import load_manifest
from drx.backup.restore import restore
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, S3Address
from drx.backup.verify import verify_restored
from tests import servers

DATABASE, INTO, SERVICE, BACKUP = "pixelcraft", "pixelcraft_restored", "bench", "base"


@dataclass(frozen=True)
class Figures:
    """What one part of the bench cost its own process."""

    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    documents: int
    size_bytes: int

    def show(self, name: str) -> None:
        rate = self.size_bytes / self.wall_seconds / 1e6
        print(
            f"{name:20} {self.documents:>7,} documents {self.size_bytes / 1e6:>8,.1f} MB  CPU {self.cpu_seconds:.2f} s "
            f"wall {self.wall_seconds:6.2f} s  {rate:6.1f} MB/s  peak {self.peak_bytes / 1e6:4.0f} MB"
        )


def image(number: int, padding: int) -> dict[str, object]:
    """Make one PixelCraft image document of about 350 bytes, and `padding` more."""
    return {
        "_id": ObjectId(), "owner": f"user-{number % 1000:04d}", "key": f"uploads/{number:08d}.jpg",
        "sha256": os.urandom(16).hex() * 2, "size": number * 37, "width": 1920, "height": 1080,
        "tags": ["holiday", "beach", str(number % 17)], "public": number % 3 == 0, "score": number / 7,
        "caption": "a fine picture of the sea, taken at noon from a rented boat, far off land" * (1 + padding // 78),
    }  # fmt: skip


def fill(client: MongoClient[dict[str, Any]], count: int, padding: int) -> None:
    """Insert `count` images."""
    step = 1000 if padding < 1000 else 200
    for begin in range(0, count, step):
        client[DATABASE].images.insert_many([image(number, padding) for number in range(begin, begin + step)])


def measured(what: str, uri: str, address: S3Address | DirectoryAddress) -> Figures:
    """Run one part in this process and say what it cost. The process is fresh: its peak memory is the part's own."""
    store = open_store(address)
    list(store.list("warm/"))
    with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        client.admin.command("ping")
        begun, cpu = time.monotonic(), cpu_seconds(resource.RUSAGE_SELF)
        digest = _PARTS[what](client, store)
        return Figures(
            cpu_seconds(resource.RUSAGE_SELF) - cpu, time.monotonic() - begun,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, digest.count, digest.size_bytes,
        )  # fmt: skip


def _dump(client: Any, store: Any) -> Any:
    manifest = base_backup(client, DATABASE, store, SERVICE, backup_id=BACKUP, **_quiet())
    return manifest.collections[0].digest


def _restore(client: Any, store: Any) -> Any:
    manifest = load_manifest(store, SERVICE, BACKUP)
    restored = restore(client, store, manifest, into=INTO, **_quiet())
    return restored.digest


def _verified_restore(client: Any, store: Any) -> Any:
    restored = restore(client, store, load_manifest(store, SERVICE, BACKUP), into=f"{INTO}_verified", **_quiet())
    if differences := verify_restored(client, restored, **_quiet()):
        raise SystemExit("\n".join(differences))
    return restored.digest


def _quiet() -> dict[str, Any]:
    return {"progress": lambda done, total, unit: None, "cancelled": lambda: False}


_PARTS: dict[str, Callable[[Any, Any], Any]] = {
    "drx dump": _dump, "drx restore": _restore, "drx restore + verify": _verified_restore,
}  # fmt: skip


def cpu_seconds(who: int) -> float:
    """User and system time so far."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def stock(directory: Path, uri: str, size: Figures) -> None:
    """Measure the stock tools on the same data, where they are at hand."""
    if not (shutil.which("mongodump") and shutil.which("mongorestore")):
        print("mongodump and mongorestore are not on PATH: nothing to compare with")
        return
    for command in (
        ["mongodump", f"--uri={uri}", "--gzip", f"--db={DATABASE}", f"--out={directory}"],
        ["mongorestore", f"--uri={uri}", "--gzip", f"--nsFrom={DATABASE}.*", f"--nsTo={INTO}_stock.*", str(directory)],
    ):
        begun, cpu = time.monotonic(), cpu_seconds(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True)
        Figures(
            cpu_seconds(resource.RUSAGE_CHILDREN) - cpu, time.monotonic() - begun, 0, size.documents, size.size_bytes
        ).show(command[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabyte", action="store_true", help="a collection of 1 GB instead of 50,000 documents")
    parser.add_argument("--directory", action="store_true", help="a directory as the store instead of S3")
    arguments = parser.parse_args()
    count, padding = (100_000, 10_000) if arguments.gigabyte else (50_000, 0)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        with servers.mongo(root / "mongo") as uri, servers.s3(root / "s3") as endpoint:
            address = directory_store(root) if arguments.directory else s3_store(endpoint)
            with MongoClient[dict[str, Any]](uri) as client:
                fill(client, count, padding)
            # A new process for each part, so that no part's memory hides another's.
            with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
                parts = [part for part in _PARTS if not (arguments.gigabyte and part == "drx restore + verify")]
                results = [pool.apply(measured, (part, uri, address)) for part in parts]
            for part, figures in zip(parts, results, strict=True):
                figures.show(part)
            stock(root / "stock", uri, results[0])


def directory_store(root: Path) -> DirectoryAddress:
    """Make a directory to back up into."""
    (root / "store").mkdir()
    return DirectoryAddress(root / "store")


def s3_store(endpoint: str) -> S3Address:
    """Make a bucket to back up into."""
    from drx.backup.stores.s3 import S3Store

    address = S3Address("bench", endpoint=endpoint, access_key_id="test", secret_access_key="test")
    S3Store(address).client.create_bucket(Bucket=address.bucket)
    return address


if __name__ == "__main__":
    main()
