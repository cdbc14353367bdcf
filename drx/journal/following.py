"""Follow a journal that another process writes. It never writes, and needs no lock."""

from pathlib import Path

from drx.engine.events import Event
from drx.errors import JournalError
from drx.files import open_regular
from drx.journal.reading import Chain, require_beginning


class Following:
    """A place in a journal, from where it is read on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._chain = Chain(path)
        self._offset = 0

    def events(self) -> list[Event]:
        """Give what was written since the last time; a line that is being written right now comes the next time.

        Raises JournalError where the journal is damaged, was cut, or cannot be read.
        """
        try:
            with open_regular(self._path) as file:
                size = file.seek(0, 2)
                if size < self._offset:
                    raise JournalError(f"{self._path} is shorter than it was", "Look into it: journals only grow")
                file.seek(self._offset)
                whole, newline, half = file.read().rpartition(b"\n")
        except OSError as error:
            raise JournalError(
                f"{self._path}: the journal cannot be read: {error.strerror}", "Check the path and its owner"
            ) from None
        if not newline:
            if self._offset == 0:
                require_beginning(self._path, half)
            return []
        self._offset += len(whole) + 1
        return [self._chain.follow(line) for line in whole.split(b"\n")]
