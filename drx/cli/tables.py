"""Aligned tables: plain text in a pipe, the width of the screen at a terminal. Knows nothing of what is in them."""

import sys
from collections.abc import Collection, Sequence

GUTTER = "  "


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Lay rows out below their headings; the columns in `right` end at one place."""
    lines = [headings, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return [
        GUTTER.join(
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def print_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[int] = (), folded: Collection[int] = ()
) -> None:
    """Print a table; at a terminal, the last column and those in `folded` give way where it is narrow, never cut."""
    if not sys.stdout.isatty():
        print("\n".join(table(headings, rows, right)))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    giving = {len(headings) - 1, *folded}
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column, heading in enumerate(headings):
        justify = "right" if column in right else "left"
        shown.add_column(heading, justify=justify, overflow="fold", no_wrap=column not in giving)  # type: ignore[arg-type]
    for row in rows:
        shown.add_row(*(Text(text) for text in row))
    Console().print(shown)
