"""A sandbox for all drills of one test process, made clean before each, and a project to drill in."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from shutil import rmtree

import pytest
from pymongo import MongoClient

from drx.sandbox import servers
from drx.sandbox.buckets import connect_s3
from drx.sandbox.state import ACCESS_KEY, BUCKETS, SECRET_KEY, SandboxState
from tests.drills.harness import Project
from tests.drills.impostor import CACHE, PID


@pytest.fixture(scope="session")
def sandbox_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the sandbox lies; taken down at the end."""
    directory = tmp_path_factory.mktemp("drills") / "sandbox"
    yield directory
    servers.down(directory, remove_data=True)


@pytest.fixture
def sandbox(sandbox_directory: Path) -> Iterator[SandboxState]:
    """A running sandbox without databases, backups and uploads."""
    state = servers.up(sandbox_directory)
    with MongoClient[dict[str, object]](state.mongo_uri) as client:
        for name in client.list_database_names():
            if name.startswith("pixelcraft"):
                client.drop_database(name)
    for bucket in BUCKETS:
        _empty(state, bucket.name, bucket.region)
    yield state
    rmtree(sandbox_directory / CACHE, ignore_errors=True)
    with suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int((sandbox_directory / PID).read_text()), signal.SIGKILL)
        (sandbox_directory / PID).unlink()


@pytest.fixture
def project(tmp_path: Path, sandbox: SandboxState) -> Project:
    """A project whose sandbox is up."""
    return Project(tmp_path, sandbox.directory)


def _empty(state: SandboxState, bucket: str, region: str) -> None:
    endpoint = next(address for name, address in state.s3.items() if name == region)
    with closing(connect_s3(endpoint, region, ACCESS_KEY, SECRET_KEY)) as client:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            for found in page.get("Contents", ()):
                client.delete_object(Bucket=bucket, Key=str(found.get("Key")))
