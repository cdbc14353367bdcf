"""Read records out of a bucket that another host copies them to. It writes only below a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

from drx.files import make_private, write_atomically
from drx.journal import JOURNAL
from drx.runner.copying import Shelf
from drx.runner.naming import named_run
from drx.runner.record import REPORTS


def newest_runs(shelf: Shelf, limit: int | None = None, *, beginning: str = "") -> tuple[str, ...]:
    """Give the ids of the runs in a bucket, newest first; of all that begin like that, as many as `limit` says."""
    prefix = shelf.run_key()
    found = shelf.store.list(prefix + beginning)
    names = (entry.key.removeprefix(prefix).removesuffix(".json") for entry in found)
    return tuple(sorted(names, reverse=True)[:limit])


def find_run(shelf: Shelf, name: str) -> str:
    """Give the id of the run that is meant; raises UsageError as `named_run` does."""
    return named_run(newest_runs(shelf), name, shelf.store.describe())


class Fetching:
    """A record in a bucket, brought into a folder here as far as it is copied: what reads records, reads it there."""

    def __init__(self, shelf: Shelf, run: str, folder: Path) -> None:
        self._shelf = shelf
        self._run = run
        self.record = folder / run
        """The folder that the record is brought into."""
        self._events = 0

    def fetch(self) -> int:
        """Bring what is new, and say how many events that is.

        Raises StoreError where the bucket does not answer.
        """
        make_private(self.record)
        lines = list(self._new_lines())
        for key in self._files() if lines else ():
            path = self.record / key.removeprefix(self._shelf.file_prefix(self._run))
            if path.name in REPORTS or not path.exists():
                make_private(path.parent)
                write_atomically(path, self._shelf.store.get(key))
        if lines:
            with (self.record / JOURNAL).open("wb" if self._events == 0 else "ab") as file:
                file.writelines(lines)
            self._events += len(lines)
        return len(lines)

    def _new_lines(self) -> Iterator[bytes]:
        seq = self._events + 1
        while found := self._shelf.store.find(self._shelf.event_key(self._run, seq)):
            yield found.data
            seq += 1

    def _files(self) -> list[str]:
        """List the files of the record, but none that would lie outside of it."""
        prefix = self._shelf.file_prefix(self._run)
        keys = [entry.key for entry in self._shelf.store.list(prefix)]
        return [key for key in keys if not {"..", ""} & set(key.removeprefix(prefix).split("/"))]
