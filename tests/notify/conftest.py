"""A server that takes messages."""

from collections.abc import Iterator

import pytest

from tests.notify.listening import Listener, listening


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as made:
        yield made
