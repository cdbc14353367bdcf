"""What is still to be done, over many runs: as a table, a page, JSON, or lines at a terminal. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from pydantic_core import to_json

from drx.reports import safe
from drx.reports.html import page
from drx.reports.shapes import ActionItem
from drx.reports.text import one_line

HEADER = ("due", "what is to be done", "owner", "runbook", "run", "item")


@dataclass(frozen=True)
class OpenItem:
    """An action item that nobody has closed yet."""

    run: str
    runbook: str
    item: ActionItem


def lessons_markdown(items: Sequence[OpenItem], today: date) -> str:
    """Write all of them, the most urgent first."""
    if not items:
        return "# Open action items\n\nNone.\n"
    rows = [
        (_due(each, today), item.text, item.owner, safe.code(each.runbook), safe.code(each.run), item.number)
        for each in items
        for item in (each.item,)
    ]
    closing = safe.code('drx review RUN --close ITEM --reason "..."')
    return f"# Open action items\n\n{safe.table(HEADER, rows, right=(5,))}\n\nClose one: {closing}\n"


def lessons_html(items: Sequence[OpenItem], today: date) -> str:
    """Write them as a page."""
    return page("Open action items", lessons_markdown(items, today))


def lessons_json(items: Sequence[OpenItem]) -> str:
    """Write them for other programs."""
    return to_json(list(items), indent=2).decode() + "\n"


def lesson_lines(items: Sequence[OpenItem], today: date) -> Iterator[str]:
    """Give a line for each, for whoever is about to run the same again."""
    for each in items:
        text, owner = one_line(each.item.text), one_line(each.item.owner)
        yield f"{text} ({owner}, until {_due(each, today)}; item {each.item.number} of {each.run})"


def _due(each: OpenItem, today: date) -> str:
    return f"{each.item.due}, overdue" if each.item.due < today else f"{each.item.due}"
