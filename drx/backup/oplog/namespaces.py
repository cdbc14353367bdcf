"""Follow the collections of one database through the oplog's commands, by identity. Pure; holds no documents itself.

Commands that change documents only touch `Changes`. Source: `kOpsMap` of the servers' oplog application.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from drx.backup.format.identity import id_key
from drx.backup.oplog.effects import Budget
from drx.backup.oplog.entry import Entry, timestamp_of
from drx.backup.oplog.plan import BaseCollection, Changes, CollectionPlan
from drx.errors import StepError

BUCKETS = "system.buckets."
VIEWS = "system.views"


@dataclass(slots=True, eq=False)
class Collection:
    """One collection at the moment the fold has reached.

    `origin` is None once nothing of the base is left in it. `open` says that the server may name it by a UUID not yet
    seen: the embedded server gives a new one on rename, and an old dump has none.
    """

    name: str
    uuid: bytes | None
    options: dict[str, object]
    indexes: dict[str, Mapping[str, object]]
    type: str | None
    origin: str | None
    changes: Changes
    open: bool = False


class Namespaces:
    """The collections of a database, by name and by UUID.

    A collection that existed only before the base was listed is kept by its UUID alone: its entries must lead
    somewhere, and lead to nothing.
    """

    def __init__(
        self, database: str, base: Sequence[BaseCollection], consistent_from: int, budget: Budget | None = None
    ) -> None:
        self._budget = budget or Budget()
        self.database = database
        self.consistent_from = consistent_from
        self.by_name: dict[str, Collection] = {}
        self._by_uuid: dict[bytes, Collection] = {}
        for item in base:
            indexes = {str(index["name"]): index for index in item.indexes}
            collection = Collection(
                item.name, item.uuid, dict(item.options), indexes, item.type, item.name,
                self.changes_of(item.name), open=item.uuid is None,
            )  # fmt: skip
            self._enter(collection)

    def plans(self) -> tuple[CollectionPlan, ...]:
        """Give the collections that exist now, by name."""
        return tuple(
            CollectionPlan(
                item.name,
                item.options,
                tuple(item.indexes.values()),
                item.type,
                item.origin,
                item.changes,
                item.uuid,
                item.open,
            )
            for _, item in sorted(self.by_name.items())
        )

    def changes_of(self, name: str) -> Changes:
        """Begin an empty record of changes."""
        return Changes(f"{self.database}.{name}", self.consistent_from, self._budget)

    def find(self, name: str, uuid: bytes | None) -> Collection | None:
        """Find a collection: by UUID where the entry has one that is known, else by name."""
        known = self._by_uuid.get(uuid) if uuid else None
        if known:
            return known
        collection = self.by_name.get(name)
        if collection is None or uuid is None:
            return collection
        if not collection.open:
            return None
        collection.uuid, collection.open = uuid, False
        self._by_uuid[uuid] = collection
        return collection

    def written(self, name: str, entry: Entry) -> Collection:
        """Find the collection an entry writes to; an insert or an index may create one without saying so.

        Raises StepError where it must have been there, or where another of that name is in the way.
        """
        found = self.find(name, entry.uuid)
        if found is None and entry.op not in ("i", "c"):
            self._refuse_after_base(entry, f"changes a document of {self.database}.{name}, which is not there,")
        return found or self.create(name, entry, {}, None)

    def create(self, name: str, entry: Entry, options: dict[str, object], kind: str | None) -> Collection:
        """Create a collection, unless the base was taken after that and has it."""
        found = self.find(name, entry.uuid)
        if found:
            return found
        collection = Collection(
            name, entry.uuid, options, {}, kind, None, self.changes_of(name), open=entry.uuid is None
        )  # fmt: skip
        if kind is None:  # the buckets of a time series are clustered by their `_id`
            collection.indexes["_id_"] = {"key": {"_id": 1}, "name": "_id_"}
        if name in self.by_name:
            self._refuse_after_base(entry, f"writes to another {self.database}.{name} than the one that is there")
            self._by_uuid[entry.uuid or b""] = collection  # gone, or renamed, before the base was listed
        else:
            self._enter(collection)
        return collection

    def drop(self, name: str, uuid: bytes | None) -> None:
        """Drop a collection; one that is not there is no damage."""
        collection = self.find(name, uuid)
        if collection:
            self._leave(collection)

    def drop_views(self) -> None:
        """Drop every view, as whoever drops the collection that they are kept in."""
        self.by_name = {name: found for name, found in self.by_name.items() if found.type != "view"}

    def drop_all(self) -> None:
        """Drop the database."""
        self.by_name.clear()
        self._by_uuid.clear()

    def rename(self, entry: Entry, source: str, target: str, dropped: bytes | None) -> None:
        """Give a collection another name, over whatever has that name.

        Raises StepError where the base was being read from it meanwhile: what the base holds is then unknown.
        """
        collection = self.find(source, entry.uuid)
        existing = self.by_name.get(target)
        before_base = entry.position <= self.consistent_from
        if collection is existing:
            return  # listed after the rename; or both unknown: the embedded server notes no creation of an empty one
        if before_base and existing and existing.origin and existing.uuid != dropped:
            if collection:  # the base lists the renamed one: what was written to it before belongs there
                self._leave(collection)
                existing.changes = collection.changes
            return
        if collection is None:
            self._refuse_after_base(entry, f"renames {self.database}.{source}, which is not there,")
            return
        if before_base and collection.origin:
            at = timestamp_of(entry.position)
            raise StepError(
                f"{self.database}.{source} was renamed at {at.time}.{at.inc}, while the base was being taken",
                "Take a new base, or restore from another one",
            )
        if existing:
            self._leave(existing)
        self._leave(collection)
        collection.name, collection.open = target, True
        collection.changes.namespace = f"{self.database}.{target}"
        self._enter(collection)

    def empty(self, collection: Collection) -> None:
        """Forget every document of a collection, those of the base too."""
        collection.changes, collection.origin = self.changes_of(collection.name), None

    def _enter(self, collection: Collection) -> None:
        self.by_name[collection.name] = collection
        if collection.uuid:
            self._by_uuid[collection.uuid] = collection

    def _leave(self, collection: Collection) -> None:
        if self.by_name.get(collection.name) is collection:
            del self.by_name[collection.name]
        if collection.uuid:
            self._by_uuid.pop(collection.uuid, None)

    def _refuse_after_base(self, entry: Entry, what: str) -> None:
        if entry.position > self.consistent_from:
            at = timestamp_of(entry.position)
            raise StepError(
                f"the oplog at {at.time}.{at.inc} {what} and the entries before it do not say why",
                "The archived oplog has a gap: restore from a base taken after it, or to a time before it",
            )


def identity_of(entry: Entry) -> bytes:
    """Return the `_id` element of the document an entry names."""
    return id_key(entry.o2 if entry.op == "u" and entry.o2 else entry.o)
