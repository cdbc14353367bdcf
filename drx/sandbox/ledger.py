"""What was written to the database, logged by those who wrote it, and what it must therefore hold. Pure but for files.

One JSON line per write: `at`, `state` (`intent` before it, `done` after the server acknowledged it), `op`,
`collection`, `id` (canonical Extended JSON) and `sha256` of the raw BSON document after the write (null when it is
gone). The order of lines is the order of writes: an intent that its own `done` does not follow was in flight.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self, cast

from drx.errors import DrxError
from drx.units import show_time

Operation = Literal["insert", "update", "delete"]
_State = Literal["intent", "done"]


class Write(NamedTuple):
    """One write to one document."""

    op: Operation
    collection: str
    id: str
    """The `_id` as canonical Extended JSON text."""
    sha256: str | None
    """Of the raw document after the write; None when it is gone."""


class Ledger:
    """Appends to a ledger file; each line is handed to the system at once, so that it survives a killed writer."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        _drop_torn_line(path)
        self._file = path.open("ab", buffering=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def intend(self, write: Write) -> None:
        """Log a write that is about to be sent."""
        self._file.write(_line("intent", _now(), write))

    def done(self, *writes: Write) -> None:
        """Log writes that the server has acknowledged."""
        at = _now()
        self._file.write(b"".join(_line("done", at, write) for write in writes))


class Version(NamedTuple):
    """A document as one write left it."""

    number: int
    """Of the line in the ledger."""
    at: datetime
    sha256: str | None
    certain: bool
    """False for a write that was in flight: it may be there or not."""


@dataclass(frozen=True)
class History:
    """Every document's versions, oldest first, by collection and `_id`."""

    documents: dict[str, dict[str, list[Version]]] = field(default_factory=dict)
    writes: int = 0
    in_flight: int = 0
    last_write_at: datetime | None = None
    """When the last certain write was acknowledged."""


def read_history(path: Path, until: datetime | None = None) -> History:
    """Read a ledger, up to a moment if one is given.

    Writes acknowledged before it are certain; those begun before it and not acknowledged by then are in flight.
    Raises DrxError for a ledger that is missing or damaged, naming the line.
    """
    documents: dict[str, dict[str, list[Version]]] = {}
    certain, in_flight, last = 0, 0, None
    for write, version in _settled(_lines(path), until or datetime.max.replace(tzinfo=UTC)):
        documents.setdefault(write.collection, {}).setdefault(write.id, []).append(version)
        if version.certain:
            certain, last = certain + 1, version.at
        else:
            in_flight += 1
    return History(documents, certain, in_flight, last)


class _Line(NamedTuple):
    number: int
    state: _State
    at: datetime
    write: Write


def _settled(lines: Iterable[_Line], until: datetime) -> Iterator[tuple[Write, Version]]:
    """Pair each intent with its acknowledgement, and say which writes are certain by `until`."""
    pending: _Line | None = None
    for line in lines:
        if line.at > until:
            break
        if pending and (line.state == "intent" or line.write != pending.write):
            yield _version(pending)
            pending = None
        if line.state == "intent":
            pending = line
        else:
            pending = None
            yield _version(line)
    if pending:
        yield _version(pending)


def _version(line: _Line) -> tuple[Write, Version]:
    return line.write, Version(line.number, line.at, line.write.sha256, line.state == "done")


def _lines(path: Path) -> Iterator[_Line]:
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                if text.endswith(b"\n"):  # a last line without an end is torn: its writer was killed
                    yield _parse(path, number, text)
    except OSError as error:
        raise DrxError(f"the ledger {path} cannot be read: {error.strerror}", "Seed the sandbox first") from error


_LINE = re.compile(
    r'\{"at": "([^"]+)", "state": "(intent|done)", "op": "(insert|update|delete)", "collection": "([^"]+)", '
    r'"id": (.+), "sha256": (?:null|"([0-9a-f]+)")\}\n'
)
"""What `_line` writes; several times as fast to read as JSON in general."""


def _parse(path: Path, number: int, text: bytes) -> _Line:
    try:
        found = _LINE.fullmatch(text.decode())
        if not found:
            raise ValueError("it has another form")
        at, state, operation, collection, name, digest = found.groups()
        write = Write(cast(Operation, operation), collection, name, digest)
        return _Line(number, cast(_State, state), datetime.fromisoformat(at), write)
    except ValueError as error:
        raise DrxError(f"{path}:{number}: not a line of a ledger: {error}", "Seed the sandbox anew") from error


def _line(state: _State, at: str, write: Write) -> bytes:
    digest = "null" if write.sha256 is None else f'"{write.sha256}"'
    return (
        f'{{"at": "{at}", "state": "{state}", "op": "{write.op}", "collection": "{write.collection}", '
        f'"id": {write.id}, "sha256": {digest}}}\n'
    ).encode()


def _now() -> str:
    return show_time(datetime.now(UTC))


def _drop_torn_line(path: Path) -> None:
    if not path.exists():
        return
    with path.open("rb+") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
