"""Text takes as many cells as a terminal gives it, not as many as it has characters."""

import pytest

from drx.ui.cells import cells, cut, lines_of
from drx.ui.lines import Line, fit

WIDE = "データベースを事故の直前まで復元する"


@pytest.mark.parametrize(
    ("text", "width"),
    [("plain", 5), ("データ", 6), ("e\u0301", 1), ("\U0001f525 fire", 7), ("\U0001f469\u200d\U0001f4bb", 2)],
)
def test_a_wide_sign_takes_two_cells_and_a_combining_one_none(text: str, width: int) -> None:
    assert cells(text) == width


@pytest.mark.parametrize("room", range(4, 40))
def test_what_is_cut_or_broken_fits(room: int) -> None:
    assert cells(cut(WIDE, room)) <= room
    assert all(cells(line) <= room for line in lines_of(f"{WIDE} und noch mehr", room) if line.isascii() is False)


def test_a_path_is_never_broken() -> None:
    path = "/srv/" + "x" * 30
    assert path in lines_of(f"siehe dort → {path}", 20)


def test_a_title_leaves_room_for_its_figures() -> None:
    (line,) = fit(Line("", WIDE, "restore          ", "   1m 02s", is_title=True), 40, 2)
    assert line.endswith("…   1m 02s")
    assert cells(line) <= 38
