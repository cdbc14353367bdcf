"""Tell from the oplog what happened to a database: drops, renames, mass deletes and mass updates. Pure."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bson import Timestamp

from drx.backup.oplog.changed_field import changed_field
from drx.backup.oplog.commands import comes_here, logical_name
from drx.backup.oplog.entry import (
    NS,
    NS_AT,
    OBJECT,
    OP,
    UI,
    UI_BYTES,
    Entry,
    decoded,
    first_field,
    parse,
    position_after,
    position_in,
    position_of,
    text_in,
    timestamp_of,
)
from drx.backup.oplog.transactions import committed
from drx.errors import StepError

KINDS = ("drop", "dropDatabase", "rename", "mass_delete", "mass_update")

_COMMANDS = {"drop": "drop", "dropDatabase": "dropDatabase", "renameCollection": "rename"}
_RUNS = {"d": "mass_delete", "u": "mass_update"}
_PAUSE_SECONDS = 5
_BUSY_SHARE = 60
_ANY_POSITION = 1 << 64
_MOST_FIELDS = 200
"""Fields of one collection that are counted one by one; names made of data would be without end."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened: `ts` is its first operation, so a restore to just before `ts` undoes all of it.

    `count` is the number of documents, where the oplog tells. A rename's namespace is the old one, and `to` the new
    one: what had that name is gone. `field` is what a mass update changed, by which it is told apart from everyday
    updates; "" where it changed this and that.
    """

    ts: Timestamp
    kind: str
    namespace: str
    count: int | None
    at: datetime
    field: str = ""
    to: str = ""

    @property
    def struck(self) -> str:
        """What it struck, in words: the namespace, and the field or the new name where there is one."""
        if self.to:
            return f"{self.namespace} to {self.to}"
        return f"{self.namespace} ({self.field})" if self.field else self.namespace

    @property
    def names(self) -> tuple[str, ...]:
        """The namespaces that it struck."""
        return (self.namespace, self.to) if self.to else (self.namespace,)


@dataclass(slots=True)
class _Second:
    """Deletes, or updates, on one namespace within one second."""

    second: int
    first: int
    count: int = 0


class _Runs:
    """Finds runs of busy seconds, so that slow steady traffic before and after is left out."""

    def __init__(self, mass: int) -> None:
        self._mass = mass
        self._busy = max(1, mass // _BUSY_SHARE)
        self._before = _Second(0, 0)
        self._run: _Second | None = None  # `second` is its last busy one
        self._found: list[_Second] = []

    def add(self, now: _Second) -> None:
        """Take what happened within one second; seconds come in order."""
        before, run = self._before, self._run
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

    def finish(self) -> list[_Second]:
        """Give the runs that were large enough, each as its last second, its first position and its count."""
        self._close_run()
        return self._found

    def _close_run(self) -> None:
        if self._run and self._run.count >= self._mass:
            self._found.append(self._run)
        self._run = None


class _Traffic:
    """Deletes, or updates, of one collection: all of them together, and updates also by the field that they change.

    One mass update changes the same field everywhere, mostly another one than everyday updates do.
    """

    def __init__(self, kind: str, namespace: str, mass: int) -> None:
        self._kind, self._namespace, self._mass = kind, namespace, mass
        self._all = _Runs(mass)
        self._by_field: dict[str, _Runs] = {}
        self._second = 0
        self._now: dict[str, _Second] = {}

    def add(self, position: int, field: str) -> None:
        """Count one operation."""
        if position >> 32 != self._second:
            self._close_second()
            self._second = position >> 32
        now = self._now.get(field)
        if now is None:
            name = field if len(self._now) < _MOST_FIELDS else ""
            now = self._now.setdefault(name, _Second(self._second, position))
        now.count += 1

    def finish(self) -> Iterator[Event]:
        """Give the runs of one field each, and those that these do not account for: nothing hides behind another."""
        self._close_second()
        told = [(field, run) for field, runs in self._by_field.items() for run in runs.finish()]
        for field, run in told:
            yield _event(run.first, self._kind, self._namespace, run.count, field)
        for run in self._all.finish():
            within = (other for _, other in told if run.first >> 32 <= other.second and other.first >> 32 <= run.second)
            if run.count - sum(other.count for other in within) >= self._mass:
                yield _event(run.first, self._kind, self._namespace, run.count)

    def _close_second(self) -> None:
        if not self._now:
            return
        first = min(now.first for now in self._now.values())
        self._all.add(_Second(self._second, first, sum(now.count for now in self._now.values())))
        for field, now in self._now.items():
            if field and (field in self._by_field or len(self._by_field) < _MOST_FIELDS):
                self._by_field.setdefault(field, _Runs(self._mass)).add(now)
        self._now = {}


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
    no pause of more than five seconds, make a mass delete (or update). Updates that change different fields are told
    apart, so that a migration among everyday writes begins where it began. Memory grows with the namespaces, their
    fields up to a bound, and the events, not with the entries.

    Raises StepError for a kind that is none.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise StepError(f"'{kind}' is no kind of event", f"Use {', '.join(KINDS)}")
    finder = _Finder(database, position_of(since), mass)
    for entry in committed(map(parse, finder.skim(entries)), _ANY_POSITION):
        finder.take(entry)
    events = finder.finish()
    return sorted((event for event in events if event.kind in kinds), key=lambda event: (event.ts, event.kind))


class _Finder:
    """Collects the events of one database, entry by entry."""

    def __init__(self, database: str, since: int, mass: int) -> None:
        self._database, self._since, self._mass = database, since, mass
        self._traffic: dict[tuple[str, str], _Traffic | None] = {}
        self._events: list[Event] = []

    def skim(self, entries: Iterable[bytes]) -> Iterator[bytes]:
        """Count plain deletes and updates at a glance, leave inserts out, and pass all else on.

        Most entries are such, and need not be taken apart. They stand alone: those of a transaction are in a command.
        """
        known: dict[bytes, _Traffic | None] = {}  # by what stands there
        for raw in entries:
            if raw.startswith(OP, 4) and raw.startswith(NS, NS_AT):
                op = raw[NS_AT - 2 : NS_AT - 1]
                if op in (b"u", b"d"):
                    length = int.from_bytes(raw[NS_AT + 4 : NS_AT + 8], "little")
                    end = NS_AT + 8 + length
                    update = _update_at(raw, end) if op == b"u" else 0
                    if update is not None:
                        head = raw[NS_AT - 2 : end]
                        if head not in known:
                            known[head] = self._traffic_of(op.decode(), text_in(raw, NS_AT + 8, end - 1))
                        found = known[head]
                        if found:
                            position = position_after(raw, end) or position_in(raw)
                            if position >= self._since:
                                found.add(position, changed_field(raw, update) if update else "")
                        continue
                elif op in (b"i", b"n"):
                    continue
            yield raw

    def take(self, entry: Entry) -> None:
        """Judge one operation."""
        if entry.op in _RUNS:
            field = changed_field(entry.o) if entry.op == "u" else ""
            self._count(entry.op, entry.namespace, entry.position, field)
        elif entry.op == "c" and entry.position >= self._since:
            kind = _COMMANDS.get(first_field(entry.o), "")
            if kind and (entry.database == self._database or comes_here(entry, self._database)):
                self._events.append(_described(entry, kind))

    def finish(self) -> list[Event]:
        """Give what was found, in no order."""
        for found in self._traffic.values():
            self._events += found.finish() if found else []
        return self._events

    def _count(self, op: str, namespace: str, position: int, field: str) -> None:
        found = self._traffic_of(op, namespace)
        if found and position >= self._since:
            found.add(position, field)

    def _traffic_of(self, op: str, namespace: str) -> _Traffic | None:
        if (op, namespace) not in self._traffic:
            database, _, collection = namespace.partition(".")
            name = f"{database}.{logical_name(collection)}"
            ours = database == self._database
            self._traffic[op, namespace] = _Traffic(_RUNS[op], name, self._mass) if ours else None
        return self._traffic[op, namespace]


def _update_at(raw: bytes, position: int) -> int | None:
    """Where the update of an entry begins, the collection's UUID before it; None where something else stands there."""
    if raw.startswith(UI, position):
        position += UI_BYTES
    return position + len(OBJECT) if raw.startswith(OBJECT, position) else None


def _described(entry: Entry, kind: str) -> Event:
    """Name what a command struck, and how many documents it took along, where the server noted that."""
    command = decoded(entry.o)
    match first_field(entry.o):
        case "drop":
            count = decoded(entry.o2).get("numRecords") if entry.o2 else None
            name = f"{entry.database}.{logical_name(str(command['drop']))}"
            return _event(entry.position, kind, name, count if isinstance(count, int) else None)
        case "renameCollection":
            renamed = _event(entry.position, kind, str(command["renameCollection"]), None)
            return replace(renamed, to=str(command.get("to", "")))
        case _:
            return _event(entry.position, kind, entry.database, None)


def _event(position: int, kind: str, namespace: str, count: int | None, field: str = "") -> Event:
    return Event(timestamp_of(position), kind, namespace, count, datetime.fromtimestamp(position >> 32, UTC), field)
