"""A stock dump that is a directory: `<database>/<collection>.bson[.gz]`, each with its `.metadata.json[.gz]`."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from drx.backup.format.metadata import Metadata, metadata_from_json
from drx.backup.format.names import escape, unescape
from drx.backup.oplog.namespaces import BUCKETS
from drx.backup.stock.dump import OPLOG, Namespace, StockCollection, is_restored
from drx.backup.stock.streams import pieces, stream
from drx.errors import DamagedError, StoreError

_DATA, _METADATA = ".bson", ".metadata.json"
_LARGEST_METADATA = 64 << 20
_NOTHING = Metadata(None, None, None, {}, ())


@dataclass(frozen=True)
class Directory:
    """See `Dump`."""

    name: str
    collections: tuple[StockCollection, ...]
    left_out: tuple[str, ...]
    files: Mapping[Namespace, Path]
    """Where the documents of each namespace lie; a view has none."""

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read what a directory says of itself: its file names and its metadata.

        It may be the whole dump, or the directory of one database. Raises StoreError where it is neither, or where a
        file contradicts its name.
        """
        databases = [path] if _data_files(path) and not _is_whole(path) else sorted(filter(Path.is_dir, path.iterdir()))
        found: list[StockCollection] = []
        left_out: list[str] = []
        files: dict[Namespace, Path] = {}
        for folder in databases:
            for collection, file in _collections(folder):
                if not is_restored(*collection.namespace):
                    left_out.append(".".join(collection.namespace))
                    continue
                found.append(collection)
                if file:
                    files[collection.namespace] = file
        oplog = path / "oplog.bson"
        if oplog.is_file() and databases != [path]:
            files[OPLOG] = oplog
        if not found and not left_out and OPLOG not in files:
            raise StoreError(
                f"{path} holds no dump", "Name the directory that mongodump wrote: it has one per database"
            )
        found.sort(key=lambda collection: collection.namespace)
        return cls(str(path), tuple(found), tuple(sorted(left_out)), files)

    def documents(self, wanted: Collection[Namespace]) -> Iterator[tuple[Namespace, list[bytes]]]:
        for namespace, path in self.files.items():
            if namespace in wanted:
                with stream(path) as source:
                    for piece in pieces(source):
                        yield namespace, piece


def _is_whole(path: Path) -> bool:
    """Tell a whole dump from the directory of one database: only it holds directories, or an oplog beside them."""
    return any(entry.is_dir() for entry in path.iterdir()) or _data_files(path) == {"oplog": path / "oplog.bson"}


def _collections(folder: Path) -> Iterator[tuple[StockCollection, Path | None]]:
    """Pair data and metadata by their stems; the buckets of a time series are the data of its visible side.

    Raises StoreError where two files are the same collection, or the data of one are not there.
    """
    data = _data_files(folder)
    metadata = {stem: _read(path) for stem, path in _files(folder, _METADATA).items()}
    series = {
        stem: escape(f"{BUCKETS}{unescape(stem, said.name)}")
        for stem, said in metadata.items()
        if said.type == "timeseries"
    }
    stems: dict[str, str] = {}
    for stem in sorted(metadata.keys() | data.keys() - set(series.values())):
        said = metadata.get(stem, _NOTHING)
        name = unescape(stem, said.name)
        if name in stems:
            raise StoreError(
                f"{stem} and {stems[name]} in {folder} are the same collection, {name}", "Take one of them away"
            )
        stems[name] = stem
        collection, source = StockCollection(folder.name, name, said), series.get(stem, stem)
        if source not in data and not collection.is_view and is_restored(*collection.namespace):
            raise DamagedError(
                f"{folder / source}{_DATA} is not there, only its metadata",
                "Copy the dump again from where it was taken; without the metadata file, the rest of it is restored",
            )
        yield collection, data.get(source)


def _data_files(folder: Path) -> dict[str, Path]:
    return _files(folder, _DATA)


def _files(folder: Path, ending: str) -> dict[str, Path]:
    """Find the files with an ending, gzipped or not, by their stems.

    Raises StoreError for a stem that has both, and for one that is no file.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        name = path.name.removesuffix(".gz")
        if not name.endswith(ending):
            continue
        if not path.is_file():
            raise DamagedError(f"{path} is no file, or a link to nothing", "Copy the dump again, with what links name")
        stem = name.removesuffix(ending)
        if stem in found:
            raise StoreError(f"{found[stem]} and {path} are the same collection", "Take one of them away")
        found[stem] = path
    return found


def _read(path: Path) -> Metadata:
    with stream(path) as source:
        return metadata_from_json(source.rest(_LARGEST_METADATA), str(path))
