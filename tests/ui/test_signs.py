"""What a terminal's encoding lacks has a stand-in of one cell; what it has stays."""

import pytest

from drx.ui.signs import encodable


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "─ people 1s · retries … > Zoë → ✓"),
        ("latin-1", "- people 1s · retries ~ > Zoë > +"),
        ("ascii", "- people 1s - retries ~ > Zo? > +"),
        (None, "- people 1s - retries ~ > Zo? > +"),
    ],
)
def test_signs_of_one_cell_stand_in(encoding: str | None, shown: str) -> None:
    assert encodable("─ people 1s · retries … > Zoë → ✓", encoding) == shown
