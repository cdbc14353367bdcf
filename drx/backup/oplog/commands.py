"""Apply the oplog's commands to the collections of one database. Pure; an unknown command is an error that names it."""

from collections.abc import Callable, Mapping

from drx.backup.format.names import is_dumped
from drx.backup.oplog.entry import Entry, decoded, first_field, timestamp_of
from drx.backup.oplog.namespaces import BUCKETS, VIEWS, Collection, Namespaces
from drx.errors import StepError

# They change no document, no option and no finished index.
_SKIPPED = {
    "setMultikeyMetadata", "dbCheck", "createDatabaseMetadata", "dropDatabaseMetadata",
    "modifyCollectionShardingIndexCatalog", "createGlobalIndex", "dropGlobalIndex",
}  # fmt: skip
_OF_ANY_NAME = {"drop", "renameCollection"}
# Kept by the server for itself in an index, or implied by where the index is.
_INTERNAL_INDEX_FIELDS = {"entryFormat", "multikey", "ns", "background", "dropDups"}
_MODIFIED_OPTIONS = {
    "validator", "validationLevel", "validationAction", "changeStreamPreAndPostImages", "recordPreImages",
    "expireAfterSeconds", "viewOn", "pipeline",
}  # fmt: skip
_SERIES_OPTIONS = {"timeseries", "expireAfterSeconds", "collation", "storageEngine", "indexOptionDefaults"}
_IGNORED_MODIFICATIONS = {"collMod", "dryRun", "comment", "usePowerOf2Sizes", "noPadding", "isTimeseriesNamespace"}

Command = Mapping[str, object]


def apply_command(namespaces: Namespaces, entry: Entry) -> None:
    """Apply one command entry of the database.

    Raises StepError for a command, or a change of a collection, that drx does not know.
    """
    name = first_field(entry.o)
    if name in _SKIPPED:
        return
    handler = _HANDLERS.get(name)
    if handler is None:
        raise _unknown(entry, f"the command {name}")
    command = decoded(entry.o)
    if name not in _OF_ANY_NAME and not is_dumped(logical_name(str(command[name]))):
        return
    try:
        handler(namespaces, entry, command)
    except KeyError as error:
        raise _unknown(entry, f"the command {name} without {error.args[0]}") from None


def comes_here(entry: Entry, database: str) -> bool:
    """Tell a collection of another database that was renamed into this one."""
    return entry.op == "c" and entry.o[5:21] == b"renameCollection" and b"\x02to\0" in entry.o and (
        str(decoded(entry.o)["to"]).partition(".")[0] == database
    )  # fmt: skip


def logical_name(name: str) -> str:
    """Name the collection a user sees: a time series for its buckets."""
    return name.removeprefix(BUCKETS)


def index_spec(spec: Command) -> dict[str, object]:
    """Clean an index specification of what only this server's storage needs."""
    original = spec.get("originalSpec")
    chosen = original if isinstance(original, dict) else spec
    return {key: value for key, value in chosen.items() if key not in _INTERNAL_INDEX_FIELDS}


def _create(namespaces: Namespaces, entry: Entry, command: Command) -> None:
    name, id_index = str(command["create"]), command.get("idIndex")
    options = {key: value for key, value in command.items() if key not in ("create", "idIndex", "uuid", "temp")}
    if "viewPipeline" in options:  # the embedded server's word
        options["pipeline"] = options.pop("viewPipeline")
    kind = "view" if "viewOn" in options else None
    if name.startswith(BUCKETS):
        kind = "timeseries"
        options = {key: value for key, value in options.items() if key in _SERIES_OPTIONS}
    collection = namespaces.create(logical_name(name), entry, options, kind)
    clustered = options.get("clusteredIndex")
    if kind is None and isinstance(clustered, dict):
        collection.indexes = {str(clustered["name"]): {**clustered, "clustered": True}}
    elif kind is None and isinstance(id_index, dict):
        collection.indexes["_id_"] = index_spec(id_index)


def _drop(namespaces: Namespaces, entry: Entry, command: Command) -> None:
    name = str(command["drop"])
    if name == VIEWS:
        namespaces.drop_views()
    else:
        namespaces.drop(logical_name(name), entry.uuid)


def _drop_database(namespaces: Namespaces, entry: Entry, command: Command) -> None:
    namespaces.drop_all()


def _rename(namespaces: Namespaces, entry: Entry, command: Command) -> None:
    source_database, _, source = str(command["renameCollection"]).partition(".")
    target_database, _, target = str(command["to"]).partition(".")
    source, target = logical_name(source), logical_name(target)
    dropped = command.get("dropTarget")
    if source_database != namespaces.database:
        if entry.position <= namespaces.consistent_from and target in namespaces.by_name:
            return  # listed after it came
        raise _unknown(entry, f"a collection from {source_database}, renamed to {target_database}.{target},")
    if target_database != namespaces.database:
        namespaces.drop(source, entry.uuid)
    else:
        namespaces.rename(entry, source, target, bytes(dropped) if isinstance(dropped, bytes) else None)


def _create_indexes(namespaces: Namespaces, entry: Entry, command: Command) -> None:
    verb = first_field(entry.o)
    specs = command.get("indexes")
    if not isinstance(specs, list):
        specs = [{key: value for key, value in command.items() if key != verb}]
    physical = str(command[verb])
    collection = namespaces.written(logical_name(physical), entry)
    for spec in specs:
        cleaned = index_spec(spec)
        if physical.startswith(BUCKETS) and "originalSpec" not in spec:
            cleaned["key"] = _series_key(entry, collection, cleaned["key"])
        collection.indexes[str(cleaned["name"])] = cleaned


