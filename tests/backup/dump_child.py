"""Take one base in a process of its own, which a test kills: `dump_child.py URI DATABASE STORE [ENDPOINT]`."""

import math
import sys
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from drx.backup import unfinished
from drx.backup.dump import base_backup
from drx.backup.format import members
from drx.backup.oplog import capture
from drx.backup.server import scan
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, S3Address

if __name__ == "__main__":
    uri, database, place, *endpoint = sys.argv[1:]
    capture._SETTLED_SECONDS = 0.1
    unfinished._SAVE_EVERY_SECONDS = 0.0
    unfinished._SAVING_SHARE = math.inf
    scan._SPLIT_FROM_BYTES = 8 << 20
    scan._BATCH_BYTES = members.MEMBER_BYTES = 1 << 20
    store = open_store(
        S3Address(place, "p", endpoint=endpoint[0], access_key_id="test", secret_access_key="test")
        if endpoint
        else DirectoryAddress(Path(place))
    )
    with MongoClient[dict[str, Any]](uri, tz_aware=True) as client:
        print("begun", flush=True)
        base_backup(
            client, database, store, "svc", backup_id="b1",
            progress=lambda done, total, unit: None, cancelled=lambda: False,
        )  # fmt: skip
