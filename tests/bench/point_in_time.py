"""Measure a restore to a point in time: 50,000 documents and a million oplog entries on them. Prints, asserts nothing.

Run `python -m tests.bench.point_in_time [--entries 1000000] [--whole]`. The entries are made up, and archived as slices
with drx's own writer; base, store and server are real. Beside it the same entries are applied one at a time, in order,
to the same server, as stock tools do after their load: the first 5,000 of them, or all with `--whole`.
"""

import argparse
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bson import Binary, ObjectId, Timestamp, decode, encode
from pymongo import MongoClient

from drx.backup.dump import base_backup
from drx.backup.format.catalog import load_manifest, slice_keys
from drx.backup.format.manifest import Manifest, SliceManifest, to_json
from drx.backup.format.members import MemberBuffer, MemberWriter
from drx.backup.oplog.entry import timestamp_of
from drx.backup.oplog.fold import BaseCollection, fold
from drx.backup.oplog.history import find_events
from drx.backup.oplog.moments import until_after
from drx.backup.oplog.slices import read_chain
from drx.backup.restore import restore
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Store
from tests import servers
from tests.bench.dump_restore import image

Client = MongoClient[dict[str, Any]]
DATABASE, INTO, SERVICE, BACKUP = "pixelcraft", "pixelcraft_restored", "bench", "base"
DOCUMENTS, PER_SLICE, SAMPLE = 50_000, 250_000, 5_000
QUIET: dict[str, Any] = {"progress": lambda done, total, unit: None, "cancelled": lambda: False}


