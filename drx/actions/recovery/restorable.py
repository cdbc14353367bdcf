"""Say which moments a store restores, where another one was asked for. Reads listings and manifests."""

from drx.backup.holdings.inventory import list_all, list_slices_of, moment_of
from drx.backup.holdings.window import find_window, read_oplog
from drx.backup.stores.base import Store

_SPANS = 3


def restorable(store: Store, service: str, database: str) -> str:
    """Give the newest spans as the end of a sentence; nothing where there is none."""
    own = [found for found in list_all(store, service) if found.facts and found.facts.database == database]
    window = find_window(own, read_oplog(list_slices_of(store, service), database))
    spans = [
        f"{moment_of(span.start):%Y-%m-%d %H:%M:%S} to {moment_of(span.end):%Y-%m-%d %H:%M:%S} UTC"
        for span in window.spans[-_SPANS:]
    ]
    return f"; restorable: {', '.join(spans)}" if spans else ""
