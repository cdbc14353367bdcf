"""The stock `<collection>.metadata.json`, both ways. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from bson.json_util import dumps, loads

from drx.backup.format.manifest import CANONICAL
from drx.errors import StoreError


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a stock dump says about one collection; `type` is None, `view` or `timeseries`."""

    name: str | None
    type: str | None
    uuid: bytes | None
    options: Mapping[str, object]
    indexes: tuple[Mapping[str, object], ...]


def metadata_to_json(metadata: Metadata) -> bytes:
    """Write canonical Extended JSON v2 in the order of the stock tools."""
    document: dict[str, object] = {"options": metadata.options, "indexes": list(metadata.indexes)}
    if metadata.uuid:
        document["uuid"] = metadata.uuid.hex()
    if metadata.name:
        document["collectionName"] = metadata.name
    if metadata.type:
        document["type"] = metadata.type
    return dumps(document, json_options=CANONICAL, separators=(",", ":")).encode()


def metadata_from_json(data: bytes, file: str) -> Metadata:
    """Read what any version of the stock tools wrote; an old one gives no name.

    Raises StoreError that names `file`.
    """
    try:
        document = loads(data, json_options=CANONICAL)
        match {"options": {}, "indexes": [], "uuid": "", "collectionName": "", "type": ""} | document:
            case {
                "options": dict(options),
                "indexes": list(indexes),
                "uuid": str(uuid),
                "collectionName": str(name),
                "type": str(kind),
            } if all(map(_is_index, indexes)):
                return Metadata(
                    name or None, None if kind == "collection" else kind or None, bytes.fromhex(uuid) or None,
                    options, tuple(indexes),
                )  # fmt: skip
    except (ValueError, TypeError, RecursionError) as error:
        raise StoreError(f"{file} is not stock metadata: {error}", "Use another backup") from None
    raise StoreError(f"{file} is not stock metadata: a field has the wrong type", "Use another backup")


def _is_index(index: object) -> bool:
    return isinstance(index, dict) and isinstance(index.get("name"), str) and isinstance(index.get("key"), dict)
