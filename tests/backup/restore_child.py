"""Restore the newest moment in a process of its own, which a test kills: `restore_child.py URI DATABASE STORE INTO`."""

import sys
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from drx.backup.format.catalog import list_bases, list_slices
from drx.backup.format.manifest import Restored
from drx.backup.oplog.fold import BaseCollection, fold
from drx.backup.oplog.moments import until_after
from drx.backup.oplog.slices import find_chain, read_chain
from drx.backup.restore import restore
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Store


def restore_newest(client: MongoClient[dict[str, Any]], database: str, store: Store, into: str) -> Restored:
    """Restore as one that goes on with what an earlier try left."""
    (manifest,) = list_bases(store, "svc")
    base = [
        BaseCollection(found.name, found.uuid, found.options, found.indexes, found.type)
        for found in manifest.collections
    ]
    until = until_after(find_chain(manifest, list_slices(store, "svc")).end)
    plan = fold(
        read_chain(store, "svc", manifest, until),
        database=database, base=base, until=until, consistent_from=manifest.end,
    )  # fmt: skip
    return restore(
        client, store, manifest, into=into, plan=plan, resumed=True, progress=lambda *_: None, cancelled=lambda: False
    )


if __name__ == "__main__":
    uri, database, place, into = sys.argv[1:]
    with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        print("begun", flush=True)
        restore_newest(client, database, open_store(DirectoryAddress(Path(place))), into)
