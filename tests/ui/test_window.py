"""A window that was dragged about is drawn anew; the lines of the run stand there again, each once."""

import pyte
import pytest

from drx.ui import window as module
from drx.ui.window import Window

COLUMNS, ROWS = 40, 10
LITTER = "litter\r\n" * 4 + "> litter"


@pytest.fixture(autouse=True)
def settled_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    monkeypatch.setenv("LINES", str(ROWS))
    monkeypatch.setattr(module, "_SETTLED_SECONDS", 0.0)


def dragged(*lines: str) -> Window:
    """A window below these lines that has had two sizes since it was drawn for."""
    window = Window()
    for line in lines:
        window.keep(line)
    window.resized()
    window.resized()
    return window


def shown(written: str) -> list[str]:
    """What stands on a screen full of litter once this was written there."""
    screen = pyte.Screen(COLUMNS, ROWS)
    pyte.Stream(screen).feed(LITTER + written)
    return [line.rstrip() for line in screen.display]


@pytest.mark.parametrize("height", [0, 1, 4, ROWS, ROWS + 5])
def test_the_last_lines_are_written_again_down_to_where_the_drawing_begins(height: int) -> None:
    lines = [f"line {number}" for number in range(30)]
    kept = max(ROWS - height, 0)
    # The cursor stands in the row below the lines, and what is drawn from there has room, but for an empty drawing.
    scrolled = 1 if height == 0 else 0
    expected = lines[len(lines) - kept + scrolled :]
    assert shown(dragged(*lines).anew(height)) == expected + [""] * (ROWS - len(expected))


def test_lines_that_are_broken_or_coloured_count_as_the_rows_that_they_take() -> None:
    rows = shown(dragged("gone", "\x1b[31m✓\x1b[0m a", "漢" * 21, "x" * 80).anew(ROWS - 5))
    assert [row[:1] for row in rows] == ["✓", "漢", "漢", "x", "x", *[""] * (ROWS - 5)]


def test_what_others_wrote_there_goes_into_the_history_once() -> None:
    window = dragged("only line")
    assert "\x1b[2J" in window.anew(3)
    window.resized()
    assert window.spoilt([5])
    assert "\x1b[2J" not in window.anew(3)


def test_a_window_full_of_lines_of_the_run_is_not_copied_into_the_history() -> None:
    assert "\x1b[2J" not in dragged(*"abcdefghijkl").anew(3)


@pytest.mark.parametrize(
    ("sizes", "drawn", "anchored", "spoilt"),
    [(0, [5], True, False), (1, [5] * 4, True, False), (2, [5], True, True), (1, [5] * ROWS, True, True),
     (1, [COLUMNS * 9 + 1], True, True), (1, [5], False, True)],
)  # fmt: skip
def test_a_drawing_outlives_one_size_in_which_it_has_room(
    sizes: int, drawn: list[int], anchored: bool, spoilt: bool
) -> None:
    window = Window()
    for _ in range(sizes):
        window.resized()
    assert window.spoilt(drawn, anchored=anchored) is spoilt
    assert window.unsettled is spoilt


def test_nothing_is_drawn_anew_while_sizes_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SETTLED_SECONDS", 3600.0)
    window = dragged("line")
    assert not window.spoilt([5])
    assert window.unsettled
