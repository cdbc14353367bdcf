"""Copy a record to a bucket while its run goes on: every event and file, each created once. It never stops a run.

    <service>/runs/<run>.json                      the first event: which runs there are
    <service>/records/<run>/events/00000001.json   one line of the journal each, byte for byte
    <service>/records/<run>/files/<path>           frozen inputs, artifacts, reports

The local journal leads: while the bucket does not answer, the copy waits and catches up.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drx.backup.stores.base import Store
from drx.engine.events import ReportWritten
from drx.errors import DrxError
from drx.journal import JOURNAL
from drx.runner.record import FROZEN, REPORTS, SIGNATURE
from drx.secrets import Secret

_FIRST_WAIT_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 30.0
_LOOK_SECONDS = 2.0
"""How often the live page is looked at: it may be written anew without an event."""
PATIENCE_SECONDS = 20.0
"""How long the end of a run waits for what is not copied yet."""


@dataclass(frozen=True)
class Shelf:
    """Where the records of a service lie in a store."""

    store: Store
    service: str
    secret: Secret | None = None
    """The key to the store, where drx.yaml says it."""

    def run_key(self, run: str = "") -> str:
        """Where a run is announced; without one, where all begin."""
        return f"{self.service}/runs/" + (f"{run}.json" if run else "")

    def event_key(self, run: str, seq: int) -> str:
        """Where one event lies."""
        return f"{self.service}/records/{run}/events/{seq:08d}.json"

    def file_prefix(self, run: str) -> str:
        """Where the files of a record begin."""
        return f"{self.service}/records/{run}/files/"


class Copier:
    """Copies one record; what is there already is left as it is, so that a copy can go on at any time."""

    def __init__(self, record: Path, shelf: Shelf) -> None:
        self.record = record
        self._shelf = shelf
        self._offset = 0
        self._events = 0
        self._frozen = False
        self.limit: int | None = None
        """So many events are on disk; None where the journal is not written any more."""
        self._changing: dict[str, tuple[int, int]] = {}

    def copy(self) -> None:
        """Copy what is new: files first, then the event that names them.

        Raises DrxError where the bucket refuses, or holds another record under this name; OSError for the record.
        """
        if not self._frozen:
            self._keep_all(path for path in (self.record / FROZEN).rglob("*") if path.is_file())
            self._frozen = True
        for line in self._lines():
            self._keep_all(self.record / name for name in _artifacts(line))
            self._keep(self._shelf.event_key(self.record.name, self._events + 1), line)
            if self._events == 0:
                self._keep(self._shelf.run_key(self.record.name), line)
            self._offset += len(line)
            self._events += 1
        self._replace_changed()

    def _lines(self) -> Iterator[bytes]:
        """Give the whole lines of the journal that are not copied yet."""
        with (self.record / JOURNAL).open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n") or (self.limit is not None and self._events >= self.limit):
                    return
                yield line

    def _keep_all(self, paths: Iterable[Path]) -> None:
        prefix = self._shelf.file_prefix(self.record.name)
        for path in paths:
            self._keep(prefix + path.relative_to(self.record).as_posix(), path.read_bytes())

    def _keep(self, key: str, data: bytes) -> None:
        """Create an object; one that is there has to be the same."""
        store = self._shelf.store
        if not store.create(key, data) and store.get(key) != data:
            raise DrxError(
                f"{store.describe()}/{key} is there already, and is another one",
                "Two machines went on with one run, or somebody changed the bucket: keep both, and compare them",
            )

    def _replace_changed(self) -> None:
        """Write the reports anew: they are written again while the run goes on, and when a note is added."""
        for name in (*REPORTS, SIGNATURE):
            path = self.record / name
            try:
                found = path.stat()
                data = path.read_bytes() if self._changing.get(name) != (found.st_mtime_ns, found.st_size) else None
            except FileNotFoundError:
                continue
            if data is not None:
                self._shelf.store.put(self._shelf.file_prefix(self.record.name) + name, data)
                self._changing[name] = (found.st_mtime_ns, found.st_size)


def _artifacts(line: bytes) -> tuple[str, ...]:
    """Name the files that an event says its attempt has left."""
    if b'"artifacts":[' not in line:
        return ()
    event = json.loads(line)
    return () if event["type"] == ReportWritten.__name__ else tuple(event["data"].get("artifacts", ()))


class Copying:
    """Copies in a thread of its own, woken by every event; whatever fails is tried again, ever less often."""

    def __init__(self, copiers: Iterable[Copier], done: Callable[[str], None]) -> None:
        """Copy by the last of them; those before are of earlier runs, caught up with whenever there is time."""
        *self._earlier, self._copier = copiers
        self._done = done
        self._copier.limit = 0
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._left = threading.Event()
        self.problem = ""
        """Why the newest try failed; empty where everything is copied."""
        self._thread = threading.Thread(target=self._work, name="records", daemon=True)
        self._thread.start()

    def poke(self, count: int) -> None:
        """Say that so many events are on disk. Returns at once."""
        self._copier.limit = count
        self._wake.set()

    def close(self, seconds: float = PATIENCE_SECONDS) -> str:
        """Copy what is left, but wait no longer than this; give what stands in the way, nothing where all is copied."""
        self._ending.set()
        self._wake.set()
        self._thread.join(seconds)
        self._left.set()
        if self._thread.is_alive():
            return self.problem or f"not everything was copied within {seconds:g}s"
        return self.problem

    def _work(self) -> None:
        pause = 0.0
        while not self._left.is_set():
            self._wake.clear()
            ending = self._ending.is_set()
            pause = min(pause * 2 or _FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS) if self._failed() else 0.0
            if ending and not pause:
                return
            self._pause(pause or _LOOK_SECONDS, failed=pause > 0)

    def _failed(self) -> bool:
        try:
            self._copier.copy()
            while self._earlier:
                self._earlier[0].copy()
                self._done(self._earlier.pop(0).record.name)
        except (DrxError, OSError) as error:
            self.problem = error.message if isinstance(error, DrxError) else str(error)
            return True
        self.problem = ""
        return False

    def _pause(self, seconds: float, *, failed: bool) -> None:
        """Wait to be woken; after a failure, no event makes it hurry, but the end of the run does."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._ending.is_set():
                time.sleep(min(left, 0.5) if failed else 0.0)
                return
            if failed:
                self._ending.wait(left)
            elif self._wake.wait(left):
                return
