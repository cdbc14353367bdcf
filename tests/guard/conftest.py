"""What tests of the guard share: a second server."""

from collections.abc import Iterator

import pytest

from tests import servers


@pytest.fixture(scope="module")
def other_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A second server with the same set name."""
    with servers.mongo(tmp_path_factory.mktemp("other")) as uri:
        yield uri
