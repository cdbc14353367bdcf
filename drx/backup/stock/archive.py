"""A stock dump that is one file: an archive, in which the documents of several collections take turns.

    6d e2 99 81                             magic
    {concurrent_collections, version, ...}  header, BSON
    {db, collection, metadata, size, type}  one for each collection; then ff ff ff ff
    {db, collection, EOF, CRC}              begins a block; then documents; then ff ff ff ff

The block that closes a collection has EOF: true and the CRC-64/XZ of all its documents.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bson import decode
from bson.errors import InvalidBSON
from fastcrc import crc64

from drx.backup.format.manifest import PLAIN
from drx.backup.format.metadata import Metadata, metadata_from_json
from drx.backup.oplog.namespaces import BUCKETS
from drx.backup.stock.dump import Namespace, StockCollection, is_restored
from drx.backup.stock.streams import PIECE_BYTES, PIECE_DOCUMENTS, Stream, stream
from drx.errors import StoreError

_MAGIC = b"\x6d\xe2\x99\x81"
_TERMINATOR = b"\xff\xff\xff\xff"
_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Archive:
    """See `Dump`."""

    path: Path
    collections: tuple[StockCollection, ...]
    left_out: tuple[str, ...]
    expected: frozenset[Namespace]
    """Every namespace whose documents have to be closed before the archive ends."""
    listed: frozenset[Namespace]
    """Every namespace that may have documents."""

    @property
    def name(self) -> str:
        return str(self.path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read what an archive says of itself, up to its first document.

        Raises StoreError for a file that is no archive.
        """
        with stream(path) as source:
            entries = _prelude(source)
            named = Counter((entry["db"], entry["collection"]) for entry in entries)
            for namespace, times in named.items():
                if times > 1:
                    raise source.damaged(f"it lists {_shown(namespace)} more than once")
        found = [_collection(entry, path) for entry in entries if entry["db"]]
        kept = sorted((each for each in found if is_restored(*each.namespace)), key=lambda each: each.namespace)
        left_out = sorted(".".join(each.namespace) for each in found if not is_restored(*each.namespace))
        views = {each.namespace for each in found if each.is_view}
        expected = frozenset(
            (entry["db"], _source(entry)) for entry in entries if (entry["db"], entry["collection"]) not in views
        )
        return cls(path, tuple(kept), tuple(left_out), expected, expected | views)

    def documents(self, wanted: Collection[Namespace]) -> Iterator[tuple[Namespace, list[bytes]]]:
        visible = {
            (each.database, f"{BUCKETS}{each.name}"): each.namespace
            for each in self.collections
            if each.metadata.type == "timeseries"
        }
        with stream(self.path) as source:
            source.checked = True  # by the CRC of each collection
            _prelude(source)
            sums: dict[Namespace, int] = {}
            closed: set[Namespace] = set()
            while not source.at_end():
                header = _decoded(source, source.document())
                namespace = (str(header.get("db")), str(header.get("collection")))
                if namespace not in self.listed:
                    raise source.damaged(
                        f"it holds documents of {_shown(namespace) or 'nothing'}, which it does not list"
                    )
                if namespace in closed:
                    raise source.damaged(f"{_shown(namespace)} goes on after its end")
                shown = visible.get(namespace, namespace)
                for piece in _block(source):
                    packed = b"".join(piece)
                    sums[namespace] = crc64.xz(packed, sums[namespace]) if namespace in sums else crc64.xz(packed)
                    if shown in wanted:
                        yield shown, piece
                if header.get("EOF"):
                    _close(source, namespace, sums.pop(namespace, 0), header.get("CRC"))
                    closed.add(namespace)
            if missing := sorted(self.expected.difference(closed) | sums.keys()):
                raise source.damaged(f"it ends before {_shown(missing[0])} does")


def _prelude(source: Stream) -> list[dict[str, Any]]:
    """Read magic, header and the list of collections."""
    if source.at_end() or source.take(4) != _MAGIC:
        raise StoreError(
            f"{source.name} is no archive of mongodump", "Name the file that `mongodump --archive=FILE` wrote"
        )
    _decoded(source, source.document())
    entries = []
    while (head := source.take(4)) != _TERMINATOR:
        entry = _decoded(source, source.document(head))
        if not isinstance(entry.get("db"), str) or not isinstance(entry.get("collection"), str):
            raise source.damaged("an entry of its list of collections names none")
        entries.append(entry)
    return entries


def _collection(entry: dict[str, Any], path: Path) -> StockCollection:
    where = f"{path}, the metadata of {entry['db']}.{entry['collection']},"
    text = str(entry.get("metadata") or "{}")
    said = metadata_from_json(text.encode(), where)
    kind = said.type or (entry.get("type") if entry.get("type") not in (None, "", "collection") else None)
    metadata = Metadata(said.name, kind, said.uuid, said.options, said.indexes)
    return StockCollection(entry["db"], entry["collection"], metadata)


def _source(entry: dict[str, Any]) -> str:
    name = str(entry["collection"])
    return f"{BUCKETS}{name}" if entry.get("type") == "timeseries" else name


def _block(source: Stream) -> Iterator[list[bytes]]:
    """Read the documents up to the end of a block, some at a time."""
    piece: list[bytes] = []
    size_bytes = 0
    while (head := source.take(4)) != _TERMINATOR:
        document = source.document(head)
        piece.append(document)
        size_bytes += len(document)
        if size_bytes >= PIECE_BYTES or len(piece) >= PIECE_DOCUMENTS:
            yield piece
            piece, size_bytes = [], 0
    if piece:
        yield piece


def _close(source: Stream, namespace: Namespace, found: int, stated: object) -> None:
    if not isinstance(stated, int) or found != stated & _MASK:
        raise source.damaged(f"the check sum of {_shown(namespace)} differs from that of its documents")


def _decoded(source: Stream, document: bytes) -> dict[str, Any]:
    try:
        return dict(decode(document, PLAIN))
    except (InvalidBSON, ValueError, UnicodeDecodeError) as error:
        raise source.damaged(f"before byte {source.place:,} stands no BSON: {error}") from None


def _shown(namespace: Namespace) -> str:
    return ".".join(part for part in namespace if part)
