"""Tell from what is archived of the oplog, and from the live one, what happened to a database. Only reads."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import dropwhile

from bson import Timestamp

from drx.backup.format.catalog import list_bases, list_slices
from drx.backup.format.manifest import Manifest
from drx.backup.oplog.capture import Client, newest_position, read_oplog
from drx.backup.oplog.entry import position_in, position_of
from drx.backup.oplog.history import Event, find_events
from drx.backup.oplog.moments import until_after
from drx.backup.oplog.slices import find_chain, read_chain
from drx.backup.stores.base import Store
from drx.errors import DamagedError, PermanentError, StepError

_LOOK_EVERY = 1000


@dataclass
class Past:
    """What was found, and where it was looked."""

    events: list[Event] = field(default_factory=list)
    archived: list[tuple[Timestamp, Timestamp]] = field(default_factory=list)
    """From when to when the archive was read."""
    entries: int = 0
    live_until: Timestamp | None = None
    """Up to where the live oplog was read, where it was."""
    live_problem: str = ""
    """Why it was not."""
    damaged: list[str] = field(default_factory=list)
    """Manifests that cannot be read: what only they lead to was not looked at."""

    @property
    def archived_until(self) -> Timestamp:
        """Up to where the archive speaks."""
        return self.archived[-1][1]

    def is_archived(self, event: Event) -> bool:
        """Whether the archive holds the event's first operation, so that it can be restored to just before it."""
        return any(start <= event.ts <= end for start, end in self.archived)


def look_back(
    store: Store,
    service: str,
    database: str,
    *,
    since: Timestamp,
    kinds: Collection[str],
    client: Client | None,
    check: Callable[[], None] = lambda: None,
) -> Past:
    """Find the events since a moment in the archive and, with a client, in the live oplog after it.

    Memory grows with what is found, not with what is read. Raises PermanentError without a base of the database,
    StoreError where a piece of the archive is damaged.
    """
    past = Past()
    reading = _Reading(store, service, database, since, past, check)
    past.events = find_events(reading.all(client), kinds=kinds, database=database, since=since)
    return past


@dataclass
class _Reading:
    store: Store
    service: str
    database: str
    since: Timestamp
    past: Past
    check: Callable[[], None]

    def all(self, client: Client | None) -> Iterator[bytes]:
        """Give every entry that may matter, in order, each once.

        The archive is read from bases on, for a transaction has to be read from its beginning.
        """
        bases, slices = self._bases(), list_slices(self.store, self.service, self._skip)
        start: Manifest | None = next((base for base in reversed(bases) if base.end <= self.since), bases[0])
        while start:
            yield from self._archived(start, find_chain(start, slices).end)
            reached = self.past.archived_until
            start = next((base for base in bases if base.end > reached), None)
        if client is not None:
            yield from self._live(client)

    def _bases(self) -> tuple[Manifest, ...]:
        readable = list_bases(self.store, self.service, self._skip)
        bases = tuple(base for base in readable if base.database == self.database)
        if not bases:
            raise PermanentError(
                f"{self.store.describe()} holds no base of {self.service} with the database {self.database}"
                + "".join(f"; {each}" for each in self.past.damaged[:1]),
                "Look into a copy of the store",
            )
        return bases

    def _skip(self, damage: DamagedError) -> None:
        self.past.damaged.append(damage.message)

    def _archived(self, base: Manifest, end: Timestamp) -> Iterator[bytes]:
        after = position_of(self.past.archived_until) if self.past.archived else -1
        self.past.archived.append((base.start, end))
        entries = self._counted(read_chain(self.store, self.service, base, until_after(end), lambda _: None))
        yield from dropwhile(lambda raw: position_in(raw) <= after, entries)

    def _live(self, client: Client) -> Iterator[bytes]:
        after = self.past.archived_until
        try:
            until = newest_position(client)
            entries = self._counted(read_oplog(client, self.database, after))
            yield from dropwhile(lambda raw: position_in(raw) <= position_of(after), entries)
        except StepError as error:
            self.past.live_problem = error.message
        else:
            self.past.live_until = until

    def _counted(self, entries: Iterable[bytes]) -> Iterator[bytes]:
        for raw in entries:
            if self.past.entries % _LOOK_EVERY == 0:
                self.check()
            self.past.entries += 1
            yield raw