@dataclass(frozen=True)
class Cost:
    """What one part cost its own process."""

    wall: float
    cpu: float
    peak_bytes: int

    def show(self, name: str, entries: int) -> None:
        print(
            f"{name:<34} {self.wall:8.2f} s  CPU {self.cpu:8.2f} s  peak {self.peak_bytes / 1e6:4.0f} MB  "
            f"{entries / self.wall:10,.0f} entries/s"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--whole", action="store_true", help="apply all entries one at a time, not a sample")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, servers.mongo(Path(scratch) / "mongo") as uri:
        address = DirectoryAddress(Path(scratch) / "store")
        address.path.mkdir()
        with Client(uri, tz_aware=True) as client:
            for begin in range(0, DOCUMENTS, 1000):
                client[DATABASE].images.insert_many([image(number, 0) for number in range(begin, begin + 1000)])
            manifest = base_backup(client, DATABASE, open_store(address), SERVICE, backup_id=BACKUP, **QUIET)
            ids = [found["_id"] for found in client[DATABASE].images.find({}, {"_id": 1})]
        _archive(open_store(address), manifest, ids, arguments.entries)
        number = arguments.entries if arguments.whole else min(SAMPLE, arguments.entries)
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            folded = pool.apply(_restored, (uri, address))
            found = pool.apply(_searched, (uri, address))
            applied = pool.apply(_applied, (uri, address, number))
    print(f"{DOCUMENTS:,} documents, {arguments.entries:,} oplog entries")
    folded.show("drx: fold, restore, indexes", arguments.entries)
    found.show("drx: find mass changes", arguments.entries)
    applied.show(f"one at a time ({number:,} of them)", number)
    ratio = applied.wall / number * arguments.entries / folded.wall
    print(f"drx is {ratio:.0f} times as fast (bar: at least 10); peak {folded.peak_bytes / 1e6:.0f} MB (bar: 300 MB)")


def _archive(store: Store, manifest: Manifest, ids: list[ObjectId], count: int) -> None:
    """Write the entries as slices that continue the base."""
    collection = manifest.collections[0]
    entries = _entries(manifest.end.time + 1, ids, Binary(collection.uuid or b"", 4), count)
    start = manifest.end
    for begin in range(0, count, PER_SLICE):
        number = min(PER_SLICE, count - begin)
        end = timestamp_of((manifest.end.time + 1 << 32) + begin + number)
        key, manifest_key = slice_keys(SERVICE, start, end)
        with store.upload(key) as upload:
            writer = MemberWriter(upload, key)
            buffer = MemberBuffer(writer, with_ids=False)
            for _ in range(0, number, 1000):
                buffer.add([next(entries) for _ in range(1000)])
            buffer.flush()
            file = writer.finish()
        described = SliceManifest(SERVICE, DATABASE, start, end, number, file.size_bytes, file.sha256)
        store.put(manifest_key, to_json(described))
        start = end


def _entries(second: int, ids: list[ObjectId], uuid: Binary, count: int) -> Iterator[bytes]:
    """Make entries as a real server writes them: nine updates to one insert or delete."""
    choose = random.Random(7)
    namespace = f"{DATABASE}.images"
    for number in range(1, count + 1):
        fields = {"ts": Timestamp(second, number), "t": 1, "v": 2, "ns": namespace, "ui": uuid}
        place = choose.randrange(len(ids))
        kind = choose.random()
        if kind < 0.9:
            diff = {"u": {"score": number, "public": bool(number % 2)}}
            yield encode({"op": "u", "o": {"$v": 2, "diff": diff}, "o2": {"_id": ids[place]}, **fields})
        elif kind < 0.95:
            document = image(number, 0)
            ids.append(document["_id"])  # type: ignore[arg-type]
            yield encode({"op": "i", "o": document, "o2": {"_id": document["_id"]}, **fields})
        else:
            ids[place], ids[-1] = ids[-1], ids[place]
            yield encode({"op": "d", "o": {"_id": ids.pop()}, **fields})


def _restored(uri: str, address: DirectoryAddress) -> Cost:
    store = open_store(address)
    manifest = load_manifest(store, SERVICE, BACKUP)
    with Client(uri, tz_aware=True) as client:
        client.admin.command("ping")
        began, cpu = time.monotonic(), time.process_time()
        until = until_after(_end(store))
        base = [
            BaseCollection(found.name, found.uuid, found.options, found.indexes, found.type)
            for found in manifest.collections
        ]
        entries = read_chain(store, SERVICE, manifest, until)
        plans = fold(entries, database=DATABASE, base=base, until=until, consistent_from=manifest.end)
        print(f"{'drx: fold alone':<34} {time.monotonic() - began:8.2f} s")
        restore(client, store, manifest, into=INTO, plan=plans, **QUIET)
        return _cost(began, cpu)


def _searched(uri: str, address: DirectoryAddress) -> Cost:
    store = open_store(address)
    manifest = load_manifest(store, SERVICE, BACKUP)
    began, cpu = time.monotonic(), time.process_time()
    entries = read_chain(store, SERVICE, manifest, until_after(_end(store)))
    find_events(entries, kinds=["drop", "mass_update"], database=DATABASE, since=manifest.end)
    return _cost(began, cpu)


def _applied(uri: str, address: DirectoryAddress, number: int) -> Cost:
    """Apply entries as stock tools do: each by itself, in order, on a loaded base."""
    store = open_store(address)
    manifest = load_manifest(store, SERVICE, BACKUP)
    with Client(uri, tz_aware=True) as client:
        into = f"{INTO}_applied"
        restore(client, store, manifest, into=into, **QUIET)
        images = client[into].images
        entries = read_chain(store, SERVICE, manifest, until_after(_end(store)))
        began, cpu = time.monotonic(), time.process_time()
        for _, raw in zip(range(number), entries, strict=False):
            entry = decode(raw)
            match entry["op"]:
                case "u":
                    images.update_one(entry["o2"], {"$set": entry["o"]["diff"]["u"]})
                case "i":
                    images.replace_one({"_id": entry["o"]["_id"]}, entry["o"], upsert=True)
                case "d":
                    images.delete_one(entry["o"])
        return _cost(began, cpu)


def _end(store: Store) -> Timestamp:
    from drx.backup.format.catalog import list_slices

    return max(piece.end for piece in list_slices(store, SERVICE))


def _cost(began: float, cpu: float) -> Cost:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return Cost(time.monotonic() - began, time.process_time() - cpu, peak)


if __name__ == "__main__":
    main()
