"""Tell from the oplog what happened to a database: drops, renames, mass deletes and mass updates. Pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from bson import Timestamp, decode

from drx.backup.commands import logical_name
from drx.backup.entry import Entry, first_field, parse, position_in, position_of, timestamp_of
from drx.backup.manifest import PLAIN
from drx.backup.transactions import committed
from drx.errors import StepError

KINDS = ("drop", "dropDatabase", "rename", "mass_delete", "mass_update")

_COMMANDS = {"drop": "drop", "dropDatabase": "dropDatabase", "renameCollection": "rename"}
_RUNS = {"d": "mass_delete", "u": "mass_update"}
_OP, _NS, _NS_AT = b"\x02op\0\x02\0\0\0", b"\x02ns\0", 14  # how servers begin an entry: op of one letter, then ns
_PAUSE_SECONDS = 5
_BUSY_SHARE = 60


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: `ts` is its first operation, so a restore to just before `ts` undoes all of it.

    `count` is the number of documents, where the oplog tells. A rename's namespace is the old one.
    """

    ts: Timestamp
    kind: str
    namespace: str
    count: int | None
    at: datetime


@dataclass(slots=True)
class _Second:
    """Deletes, or updates, on one namespace within one second."""

    second: int
    first: int
    count: int = 0


class _Runs:
    """Finds runs of busy seconds on one namespace, so that steady traffic before and after is left out."""

    def __init__(self, kind: str, namespace: str, mass: int) -> None:
        self._kind, self._namespace, self._mass = kind, namespace, mass
        self._busy = max(1, mass // _BUSY_SHARE)
        self._before = self._now = _Second(0, 0)
        self._run: _Second | None = None  # `second` is its last busy one
        self.events: list[Event] = []

    def add(self, position: int) -> None:
        """Count one operation."""
        if position >> 32 != self._now.second:
            self._close_second()
            self._now = _Second(position >> 32, position)
        self._now.count += 1

    def finish(self) -> list[Event]:
        """Give the runs that were large enough."""
        self._close_second()
        self._close_run()
        return self.events

    def _close_second(self) -> None:
        now, before, run = self._now, self._before, self._run
        if run and now.second - run.second > _PAUSE_SECONDS:
            self._close_run()
            run = None
        if run:
            run.count += now.count
            run.second = now.second if now.count >= self._busy else run.second
        elif now.count >= self._busy:
            self._run = _Second(now.second, now.first, now.count)
            if before.second == now.second - 1:  # it may have begun at the end of that second
                self._run.first, self._run.count = before.first, before.count + now.count
        self._before = now

    def _close_run(self) -> None:
        if self._run and self._run.count >= self._mass:
            self.events.append(_event(self._run.first, self._kind, self._namespace, self._run.count))
        self._run = None


def find_events(
    entries: Iterable[bytes],
    *,
    kinds: Collection[str],
    database: str,
    since: Timestamp,
    mass: int = 1000,
) -> list[Event]:
    """Find the events of these kinds that began at `since` or later, oldest first.

    At least `mass` documents deleted (or updated) on one namespace, at a sixtieth of that a second or faster and with
    no pause of more than five seconds, make a mass delete (or update). Memory grows with the namespaces and the
    events, not with the entries.

    Raises StepError for a kind that is none.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise StepError(f"'{kind}' is no kind of event", f"Use {', '.join(KINDS)}")
    finder = _Finder(database, position_of(since), mass)
    for entry in committed(map(parse, finder.skim(entries))):
        finder.take(entry)
    events = finder.finish()
    return sorted((event for event in events if event.kind in kinds), key=lambda event: (event.ts, event.kind))


class _Finder:
    """Collects the events of one database, entry by entry."""

    def __init__(self, database: str, since: int, mass: int) -> None:
        self._database, self._since, self._mass = database, since, mass
        self._runs: dict[tuple[str, str], _Runs | None] = {}
        self._events: list[Event] = []

    def skim(self, entries: Iterable[bytes]) -> Iterator[bytes]:
        """Count plain deletes and updates at a glance, leave inserts out, and pass all else on.

        Most entries are such, and need not be taken apart. They stand alone: those of a transaction are in a command.
        """
        for raw in entries:
            if raw.startswith(_OP, 4) and raw.startswith(_NS, _NS_AT):
                op = raw[_NS_AT - 2 : _NS_AT - 1]
                if op in (b"u", b"d"):
                    length = int.from_bytes(raw[_NS_AT + 4 : _NS_AT + 8], "little")
                    namespace = raw[_NS_AT + 8 : _NS_AT + 7 + length].decode()
                    self._count(op.decode(), namespace, position_in(raw))
                    continue
                if op in (b"i", b"n"):
                    continue
            yield raw

    def take(self, entry: Entry) -> None:
        """Judge one operation."""
        if entry.op in _RUNS:
            self._count(entry.op, entry.namespace, entry.position)
        elif entry.op == "c" and entry.database == self._database and entry.position >= self._since:
            kind = _COMMANDS.get(first_field(entry.o), "")
            if kind:
                self._events.append(_event(entry.position, kind, *_described(entry)))

    def finish(self) -> list[Event]:
        """Give what was found, in no order."""
        for found in self._runs.values():
            self._events += found.finish() if found else []
        return self._events

    def _count(self, op: str, namespace: str, position: int) -> None:
        if position < self._since:
            return
        if (op, namespace) not in self._runs:
            database, _, collection = namespace.partition(".")
            name = f"{database}.{logical_name(collection)}"
            self._runs[op, namespace] = _Runs(_RUNS[op], name, self._mass) if database == self._database else None
        found = self._runs[op, namespace]
        if found:
            found.add(position)


def _described(entry: Entry) -> tuple[str, int | None]:
    """Name what a command struck, and how many documents it took along, where the server noted that."""
    command = decode(entry.o, PLAIN)
    match first_field(entry.o):
        case "drop":
            count = decode(entry.o2, PLAIN).get("numRecords") if entry.o2 else None
            return f"{entry.database}.{logical_name(str(command['drop']))}", count if isinstance(count, int) else None
        case "renameCollection":
            return str(command["renameCollection"]), None
        case _:
            return entry.database, None


def _event(position: int, kind: str, namespace: str, count: int | None) -> Event:
    return Event(timestamp_of(position), kind, namespace, count, datetime.fromtimestamp(position >> 32, UTC))
