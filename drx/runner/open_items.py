"""Find what is still to be done, over all records. Reads only; what cannot be read is named, never fatal."""

from dataclasses import dataclass
from pathlib import Path

from drx.engine.events import RunStarted
from drx.errors import JournalError
from drx.files import read_regular
from drx.journal import JOURNAL, read_journal
from drx.reports.happenings import action_items
from drx.reports.lessons import OpenItem

_MARKER = b'"type":"ActionItemAdded"'


@dataclass(frozen=True)
class Found:
    """What was found, and the records that may hold more."""

    items: tuple[OpenItem, ...]
    """The most urgent first."""
    unreadable: tuple[str, ...]


def open_items(records: Path, runbook: str | None = None) -> Found:
    """Give the action items that nobody has closed, of one runbook or of all."""
    items: list[OpenItem] = []
    unreadable: list[str] = []
    for journal in sorted(records.glob(f"*/{JOURNAL}")):
        try:
            if _MARKER in read_regular(journal):
                items += _of(journal, runbook)
        except JournalError as error:
            unreadable.append(error.message)
        except OSError as error:
            unreadable.append(f"{journal}: {error.strerror}")
    return Found(tuple(sorted(items, key=lambda each: (each.item.due, each.item.at))), tuple(unreadable))


def _of(journal: Path, runbook: str | None) -> list[OpenItem]:
    events = read_journal(journal)
    started = events[0].fact if events else None
    if not isinstance(started, RunStarted) or runbook not in (None, started.runbook):
        return []
    items = action_items(events)
    return [OpenItem(journal.parent.name, started.runbook, item) for item in items if item.closed_at is None]
