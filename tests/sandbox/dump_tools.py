"""Stand-ins for mongodump, mongorestore and bsondump: the options that the plan types, and what the true ones refuse.

Written out of the tools' documentation. They show that the plan's lines fit together, not that the true tools run.
"""

import argparse
import gzip
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from bson import BSON, Timestamp, decode_all, decode_file_iter, encode, json_util
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.uri_parser import parse_uri

from drx.backup.oplog.diffs import apply_update

Client = MongoClient[dict[str, Any]]
SERVERS_OWN = {"admin", "config", "local"}


def mongodump(arguments: list[str]) -> None:
    """Dump a database, one collection, or the whole server with its oplog."""
    parser = argparse.ArgumentParser("mongodump", allow_abbrev=False)
    for name in ("--uri", "--db", "--collection", "--query", "--out"):
        parser.add_argument(name)
    for name in ("--oplog", "--gzip", "--archive"):
        parser.add_argument(name, action="store_true")
    given = parser.parse_args(arguments)
    named = parse_uri(given.uri)["database"]
    if named and given.db and named != given.db:
        parser.error("cannot specify different database in connection URI and command-line option")
    if given.oplog and (named or given.db):
        parser.error("--oplog mode only supported on full dumps")
    with Client(given.uri) as client:
        databases = [given.db or named] if given.db or named else set(client.list_database_names()) - SERVERS_OWN
        for database in databases:
            for name in [given.collection] if given.collection else client[database].list_collection_names():
                documents = client[database][name].find(json_util.loads(given.query or "{}"))
                if given.archive:
                    for document in documents:
                        sys.stdout.buffer.write(encode({"ns": f"{database}.{name}", "document": document}))
                else:
                    _write(Path(given.out or "dump") / database / f"{name}.bson", documents, packed=given.gzip)


def mongorestore(arguments: list[str]) -> None:
    """Restore a dump, replay an oplog up to a limit, rename on the way."""
    parser = argparse.ArgumentParser("mongorestore", allow_abbrev=False)
    for name in ("--uri", "--dir", "--oplogLimit", "--nsFrom", "--nsTo"):
        parser.add_argument(name)
    parser.add_argument("--nsInclude", action="append", default=[])
    for name in ("--oplogReplay", "--gzip", "--archive", "--stopOnError"):
        parser.add_argument(name, action="store_true")
    given = parser.parse_args(arguments)
    if parse_uri(given.uri)["database"]:
        parser.error("the dump is taken for that of the one database that the address names")
    if given.oplogReplay and (given.nsInclude or given.archive):
        parser.error("cannot use --oplogReplay with includes specified")
    if (given.nsFrom or "*").count("*") != (given.nsTo or "*").count("*"):
        parser.error("--nsFrom and --nsTo differ in their wildcards")
    before, after = ((name or "*").removesuffix("*") for name in (given.nsFrom, given.nsTo))
    with Client(given.uri) as client:
        for namespace, document in _archived() if given.archive else _dumped(Path(given.dir), packed=given.gzip):
            if not given.nsInclude or namespace in given.nsInclude or f"{namespace.split('.')[0]}.*" in given.nsInclude:
                named = after + namespace.removeprefix(before) if namespace.startswith(before) else namespace
                database, _, name = named.partition(".")
                client[database][name].insert_one(document)
        oplog = Path(given.dir or "") / "oplog.bson"
        if given.oplogReplay:
            packed = oplog.read_bytes()
            seconds, _, ordinal = (given.oplogLimit or f"{2**32 - 1}:1").partition(":")
            limit = Timestamp(int(seconds), int(ordinal or "0"))
            for entry in decode_all(gzip.decompress(packed) if given.gzip else packed):
                if entry["ts"] < limit:
                    _apply(client, entry)


def bsondump() -> None:
    """Print documents as canonical Extended JSON, one a line."""
    for document in decode_file_iter(sys.stdin.buffer):
        print(json_util.dumps(document, json_options=json_util.CANONICAL_JSON_OPTIONS, separators=(",", ":")))


def _write(path: Path, documents: Iterable[dict[str, Any]], *, packed: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = b"".join(map(encode, documents))
    path.with_name(path.name + (".gz" if packed else "")).write_bytes(gzip.compress(whole) if packed else whole)


def _archived() -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in decode_file_iter(sys.stdin.buffer):
        yield entry["ns"], entry["document"]


def _dumped(folder: Path, *, packed: bool) -> Iterator[tuple[str, dict[str, Any]]]:
    ending = ".bson.gz" if packed else ".bson"
    for path in sorted(folder.glob(f"*/*{ending}")):
        whole = path.read_bytes()
        for document in decode_all(gzip.decompress(whole) if packed else whole):
            yield f"{path.parent.name}.{path.name.removesuffix(ending)}", document


def _apply(client: Client, entry: dict[str, Any]) -> None:
    """Do what one entry of the oplog says."""
    database, _, name = entry["ns"].partition(".")
    if database in SERVERS_OWN and "applyOps" not in entry["o"]:
        return
    match entry["op"]:
        case "i":
            client[database][name].replace_one({"_id": entry["o"]["_id"]}, entry["o"], upsert=True)
        case "u":
            raw = client.get_database(database)[name].with_options(_raw()).find_one({"_id": entry["o2"]["_id"]})
            if raw is not None:
                changed = BSON(apply_update(raw.raw, encode(entry["o"]))).decode()
                client[database][name].replace_one({"_id": changed["_id"]}, changed)
        case "d":
            client[database][name].delete_one({"_id": entry["o"]["_id"]})
        case "c" if "drop" in entry["o"]:
            client[database].drop_collection(entry["o"]["drop"])
        case "c":
            for inner in entry["o"].get("applyOps", ()):
                _apply(client, inner)


def _raw() -> Any:
    from bson.codec_options import CodecOptions

    return CodecOptions(document_class=RawBSONDocument)


if __name__ == "__main__":
    match os.path.basename(sys.argv[1]):
        case "mongodump":
            mongodump(sys.argv[2:])
        case "mongorestore":
            mongorestore(sys.argv[2:])
        case _:
            bsondump()