def _drop_indexes(namespaces: Namespaces, entry: Entry, command: Command) -> None:
    collection = namespaces.find(logical_name(str(command[first_field(entry.o)])), entry.uuid)
    if collection is None:
        return
    chosen = command["index"]
    for name, spec in list(collection.indexes.items()):
        if name == "_id_" or spec.get("clustered"):
            continue
        if isinstance(chosen, Mapping):
            found = _same_key(spec["key"], _user_key(entry, collection, chosen))
        else:
            found = name in chosen if isinstance(chosen, list) else chosen in (name, "*")
        if found:
            del collection.indexes[name]


def _build_indexes(namespaces: Namespaces, entry: Entry, command: Command) -> None:
    """Leave out what is only being built, or was given up: servers list such an index to whoever dumps meanwhile."""
    collection = namespaces.find(logical_name(str(command[first_field(entry.o)])), entry.uuid)
    specs = command.get("indexes")
    if collection and isinstance(specs, list):
        for spec in specs:
            collection.indexes.pop(str(spec["name"]), None)


def _modify(namespaces: Namespaces, entry: Entry, command: Command) -> None:
    collection = namespaces.written(logical_name(str(command["collMod"])), entry)
    for key, value in command.items():
        if key == "index" and isinstance(value, dict):
            _modify_index(namespaces, entry, collection, value)
        elif key == "timeseries" and isinstance(value, dict):
            known = collection.options.get("timeseries")
            collection.options[key] = {**known, **value} if isinstance(known, dict) else value
        elif key in ("cappedSize", "cappedMax"):
            collection.options[key.removeprefix("capped").lower()] = value
        elif key in _MODIFIED_OPTIONS:
            collection.options[key] = value
            if value in ({}, "off", {"enabled": False}) and key != "validationLevel":
                del collection.options[key]
        elif key not in _IGNORED_MODIFICATIONS and not key.lstrip("_").startswith(("timeseries", "removeLegacy")):
            raise _unknown(entry, f"{key} in a collMod of {collection.name}")


def _modify_index(namespaces: Namespaces, entry: Entry, collection: Collection, change: Command) -> None:
    key = _user_key(entry, collection, change.get("keyPattern"))
    for name, spec in collection.indexes.items():
        if name == change.get("name") or ("name" not in change and _same_key(spec["key"], key)):
            changed = {**spec, **{key: change[key] for key in change if key not in ("name", "keyPattern")}}
            if changed.pop("forceNonUnique", False):
                changed.pop("unique", None)
            if changed.get("unique"):
                changed.pop("prepareUnique", None)
            for flag in ("hidden", "prepareUnique"):
                if changed.get(flag) is False:
                    del changed[flag]
            collection.indexes[name] = changed
            return
    if entry.position > namespaces.consistent_from:
        raise _unknown(entry, f"a change of an index that {collection.name} does not have,")


def _same_key(one: object, other: object) -> bool:
    return isinstance(one, Mapping) and isinstance(other, Mapping) and list(one.items()) == list(other.items())


def _user_key(entry: Entry, collection: Collection, key: object) -> object:
    """Give the key of an index as a user would write it."""
    is_series = collection.type == "timeseries" and isinstance(key, Mapping)
    return _series_key(entry, collection, key) if is_series else key


def _series_key(entry: Entry, collection: Collection, key: object) -> dict[str, object]:
    """Turn the key of an index on buckets into that of the time series, as a user would write it.

    Servers note the original only where a user made the index, not for the one they make themselves. Source: the
    servers' `timeseries_index_schema_conversion_functions`.
    """
    series = collection.options.get("timeseries")
    meta = str(series.get("metaField")) if isinstance(series, Mapping) else ""
    found: dict[str, object] = {}
    for name, value in key.items() if isinstance(key, Mapping) else ():
        bound, _, rest = name.removeprefix("control.").partition(".")
        if name == "meta" or name.startswith("meta."):
            found[meta + name[4:]] = value
        elif name.startswith("data.") and value == "2dsphere_bucket":
            found[name[5:]] = "2dsphere"
        elif name.startswith("control.") and bound in ("min", "max") and found.setdefault(rest, value) == value:
            continue
        else:
            raise _unknown(entry, f"an index on the buckets of the time series {collection.name}")
    return found


def _convert_to_capped(namespaces: Namespaces, entry: Entry, command: Command) -> None:
    collection = namespaces.find(logical_name(str(command["convertToCapped"])), entry.uuid)
    if collection:  # the restored server drops the oldest documents itself; only the index on _id outlives it
        collection.options |= {"capped": True, "size": command["size"]}
        collection.indexes = {name: spec for name, spec in collection.indexes.items() if name == "_id_"}
        collection.open = True


def _empty_capped(namespaces: Namespaces, entry: Entry, command: Command) -> None:
    collection = namespaces.find(logical_name(str(command["emptycapped"])), entry.uuid)
    if collection:
        namespaces.empty(collection)


def _unknown(entry: Entry, what: str) -> StepError:
    at = timestamp_of(entry.position)
    return StepError(
        f"the oplog at {at.time}.{at.inc} holds {what} for {entry.database}, which drx cannot replay",
        "Restore to a time before it, or from a base taken after it",
    )


_HANDLERS: dict[str, Callable[[Namespaces, Entry, Command], None]] = {
    "create": _create,
    "drop": _drop,
    "dropDatabase": _drop_database,
    "renameCollection": _rename,
    "createIndexes": _create_indexes,
    "startIndexBuild": _build_indexes,
    "abortIndexBuild": _build_indexes,
    "commitIndexBuild": _create_indexes,
    "dropIndexes": _drop_indexes,
    "deleteIndexes": _drop_indexes,
    "deleteIndex": _drop_indexes,
    "dropIndex": _drop_indexes,
    "collMod": _modify,
    "convertToCapped": _convert_to_capped,
    "emptycapped": _empty_capped,
}
