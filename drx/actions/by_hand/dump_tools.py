"""Write what a person types into MongoDB's own tools where drx is gone: dumps, slices, restores. Runs nothing.

`server` is a shell function that the plan defines beside its variables: these tools refuse a database in the address
that is not the one they are asked for.
"""

import shlex
from collections.abc import Sequence
from datetime import datetime

from drx.actions.recovery.points import BeforeOperation, Point, UpToOperation, show_point

SERVER_FUNCTION = (
    "server() { # $MONGO_URI without its database, which mongodump and mongorestore would take for all that is meant",
    "  sed -E -e '/^mongodb:.*@/{/authSource=/!s#^([^/]+//[^/?]+)/([^?]+)[?]?#\\1/?authSource=\\2\\&#;}' \\",
    "    -e 's#^([^/]+//[^/?]+)/[^?]*#\\1/#; s#&$##' <<<\"$MONGO_URI\"",
    "}",
)
_OTHER = "# OTHER_URI: an empty server, and no database in its address."


def dump_base() -> str:
    """Dump the whole server as it is at one moment; beside drx's own bases, which have a manifest."""
    return (
        'mongodump --uri "$(server)" --oplog --gzip --out dump\n'
        'aws s3 cp --recursive dump "$STORE/by-hand/dump-$(date --utc +%Y%m%dT%H%M%SZ)"'
    )


def dump_slice() -> str:
    """Dump the oplog from the second on that the newest slice reaches."""
    newest = "sed -nE 's/.*-([0-9]{10})[.][0-9]{10}[.]json$/\\1/p' | sort | tail -n 1"
    query = '\'{"ts": {"$gte": {"$timestamp": {"t": \'"${since:-0}"\', "i": 1}}}}\''
    return (
        f'since=$(aws s3 ls "$STORE/$SERVICE/oplog/" | {newest})\n'
        f'mongodump --uri "$(server)" --db local --collection oplog.rs --query {query} --gzip --out oplog\n'
        'aws s3 cp --recursive oplog "$STORE/by-hand/oplog-$(date --utc +%Y%m%dT%H%M%SZ)"'
    )


def find_events() -> str:
    """Look through the archived oplog, and what of the live one was just saved."""
    return (
        f"{_fetch_slices('$SERVICE')}\n"
        "gunzip -c slices/*.bson.gz oplog/local/oplog.rs.bson.gz | bsondump |\n"
        """  grep -E '"(drop|dropDatabase|renameCollection)"|"op":"d"' | less\n"""
        '# its timestamp is SECONDS:ORDINAL, out of "ts":{"$timestamp":{"t":SECONDS,"i":ORDINAL}}'
    )


def verify_base() -> str:
    """Hold every file of a base against its checksum, and load it."""
    return (
        f"{_fetch_base('$SERVICE')}\n"
        "jq -r '.files[] | .sha256 + \"  \" + .path' manifest.json | sha256sum --check --quiet\n"
        f"{_OTHER}\n"
        'mongorestore --uri "$OTHER_URI" --gzip --dir dump --oplogReplay'
    )


def restore_base(at: Point | None, *, into: str, only: Sequence[str], service: str | None, source: str | None) -> str:
    """Put base and slices together on another server, and move the result beside the damaged database."""
    service, source = service or "$SERVICE", source or "$DATABASE"
    chosen = "".join(f' --nsInclude "{source}.{name}"' for name in only)
    told = f" from before {show_point(at).removeprefix('just before ')}" if at else ""
    return (
        f"# BASE: the newest base{told}\n"
        f"{_fetch_base(service)}\n"
        f"{_fetch_slices(service)}\n"
        "# A slice is named FROM-TO. Where a FROM is later than the TO before it, nothing after that can be restored.\n"
        "since=$(jq -r .start manifest.json)\n"
        "mkdir -p replay\n"
        "for slice in slices/*.bson.gz; do\n"
        '  to=${slice#*-}; [[ ${to%.bson.gz} < $since ]] || gunzip -c "$slice"\n'
        "done > replay/oplog.bson\n"
        "[ ! -e oplog ] || gunzip -c oplog/local/oplog.rs.bson.gz >> replay/oplog.bson # what was saved by hand\n"
        f"{_OTHER}\n"
        "# The oplog knows only the old name: all is put together there, and then moved.\n"
        'mongorestore --uri "$OTHER_URI" --gzip --dir dump --oplogReplay\n'
        f'mongorestore --uri "$OTHER_URI" --dir replay --oplogReplay{_limit(at)}\n'
        f'mongodump --uri "$OTHER_URI" --db "{source}" --archive |\n'
        f'  mongorestore --uri "$(server)" --archive{chosen} --nsFrom "{source}.*" --nsTo "{into}.*"'
    )


def restore_dump(path: str, *, database: str | None, into: str | None, only: Sequence[str]) -> str:
    """Restore what stock mongodump wrote."""
    database = database or "$DATABASE"
    chosen = "".join(f' --nsInclude "{database}.{name}"' for name in only or ("*",))
    renamed = f' --nsFrom "{database}.*" --nsTo "{into}.*"' if into else ""
    return (
        "# an archive: --archive FILE in place of --dir; where it is gzipped: --gzip\n"
        f'mongorestore --uri "$(server)" --stopOnError{chosen}{renamed} --dir {shlex.quote(path)}'
    )


def _fetch_base(service: str) -> str:
    return (
        f'aws s3 cp --recursive "$STORE/{service}/base/$BASE/dump" dump\n'
        f'aws s3 cp "$STORE/{service}/base/$BASE/manifest.json" .'
    )


def _fetch_slices(service: str) -> str:
    return f'aws s3 cp --recursive --exclude "*" --include "*.bson.gz" "$STORE/{service}/oplog" slices'


def _limit(at: Point | str | None) -> str:
    """Say where to stop: mongorestore leaves out the operation that it is given, and all after it."""
    match at:
        case None:
            return ""
        case UpToOperation(up_to=name) if name.startswith("$"):
            name = name.removeprefix("$")
            return f' --oplogLimit "${{{name}%[.:]*}}:$((10#${{{name}#*[.:]}} + 1))"'
        case UpToOperation(up_to=stamp):
            second, _, ordinal = stamp.partition(".")
            return f" --oplogLimit {second}:{int(ordinal) + 1}"
        case BeforeOperation(before=str() as stamp) if stamp.startswith("$"):
            return f' --oplogLimit "${{{stamp.removeprefix("$")}/./:}}"'
        case BeforeOperation(before=str() as stamp):
            return f" --oplogLimit {stamp.replace('.', ':')}"
        case BeforeOperation():
            return ' --oplogLimit "$FOUND" # the timestamp of that event: SECONDS:ORDINAL'
        case datetime():
            return f" --oplogLimit {int(at.timestamp()) + 1}:0"
        case _:  # a variable: all of that second is taken
            return f' --oplogLimit "$(($(date --utc --date "{at}" +%s) + 1)):0"'
