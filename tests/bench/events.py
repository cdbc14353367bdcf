"""Measure `drx backups events` over a million archived oplog entries: time and memory. Prints, asserts nothing.

Run `python -m tests.bench.events [MILLIONS]`. The archive lies in a directory; half of it is updates, and in the middle
a collection is dropped and another emptied.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import bson
from bson import Timestamp

from drx.backup.format.catalog import MANIFEST, slice_keys
from drx.backup.format.manifest import Manifest, SliceManifest, to_json
from drx.backup.format.members import compress
from drx.backup.oplog.history import KINDS
from drx.backup.oplog.past import look_back
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Store

SERVICE, DATABASE = "bench", "pixelcraft"
PER_SLICE, PER_SECOND, MEMBER = 50_000, 500, 10_000
BEGIN = 1_790_000_000


def entries(first: int, count: int) -> Iterator[bytes]:
    """Make entries as a server writes them: inserts, updates, and some deletes."""
    for number in range(first, first + count):
        at = {"ts": Timestamp(BEGIN + number // PER_SECOND, number % PER_SECOND + 1), "t": 1, "v": 2}
        at |= {"wall": datetime.fromtimestamp(BEGIN + number // PER_SECOND, UTC)}
        head = {"ns": f"{DATABASE}.images", "ui": bson.Binary(b"u" * 16, 4)}
        if number == 2 * PER_SLICE:
            yield bson.encode({"op": "c", **head, "ns": f"{DATABASE}.$cmd", "o": {"drop": "albums"}, **at})
        elif number % 10 < 4:
            yield bson.encode({"op": "i", **head, "o": {"_id": number, "title": "sea " * 40}, **at})
        elif number % 10 < 9 and not PER_SLICE < number < 2 * PER_SLICE:
            diff = {"$v": 2, "diff": {"u": {"views": number}}}
            yield bson.encode({"op": "u", **head, "o": diff, "o2": {"_id": number}, **at})
        else:
            yield bson.encode({"op": "d", **head, "o": {"_id": number}, **at})


def fill(store: Store, count: int) -> None:
    """Write a base without documents and the slices after it."""
    begin, now = Timestamp(BEGIN, 0), datetime.fromtimestamp(BEGIN, UTC)
    manifest = Manifest("b", "full", SERVICE, DATABASE, "8.0", "0", begin, begin, now, now, (), ())
    store.put(manifest.prefix + MANIFEST, to_json(manifest))
    start = begin
    for first in range(0, count, PER_SLICE):
        made = list(entries(first, PER_SLICE))
        packed = b"".join(compress(b"".join(made[part : part + MEMBER])) for part in range(0, PER_SLICE, MEMBER))
        last = first + PER_SLICE - 1
        end = Timestamp(BEGIN + last // PER_SECOND, last % PER_SECOND + 1)
        key, manifest_key = slice_keys(SERVICE, start, end)
        store.put(key, packed)
        found = SliceManifest(SERVICE, DATABASE, start, end, len(made), len(packed), sha256(packed).hexdigest())
        store.put(manifest_key, to_json(found))
        start = end


def main() -> None:
    """Print one line for each number of entries."""
    millions = float(sys.argv[1]) if sys.argv[1:] else 1.0
    with tempfile.TemporaryDirectory() as directory:
        store = open_store(DirectoryAddress(Path(directory)))
        count = int(millions * 1_000_000)
        fill(store, count)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        wall, cpu = time.perf_counter(), time.process_time()
        past = look_back(store, SERVICE, DATABASE, since=Timestamp(0, 0), kinds=KINDS, client=None)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(
            f"events  {past.entries:>10,} entries  {len(past.events)} events  CPU {cpu:.2f} s  wall {wall:.2f} s  "
            f"memory +{grown / 1000:.0f} MB"
        )


if __name__ == "__main__":
    main()
