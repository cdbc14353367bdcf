"""Run one action on the uploads in a process of its own, which a test kills: see `child` in test_faults.py."""

import json
import sys
from pathlib import Path

from drx.config import BucketTarget, Target
from drx.config.target import BackupTarget, BucketStore
from drx.secrets import Secret
from tests.actions.context import FakeContext, run
from tests.actions.uploads.objects import RETENTION


def target_of(endpoint: str, bucket: str, kept: str) -> Target:
    """An environment with a bucket, and a store in another bucket of the same server."""
    access = ("us-east-1", endpoint, None, "test", Secret("test"))
    backups = BackupTarget(BucketStore(kept, *access), (), RETENTION)
    return Target("sandbox", "svc", sandbox=True, uploads=BucketTarget(bucket, *access), backups=backups)


if __name__ == "__main__":
    endpoint, bucket, kept, folder, action, parameters = sys.argv[1:]
    run(action, FakeContext(Path(folder), target_of(endpoint, bucket, kept)), **json.loads(parameters))
