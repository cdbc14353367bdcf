"""What goes along with a run and may never hold it up: the live page, and the copy of its record in a bucket."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from drx.engine.plan import Plan
from drx.journal import JOURNAL, Journal
from drx.runner.copying import Copier, Copying, Shelf
from drx.runner.live import LivePage
from drx.ui.port import Ui

_PASSING = ("CI", "KUBERNETES_SERVICE_HOST")
"""Variables of places whose disks do not last."""


class Company:
    """The page and the copy of one run."""

    def __init__(self, page: LivePage, copying: Copying | None) -> None:
        self._page = page
        self._copying = copying

    def synced(self, count: int) -> None:
        """Say that so many events are on disk."""
        self._page.poke(count)
        if self._copying is not None:
            self._copying.poke(count)

    def leave_page(self) -> None:
        """Write the page no more: the report takes its place."""
        self._page.close(last=False)


@contextmanager
def company(
    plan: Plan, journal: Journal, record: Path, shelf: Shelf | None, pending: Path, ui: Ui
) -> Iterator[Company]:
    """Keep company to a run; `pending` is the folder that remembers which records are not copied whole."""
    if shelf is None and (where := lasts_not(os.environ)):
        ui.say(f"the record stays on this disk, which does not last ({where} is set): state records: in drx.yaml")
    page = LivePage(plan, journal, record)
    copying = start_copying(record, shelf, pending) if shelf else None
    try:
        yield Company(page, copying)
    finally:
        page.close(last=True)
        if page.problem:
            ui.say(f"report.html was not kept up to date: {page.problem}")
        if copying is not None and shelf is not None:
            copying.poke(len(journal.events))
            end_copying(copying, record, shelf, pending, ui)


def lasts_not(environ: Mapping[str, str]) -> str:
    """Name the variable that says that this disk goes with the process; empty where none does."""
    return next((name for name in _PASSING if environ.get(name)), "")


def start_copying(record: Path, shelf: Shelf, pending: Path) -> Copying:
    """Copy a record as it grows, once what earlier runs left uncopied is there."""
    left = []
    with suppress(OSError):
        pending.mkdir(mode=0o700, parents=True, exist_ok=True)
        left = sorted(path.name for path in pending.iterdir() if path.name != record.name)
        (pending / record.name).touch(mode=0o600)
    earlier = [record.parent / name for name in left]
    copiers = [Copier(path, shelf) for path in earlier if (path / JOURNAL).is_file()]
    return Copying([*copiers, Copier(record, shelf)], done=lambda name: (pending / name).unlink(missing_ok=True))


def end_copying(copying: Copying, record: Path, shelf: Shelf, pending: Path, ui: Ui) -> None:
    """Wait a moment for the rest, and say what is not copied."""
    problem = copying.close()
    if problem:
        ui.say(
            f"not all of this record is in {shelf.store.describe()}: {problem}. The next run from here copies the rest"
        )
    else:
        with suppress(OSError):
            (pending / record.name).unlink(missing_ok=True)
