"""Write stock dumps for tests, out of the description of their format and of nothing in drx."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bson import encode

POLY = 0xC96C5795D7870F42
TERMINATOR = b"\xff\xff\xff\xff"


def crc64(data: bytes) -> int:
    """CRC-64/XZ, bit by bit."""
    crc = (1 << 64) - 1
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (POLY if crc & 1 else 0)
    return crc ^ ((1 << 64) - 1)


@dataclass
class Written:
    """One collection as mongodump would write it."""

    database: str
    name: str
    documents: list[bytes] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    indexes: list[dict[str, Any]] = field(default_factory=lambda: [{"v": 2, "key": {"_id": 1}, "name": "_id_"}])
    type: str = "collection"

    @property
    def metadata(self) -> str:
        said: dict[str, Any] = {"options": self.options, "indexes": self.indexes, "collectionName": self.name}
        if self.type != "collection":
            said["type"] = self.type
        return json.dumps(said)

    @property
    def source(self) -> str:
        return f"system.buckets.{self.name}" if self.type == "timeseries" else self.name


def directory(
    root: Path, collections: Sequence[Written], *, zipped: bool, oplog: Sequence[bytes] | None = None
) -> Path:
    """Write a dump as a directory; file names need no escaping in these tests, unless they are escaped already."""
    from urllib.parse import quote_plus

    ending = ".gz" if zipped else ""
    pack = gzip.compress if zipped else bytes
    root.mkdir(parents=True)
    (root / f"prelude.json{ending}").write_bytes(pack(b'{"ServerVersion":"7.0.2","ToolVersion":"100.9.0"}'))
    for found in collections:
        folder = root / found.database
        folder.mkdir(exist_ok=True)
        stem, source = quote_plus(found.name, safe=""), quote_plus(found.source, safe="")
        (folder / f"{stem}.metadata.json{ending}").write_bytes(pack(found.metadata.encode()))
        if found.type != "view":
            (folder / f"{source}.bson{ending}").write_bytes(pack(b"".join(found.documents)))
    if oplog is not None:
        (root / "oplog.bson").write_bytes(pack(b"".join(oplog)))
    return root


def archive(
    path: Path, collections: Sequence[Written], *, zipped: bool, oplog: Sequence[bytes] | None = None, turn: int = 2
) -> Path:
    """Write a dump as an archive in which collections take turns of `turn` documents."""
    parts = [b"\x6d\xe2\x99\x81", encode({"concurrent_collections": 4, "version": "0.1", "server_version": "7.0.2",
                                          "tool_version": "100.9.0"})]  # fmt: skip
    streams = {(each.database, each.source): list(each.documents) for each in collections if each.type != "view"}
    for each in collections:
        parts.append(encode({"db": each.database, "collection": each.name, "metadata": each.metadata,
                             "size": len(each.documents), "type": each.type}))  # fmt: skip
    if oplog is not None:
        streams["", "oplog"] = list(oplog)
        parts.append(encode({"db": "", "collection": "oplog", "metadata": "", "size": 0, "type": ""}))
    parts.append(TERMINATOR)
    whole = {key: b"".join(documents) for key, documents in streams.items()}
    while streams:
        for key in list(streams):
            now, streams[key] = streams[key][:turn], streams[key][turn:]
            if now:
                parts += [encode({"db": key[0], "collection": key[1], "EOF": False, "CRC": 0}), *now, TERMINATOR]
            if not streams[key]:
                del streams[key]
                signed = int.from_bytes(crc64(whole[key]).to_bytes(8, "little"), "little", signed=True)
                parts += [encode({"db": key[0], "collection": key[1], "EOF": True, "CRC": _int64(signed)}), TERMINATOR]
    data = b"".join(parts)
    path.write_bytes(gzip.compress(data) if zipped else data)
    return path


def _int64(value: int) -> Any:
    from bson import Int64

    return Int64(value)
