"""Set foreign text into Markdown so that it stays text: no markup, no HTML, no table or fence broken. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from unicodedata import combining, east_asian_width

from jinja2 import Environment, PackageLoader, StrictUndefined

from drx.reports.text import one_line, visible

_INSIDE = r"[\\`*\[\]<|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=[#A-Za-z])"
_AT_START = r"^(?:#{1,6}|[+=-]+|>)(?=\s|$)|^\d+(?=[.)](?:\s|$))"
_MARKUP = re.compile(f"{_INSIDE}|{_AT_START}")
"""What GitHub would take for markup, inside a line and at its start."""
_SPAN = re.compile(r"(?<!`)`[^`]*[^`\s][^`]*`(?!`)")


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def markdown_templates(filters: Mapping[str, Callable[..., object]]) -> Environment:
    """Give templates of Markdown in which every value is escaped unless it is Markdown already."""
    environment = Environment(
        loader=PackageLoader("drx.reports"),
        undefined=StrictUndefined,
        finalize=escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= dict(filters)
    return environment


def escaped(value: object) -> Markdown:
    """Make one line of harmless Markdown of any value."""
    if isinstance(value, Markdown):
        return value
    return Markdown(_MARKUP.sub(_escape, one_line(str(value))))


def _escape(match: re.Match[str]) -> str:
    found = match[0]
    return f"{found}\\" if found.isdigit() else f"\\{found}"


def prose(text: str) -> Markdown:
    """Escape what somebody wrote, but for what they set as `code` themselves."""
    found = one_line(text)
    parts, end = [], 0
    for span in _SPAN.finditer(found):
        parts += [_MARKUP.sub(_escape, found[end : span.start()]), span[0]]
        end = span.end()
    return Markdown("".join((*parts, _MARKUP.sub(_escape, found[end:]))))


def code(value: object) -> Markdown:
    """Set one line as code, whatever ticks it holds."""
    text = one_line(str(value))
    if not text:
        return Markdown("")
    ticks = "`" * (_longest_run(text, "`") + 1)
    pad = " " if text[0] == "`" or text[-1] == "`" else ""
    return Markdown(f"{ticks}{pad}{text}{pad}{ticks}")


def fence(lines: Iterable[str], language: str = "text") -> Markdown:
    """Set lines as a block that no line of theirs can end."""
    text = visible("\n".join(lines)).rstrip("\n")
    ticks = "`" * max(3, _longest_run(text, "`") + 1)
    return Markdown(f"{ticks}{language}\n{text}\n{ticks}")


def _longest_run(text: str, character: str) -> int:
    return max((len(run[0]) for run in re.finditer(re.escape(character) + "+", text)), default=0)


def table(header: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[int] = ()) -> Markdown:
    """Set rows as a table whose columns also line up in plain text; `right` names the columns of figures."""
    cells = [[_cell(value) for value in row] for row in (header, *rows)]
    widths = [max(3, *(_width(row[column]) for row in cells)) for column in range(len(header))]
    rule = [f"{'-' * (width - 1)}:" if column in right else "-" * width for column, width in enumerate(widths)]
    lines = [
        "| " + " | ".join(_padded(cell, widths[column], column in right) for column, cell in enumerate(row)) + " |"
        for row in (cells[0], rule, *cells[1:])
    ]
    return Markdown("\n".join(lines))


def _cell(value: object) -> str:
    """Code spans keep their bars unless those are escaped too: in a table GitHub splits cells first."""
    text = escaped(value)
    return re.sub(r"(?<!\\)\|", r"\\|", text) if "|" in text else text


def _padded(cell: str, width: int, right: bool) -> str:
    space = " " * (width - _width(cell))
    return f"{space}{cell}" if right else f"{cell}{space}"


def _width(text: str) -> int:
    """How many columns a terminal gives the text."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(sign) else 2 if east_asian_width(sign) in "WF" else 1 for sign in text)
