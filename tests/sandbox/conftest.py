"""A running sandbox with a little data, one per test process."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drx.sandbox import servers
from drx.sandbox.seed import Sizes, seed
from drx.sandbox.state import DATABASE, SandboxState
from tests.sandbox.desk import Desk, lay

SMALL = Sizes(users=30, images=300, objects=10)


@dataclass(frozen=True)
class Answer:
    """What the application answered."""

    status: int
    body: bytes

    @property
    def json(self) -> object:
        return json.loads(self.body)


Ask = Callable[[str], Answer]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxState]:
    """A sandbox without data, taken down at the end; tests may change data, and never end its servers."""
    directory = tmp_path_factory.mktemp("sandbox")
    yield servers.up(directory)
    servers.down(directory, remove_data=True)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Where a test may bring up a sandbox of its own, and end what is in it."""
    yield tmp_path / "own"
    servers.down(tmp_path / "own")


@pytest.fixture
def seeded(running: SandboxState) -> SandboxState:
    """The sandbox with fresh data, and the application pointed at them."""
    servers.deploy(running.directory, DATABASE)
    seed(running.directory, SMALL, 1, lambda done, total, unit: None)
    return running


@pytest.fixture
def ask(running: SandboxState) -> Ask:
    """Ask the application of the running sandbox."""
    return lambda path: get(running, path)


def get(state: SandboxState, path: str) -> Answer:
    """Ask the application of a sandbox."""
    try:
        with urllib.request.urlopen(state.app_url + path, timeout=20) as reply:
            return Answer(reply.status, reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read())


@pytest.fixture
def desk(seeded: SandboxState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A shell on somebody's desk, with the plan beside it."""
    return lay(seeded, tmp_path, monkeypatch)
