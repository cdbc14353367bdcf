"""Run one action in a process of its own: `child.py FOLDER URI DATABASE RUN ACTION`; prints what came of it."""

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from drx.backup.oplog import capture
from drx.config import BackupTarget, DirectoryStore, Retention
from drx.errors import DrxError
from tests.actions.context import FakeContext, run
from tests.actions.mongo.databases import target_of

ONE = Retention(timedelta(), 0, 0, 0, 0, 1)
"""Keep the newest base, and nothing else."""


def context_in(folder: Path, uri: str, database: str, run_id: str) -> FakeContext:
    """A context with a store in a folder that others use, too."""
    backups = BackupTarget(DirectoryStore(folder / "store"), (), ONE)
    return replace(FakeContext(folder / run_id, target_of(uri, database, backups=backups)), run_id=run_id)


if __name__ == "__main__":
    folder, uri, database, run_id, action = sys.argv[1:]
    capture._SETTLED_SECONDS = 0.1
    try:
        result = run(action, context_in(Path(folder), uri, database, run_id))
    except DrxError as error:
        print(f"{type(error).__name__}: {error.message}")
    else:
        print("done", *result.lines)
