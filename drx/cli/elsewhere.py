"""Runs of other hosts, read from the bucket that `records:` of drx.yaml names. Reads only; its copies lie in .drx."""

from pathlib import Path
from typing import TYPE_CHECKING

from drx.cli.project import Project, shelf_of
from drx.errors import StoreError, UsageError

if TYPE_CHECKING:
    from drx.runner.fetching import Fetching
    from drx.ui.port import Ui

FETCHED = Path(".drx") / "records"


def elsewhere(project: Project, run: str | None) -> "Fetching | None":
    """Bring the record of a run, or of the newest, from the bucket; None where drx.yaml names none.

    Raises UsageError where the bucket has no such run, StoreError where it does not answer.
    """
    from drx.runner.fetching import Fetching, find_run, newest_runs

    shelf = shelf_of(project.config, hurried=True)
    if shelf is None:
        return None
    newest = newest_runs(shelf, 1)
    if run is None and not newest:
        raise UsageError(f"there is no run here, nor in {shelf.store.describe()}", "Begin one with `drx run`")
    fetching = Fetching(shelf, newest[0] if run is None else find_run(shelf, run), project.root / FETCHED)
    fetching.fetch()
    return fetching


def fetch_again(fetching: "Fetching", ui: "Ui") -> None:
    """Bring what is new; a bucket that does not answer now may do so later."""
    try:
        fetching.fetch()
    except StoreError as error:
        ui.say(f"{error.message}; trying again")


def runs_elsewhere(project: Project, known: set[str], limit: int) -> tuple[str, ...]:
    """Name the newest runs of the bucket that have no record here; none where drx.yaml names no bucket."""
    from drx.runner.fetching import newest_runs

    shelf = shelf_of(project.config, hurried=True)
    if shelf is None:
        return ()
    return tuple(run for run in newest_runs(shelf, limit) if run not in known)
