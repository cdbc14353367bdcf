"""Tell from the oplog what happened to a database: drops, renames, mass deletes and mass updates. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from bson import Timestamp, decode

from drx.backup.commands import logical_name
from drx.backup.entry import Entry, first_field, parse, position_of, timestamp_of
from drx.backup.manifest import PLAIN
from drx.backup.transactions import committed
from drx.errors import StepError

KINDS = ("drop", "dropDatabase", "rename", "mass_delete", "mass_update")

_COMMANDS = {"drop": "drop", "dropDatabase": "dropDatabase", "renameCollection": "rename"}
_RUNS = {"d": "mass_delete", "u": "mass_update"}
_PAUSE_SECONDS = 5


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
class _Run:
    """Deletes, or updates, that follow one another on one namespace."""

    first: int
    last: int
    count: int


def find_events(
    entries: Iterable[bytes],
    *,
    kinds: Collection[str],
    database: str,
    since: Timestamp,
    mass: int = 1000,
) -> list[Event]:
    """Find the events of these kinds that began at `since` or later, oldest first.

    At least `mass` documents deleted (or updated) on one namespace with no pause of more than five seconds make a
    mass delete (or update). Memory grows with the namespaces and the events, not with the entries.

    Raises StepError for a kind that is none.
    """
    for kind in kinds:
        if kind not in KINDS:
            raise StepError(f"'{kind}' is no kind of event", f"Use {', '.join(KINDS)}")
    runs: dict[tuple[str, str], _Run] = {}
    events: list[Event] = []
    for entry in committed(map(parse, entries)):
        if entry.database != database or entry.position < position_of(since):
            continue
        if entry.op in _RUNS:
            _extend(runs, events, entry, mass)
        elif entry.op == "c":
            kind = _COMMANDS.get(first_field(entry.o), "")
            if kind:
                events.append(_event(entry.position, kind, *_described(entry)))
    for (op, namespace), run in runs.items():
        _close(events, op, namespace, run, mass)
    return sorted((event for event in events if event.kind in kinds), key=lambda event: (event.ts, event.kind))


def _extend(runs: dict[tuple[str, str], _Run], events: list[Event], entry: Entry, mass: int) -> None:
    key = (entry.op, f"{entry.database}.{logical_name(entry.collection)}")
    run = runs.get(key)
    if run and (entry.position >> 32) - (run.last >> 32) <= _PAUSE_SECONDS:
        run.last = entry.position
        run.count += 1
        return
    if run:
        _close(events, *key, run, mass)
    runs[key] = _Run(entry.position, entry.position, 1)


def _close(events: list[Event], op: str, namespace: str, run: _Run, mass: int) -> None:
    if run.count >= mass:
        events.append(_event(run.first, _RUNS[op], namespace, run.count))


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
