"""What a stock dump holds, whichever form it has, and the pass that reads all of it before anything is restored."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

from drx.backup.format.digest import Digest, digest_of
from drx.backup.format.metadata import Metadata
from drx.backup.format.names import is_dumped

Namespace = tuple[str, str]
"""Database and collection, both by their true names."""

OPLOG: Namespace = ("", "oplog")
"""The namespace of a dump's oplog."""


@dataclass(frozen=True, slots=True)
class StockCollection:
    """One collection or view of a dump, as its metadata describe it."""

    database: str
    name: str
    metadata: Metadata

    @property
    def namespace(self) -> Namespace:
        """Database and collection."""
        return self.database, self.name

    @property
    def is_view(self) -> bool:
        """Whether it has no documents of its own; old tools say so by its options alone."""
        return self.metadata.type == "view" or "viewOn" in self.metadata.options


class Dump(Protocol):
    """A stock dump on disk."""

    @property
    def name(self) -> str:
        """Where it lies, for people."""

    @property
    def collections(self) -> tuple[StockCollection, ...]:
        """Every collection and view that can be restored, by namespace."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """What it holds besides, which belongs to the server it came from."""

    def documents(self, wanted: Collection[Namespace]) -> Iterator[tuple[Namespace, list[bytes]]]:
        """Read the documents of some namespaces piece by piece, those of each in order; OPLOG is one, too.

        Every check sum on the way is held against its data. Raises DamagedError that names the place.
        """


@dataclass(frozen=True, slots=True)
class Examined:
    """A dump that was read to its end once, and what it holds."""

    dump: Dump
    digests: dict[Namespace, Digest]


def examine(dump: Dump, told: Callable[[int], None], check: Callable[[], None]) -> Examined:
    """Read a whole dump once, so that nothing of a damaged one is ever restored.

    `told` hears how many documents each piece held; `check` may raise to stop. Raises StoreError for damage.
    """
    digests: dict[Namespace, Digest] = {}
    wanted = {collection.namespace for collection in dump.collections} | {OPLOG}
    for namespace, documents in dump.documents(wanted):
        check()
        digests[namespace] = digests.get(namespace, Digest()) + digest_of(documents)
        told(len(documents))
    return Examined(dump, digests)


def is_restored(database: str, collection: str) -> bool:
    """Tell whether a collection belongs to the data, and not to the server: as stock mongorestore has it."""
    return database not in ("admin", "local", "config") and is_dumped(collection)
