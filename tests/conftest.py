"""Fixtures every test may use: real servers, and a database and a bucket of one's own."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from pymongo import MongoClient
from pymongo.database import Database

from tests import servers
from tests.terminal import LARGE, SMALL, Size

pytest_plugins = ["tests.golden_files"]

# A busy machine is slow, and not wrong.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def _nobody_annotates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Print the same in GitHub Actions as everywhere."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)


@pytest.fixture(params=[SMALL, LARGE], ids=["80x24", "120x40"])
def size(request: pytest.FixtureRequest) -> Size:
    """How large the terminal is."""
    found: Size = request.param
    return found


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a server that takes writes; DRX_TEST_MONGO_URI names another one."""
    given = os.environ.get("DRX_TEST_MONGO_URI")
    if given:
        yield given
        return
    # The server reads its whole oplog whatever it is asked: what earlier tests wrote is not to slow later ones.
    with servers.mongo(tmp_path_factory.mktemp("mongo"), "--oplog-max-entries", "10000") as uri:
        yield uri


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of an S3 server."""
    with servers.s3(tmp_path_factory.mktemp("s3")) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def mongo_client(mongo_server: str) -> Iterator[MongoClient[dict[str, object]]]:
    """A client of the server, closed at the end."""
    with MongoClient[dict[str, object]](mongo_server, tz_aware=True) as client:
        yield client


@pytest.fixture
def database(mongo_client: MongoClient[dict[str, object]]) -> Iterator[Database[dict[str, object]]]:
    """An empty database, dropped after the test."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield mongo_client[name]
    mongo_client.drop_database(name)


@pytest.fixture
def bucket(s3_server: str) -> str:
    """An empty bucket; the keys are `test` and `test`, the region us-east-1."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    servers.make_bucket(s3_server, name)
    return name


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """Files written by stock tools and real servers; the test is skipped where they are not at hand."""
    path = Path(os.environ.get("DRX_FIXTURES") or Path(__file__).parents[2] / "shared" / "fixtures") / "mongo-tools"
    if not path.is_dir():
        pytest.skip("no stock fixtures: set DRX_FIXTURES to the directory that holds mongo-tools")
    return path
