"""`drx backups list` and `drx backups show`: what a store holds, by reading it. Writes nothing."""

import json
from typing import TYPE_CHECKING

from drx.cli.backups.uploads import find_point, point_as_dict, print_points, read_points, show_point
from drx.cli.stores import Opened, clock, moment
from drx.cli.tables import print_table
from drx.errors import ExitCode, UsageError
from drx.units import show_duration, show_size

if TYPE_CHECKING:
    from drx.backup.format.manifest import Manifest
    from drx.backup.holdings.inventory import Backup
    from drx.backup.holdings.window import Oplog

_NONE = "-"
_TESTS = 5
_KINDS = {"full": "full", "differential": "diff"}


def list_(opened: Opened, *, as_json: bool) -> int:
    """List bases, differentials, slices and points of the uploads, with all that is damaged or was never finished."""
    from drx.backup.holdings.inventory import list_all, list_slices_of
    from drx.backup.holdings.window import read_oplog

    backups = list_all(opened.store, opened.service)
    oplog = read_oplog(list_slices_of(opened.store, opened.service))
    points, problem = read_points(opened)
    if as_json:
        uploads = {"points": [point_as_dict(point) for point in points], "problem": problem or None}
        listed = _listed(opened, backups, oplog) | {"uploads": uploads}
        print(json.dumps(listed, indent=1, ensure_ascii=False))
    else:
        _print_list(opened, backups, oplog)
        print_points(points, problem)
    damaged = "damaged" in {*(found.state for found in backups), *(lost.state for lost in oplog.lost)}
    return ExitCode.FAILED if damaged or problem else ExitCode.OK


def show(opened: Opened, name: str, *, as_json: bool) -> int:
    """Show one backup or point: what is written of it, and whether the store holds it whole by the look of it."""
    from drx.backup.format.catalog import MANIFEST
    from drx.backup.format.manifest import Manifest, from_json

    if point := find_point(opened, name):
        return show_point(opened, point, as_json=as_json)
    found = find_backup(opened, name)
    manifest = None
    if found.facts:
        key = found.name + MANIFEST
        manifest = from_json(Manifest, opened.store.get(key), f"{opened.store.describe()}/{key}")
    if as_json:
        shown = {"store": opened.store.describe(), **as_dict(found), **_contents(manifest)}
        print(json.dumps(shown, indent=1, ensure_ascii=False))
    else:
        _print_backup(found, manifest)
    return ExitCode.OK if found.state == "whole" else ExitCode.FAILED


