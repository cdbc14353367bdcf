"""Run one action on the uploads in a process of its own, which a test kills: see `child` in test_uploads_faults.py."""

import json
import sys
from pathlib import Path

from drx.config import BucketTarget, Target
from drx.config.target import BackupTarget, BucketStore, Retention
from drx.secrets import Secret
from drx.units import parse_duration
from tests.actions.context import FakeContext, run


def target_of(endpoint: str, bucket: str, kept: str) -> Target:
    """An environment with a bucket, and a store in another bucket of the same server."""
    access = ("us-east-1", endpoint, None, "test", Secret("test"))
    retention = Retention(parse_duration("7d"), 1, 1, 1, 1, 1)
    backups = BackupTarget(BucketStore(kept, *access), (), retention)
    return Target("sandbox", "svc", sandbox=True, uploads=BucketTarget(bucket, *access), backups=backups)


if __name__ == "__main__":
    endpoint, bucket, kept, folder, action, parameters = sys.argv[1:]
    run(action, FakeContext(Path(folder), target_of(endpoint, bucket, kept)), **json.loads(parameters))
