"""Show what a store holds of the uploads: its points. Writes nothing."""

import json
from typing import TYPE_CHECKING

from drx.cli.stores import Opened, clock, moment
from drx.cli.tables import print_table
from drx.errors import DamagedError, ExitCode
from drx.units import show_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drx.backup.uploads.points import Point

_SHOWN = 10


def read_points(opened: Opened) -> "tuple[Sequence[Point], str]":
    """List the points, oldest first, or say why they cannot be listed: that hides no backup of a database."""
    from drx.backup.uploads.points import list_points

    try:
        return list_points(opened.store, opened.service), ""
    except DamagedError as error:
        return (), error.message


def find_point(opened: Opened, name: str) -> "Point | None":
    """Find a point by its id, or by what its id alone ends with."""
    points, _ = read_points(opened)
    fitting = [point for point in points if point.id == name] or [point for point in points if point.id.endswith(name)]
    return fitting[0] if len(fitting) == 1 else None


def point_as_dict(point: "Point") -> dict[str, object]:
    """Describe a point for machines; the names are documented in docs/backups.md."""
    return {
        "id": point.id,
        "bucket": point.bucket,
        "started_at": moment(point.started_at),
        "at": moment(point.at),
        "objects": point.objects,
        "size_bytes": point.size_bytes,
        "archived": point.archived,
    }


def print_points(points: "Sequence[Point]", problem: str) -> None:
    """List the newest points, and say how many there are; nothing where there is none."""
    if problem:
        print(f"damaged: uploads: {problem}")
    if not points:
        return
    print()
    rows = [
        (clock(point.at), f"{point.objects:,}", show_size(point.size_bytes), point.id) for point in points[-_SHOWN:]
    ]
    print_table(("uploads at (UTC)", "objects", "size", "point"), rows, right=(1, 2))
    print(f"{len(points):,} point{'' if len(points) == 1 else 's'} of the uploads, since {clock(points[0].at)} UTC")


def show_point(opened: Opened, point: "Point", *, as_json: bool) -> int:
    """Show one point, and whether all that it names is there; an exit code of 4 says that something is not."""
    from drx.backup.uploads.verify import missing

    try:
        lost, problem = missing(opened.store, opened.service, point, lambda: None), ""
    except DamagedError as error:
        lost, problem = 0, error.message
    if as_json:
        shown = {"store": opened.store.describe(), "kind": "point", **point_as_dict(point)}
        print(json.dumps(shown | {"lost": lost, "problem": problem or None}, indent=1, ensure_ascii=False))
    else:
        print(f"{point.id}  point of the uploads, {'damaged' if lost or problem else 'whole'}")
        print(f"  bucket         {point.bucket}")
        print(f"  taken          {clock(point.started_at)} to {clock(point.at)} UTC")
        print(f"  holds          {point.objects:,} objects, {show_size(point.size_bytes)}")
        if point.archived:
            print(f"  archived       {point.archived:,} of them, whose bytes are not in the store")
        if lost or problem:
            what = "1 object is not in the store as it was written"
            many = f"{lost:,} objects are not in the store as they were written"
            print(f"  {problem or (what if lost == 1 else many)}")
    return ExitCode.FAILED if lost or problem else ExitCode.OK