def find_backup(opened: Opened, name: str) -> "Backup":
    """Find a backup by its id, or by what its id ends with.

    Raises UsageError where there is none, or more than one.
    """
    from drx.backup.holdings.inventory import list_all

    backups = list_all(opened.store, opened.service)
    fitting = [found for found in backups if found.id == name] or [
        found for found in backups if found.id.endswith(name)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UsageError(f"'{name}' may be {' or '.join(found.id for found in fitting[:3])}", "Give more of the id")
    raise UsageError(f"{opened.store.describe()} holds no backup '{name}' of {opened.service}", "See drx backups list")


def as_dict(found: "Backup") -> dict[str, object]:
    """Describe a backup for machines; the names are documented in docs/backups.md."""
    facts = found.facts
    return {
        "id": found.id,
        "kind": found.kind,
        "state": found.state,
        "problem": found.problem or None,
        "database": facts.database if facts else None,
        "consistent_at": moment(facts.end) if facts else None,
        "started_at": moment(facts.started_at) if facts else None,
        "finished_at": moment(facts.finished_at) if facts else None,
        "written_at": moment(found.written_at),
        "documents": facts.documents if facts else None,
        "size_bytes": facts.size_bytes if facts else None,
        "stored_bytes": found.stored_bytes,
        "files": found.files,
        "unfinished_uploads": found.uploads,
        "parent": facts.parent if facts else None,
        "verified": found.verified,
        "restore_tests": [
            {"run": test.run, "at": moment(test.at), "passed": test.passed, "store": test.store} for test in found.tests
        ],
    }


def _listed(opened: Opened, backups: "tuple[Backup, ...]", oplog: "Oplog") -> dict[str, object]:
    return {
        "store": opened.store.describe(),
        "service": opened.service,
        "backups": [as_dict(found) for found in backups],
        "oplog": {
            "slices": oplog.slices,
            "stored_bytes": oplog.stored_bytes,
            "spans": [{"from": moment(run.start), "to": moment(run.end)} for run in oplog.runs],
            "lost": [
                {"from": moment(lost.start), "to": moment(lost.end), "state": lost.state, "problem": lost.problem}
                for lost in oplog.lost
            ],
        },
    }


def _print_list(opened: Opened, backups: "tuple[Backup, ...]", oplog: "Oplog") -> None:
    print(opened.heading)
    if backups:
        print()
        headings = ("consistent at (UTC)", "kind", "documents", "size", "restore test", "id")
        print_table(headings, [_row(found) for found in backups], right=(2, 3))
    print()
    if not backups:
        print("no base: nothing can be restored")
    for run in oplog.runs:
        print(f"oplog  {clock(run.start)} to {clock(run.end)} UTC")
    slices = f"{_count(oplog.slices, 'slice')} of oplog ({show_size(oplog.stored_bytes)})"
    print(f"{_count(len(backups), 'backup')}, {slices}")
    for found in backups:
        if found.problem:
            print(f"{found.state}: {found.id}: {found.problem}{_uploads(found)}")
    for lost in oplog.lost:
        print(f"{lost.state}: {lost.problem}")


def _row(found: "Backup") -> tuple[str, ...]:
    kind = _KINDS[found.kind]
    if found.facts is None:
        return (found.state, kind, _NONE, _NONE, _NONE, found.id)
    at = clock(found.facts.end) if found.state == "whole" else f"{found.state} {clock(found.facts.end)}"
    return (at, kind, f"{found.facts.documents:,}", show_size(found.facts.size_bytes), _tested(found), found.id)


def _tested(found: "Backup") -> str:
    """Say in a word or two what the newest restore test came to; nobody tests differentials by themselves."""
    if not found.tests:
        return _NONE
    return f"{'VERIFIED' if found.verified else 'FAILED'} {found.tests[-1].at:%m-%d %H:%M}"


def _uploads(found: "Backup") -> str:
    at = f"; last written to {clock(found.written_at)} UTC" if found.written_at else ""
    return at + (f", {_count(found.uploads, 'unfinished upload')}" if found.uploads else "")


def _contents(manifest: "Manifest | None") -> dict[str, object]:
    if manifest is None:
        return {"collections": [], "stored_files": []}
    return {
        "server_version": manifest.server_version,
        "drx_version": manifest.drx_version,
        "oplog_entries": manifest.oplog_entries,
        "collections": [
            {
                "name": each.name, "type": each.type or "collection", "documents": each.digest.count,
                "size_bytes": each.digest.size_bytes, "digest": f"{each.digest.total:032x}",
                "indexes": [str(index["name"]) for index in each.indexes],
            }
            for each in manifest.collections
        ],
        "stored_files": [
            {"path": file.path, "size_bytes": file.size_bytes, "sha256": file.sha256} for file in manifest.files
        ],
    }  # fmt: skip


def _print_backup(found: "Backup", manifest: "Manifest | None") -> None:
    print(f"{found.id}  {found.kind}, {found.state}")
    if found.problem:
        print(f"  {found.problem}{_uploads(found)}")
    print(f"  stored         {_count(found.files, 'file')}, {show_size(found.stored_bytes)}")
    if manifest is None or found.facts is None:
        return
    facts = found.facts
    took = show_duration(facts.finished_at - facts.started_at)
    print(f"  database       {facts.database}, of a server {facts.server_version}")
    print(f"  consistent at  {clock(facts.end)} UTC")
    print(f"  taken          {clock(facts.started_at)} UTC, in {took}, by drx {facts.drx_version}")
    if facts.parent:
        print(f"  continues      {facts.parent}")
    print(f"  holds          {facts.documents:,} documents, {show_size(facts.size_bytes)}")
    print(f"  own oplog      {facts.oplog_entries:,} entries")
    for test in reversed(found.tests[-_TESTS:]):
        word = "passed" if test.passed else "FAILED"
        print(f"  restore test   {word} {test.at:%Y-%m-%d %H:%M} UTC, from {test.store}, run {test.run}")
    if not found.tests and found.kind == "full":
        print("  restore test   never: nobody knows that it restores (drx run restore-test)")
    if manifest.collections:
        print()
        rows = [
            (each.name, each.type or "collection", f"{each.digest.count:,}", show_size(each.digest.size_bytes),
             f"{len(each.indexes)}")
            for each in manifest.collections
        ]  # fmt: skip
        print_table(("collection", "type", "documents", "size", "indexes"), rows, right=(2, 3, 4))


def _count(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"
