"""The foot leaves nothing behind, also where the window has another width than is known yet."""

import threading
from functools import partial

import pyte
import pytest

from drx.ui.anchor import Anchor
from drx.ui.foot import Foot, FootLine
from drx.ui.window import Window

LINES = (FootLine("─" * 20, "2"), FootLine("INCIDENT story in lab " + "x" * 50, "1"), FootLine("elapsed 00:00:01"))


def shown(written: str, size: tuple[int, int]) -> list[str]:
    """What stands on a screen of this size, empty lines left out."""
    columns, lines = size
    screen = pyte.Screen(columns, lines)
    pyte.Stream(screen).feed(written.replace("\r\n", "\n").replace("\n", "\r\n"))
    return [line.rstrip() for line in screen.display if line.strip()]


@pytest.mark.parametrize("size", [(80, 24), (40, 24), (60, 7), (30, 10)], ids=str)
def test_lines_of_the_run_stand_above_the_foot(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    foot, written = Foot(lambda: LINES, Window()), ""
    foot.show()
    for number in range(3):
        foot.above(partial(print, f"line {number}"))
        written += capsys.readouterr().out
        lines = shown(written, size)
        assert lines[: number + 2] == [*(f"line {earlier}" for earlier in range(number + 1)), "─" * 20]
        assert len(lines) == number + 4
    foot.hide()
    written += capsys.readouterr().out
    assert shown(written, size) == ["line 0", "line 1", "line 2"]


def test_a_signal_that_comes_while_it_is_first_drawn_leaves_no_hidden_cursor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(self: threading.Thread) -> None:
        raise KeyboardInterrupt

    foot = Foot(lambda: LINES, Window())
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        foot.show()
    foot.hide()
    written = capsys.readouterr().out
    assert shown(written, (80, 24)) == []
    assert written.endswith("\x1b[?25h")


def test_a_foot_that_is_not_shown_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    foot = Foot(lambda: LINES, Window())
    foot.hide()
    foot.above(partial(print, "a"))
    assert capsys.readouterr().out == "a\n"


@pytest.mark.parametrize(
    ("term", "columns", "shift"),
    [
        ("xterm", "40", ""),
        ("screen", "80", ""),
        ("screen", "120", ""),
        ("screen", "40", "\x1b[1T\x1b[1B"),
        ("tmux-256color", "10", "\x1b[2T\x1b[2B"),
    ],
)
def test_tmux_takes_back_what_it_moved_up(monkeypatch: pytest.MonkeyPatch, term: str, columns: str, shift: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    anchor = Anchor({"TERM": term})
    erased = anchor.erase(())
    monkeypatch.setenv("COLUMNS", columns)
    assert anchor.erase((20, 72, 16)).removeprefix(erased) == shift
