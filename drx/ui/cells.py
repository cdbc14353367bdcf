"""Measure, cut and break text by the cells it takes on a terminal, where many signs take two, and some none. Pure."""

from textwrap import wrap

from drx.reports.text import one_line


def cells(text: str) -> int:
    """How many cells the text takes."""
    if text.isascii():
        return len(text)
    from wcwidth import width

    return width(text)


def cut(text: str, room: int) -> str:
    """Make harmless text of one line, cut to so many cells."""
    return cropped(one_line(text), room)


def cropped(line: str, room: int) -> str:
    """Cut a harmless line to so many cells; its gaps stay."""
    if line.isascii():
        return line if len(line) <= room else f"{line[: room - 1]}…"
    from wcwidth import clip, width

    return line if width(line) <= room else f"{clip(line, 0, room - 1).rstrip()}…"


def lines_of(text: str, room: int) -> list[str]:
    """Break text between words; what has no space in it, a path, is never broken, unless a script has no spaces."""
    if text.isascii():
        return wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
    from wcwidth import width
    from wcwidth import wrap as wrap_wide

    endless = any(width(word) > room and not word.isascii() for word in text.split())
    return wrap_wide(text, room, break_long_words=endless, break_on_hyphens=False) or [""]


def extra_rows(width: int, columns: int) -> int:
    """How many more rows than one a line takes on a screen of so many columns."""
    return max(width - 1, 0) // max(columns, 1)
