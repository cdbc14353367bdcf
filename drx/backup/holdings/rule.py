"""Explain 3-2-1 for one configuration: what counts, what is missing, the line of drx.yaml that mends it. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from drx.backup.holdings.custody import Custody, Holding, Place

_ELSEWHERE = {"eu": "us-east-1"}
_EUROPE = "eu-west-1"
_NAME_LENGTH = 48
"""The name of a bucket has at most 63 signs, the region included that is put behind it."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the three demands of the rule."""

    name: str
    kept: bool
    because: str
    remedy: str = ""
    """What to do, where it is not kept."""


def parts(custody: Custody) -> tuple[Part, ...]:
    """Judge each demand by what the stores were found to hold."""
    return (_three_copies(custody), _two_kinds(custody), _one_elsewhere(custody))


def explanation(custody: Custody) -> Iterator[str]:
    """Lay it out for people, demand by demand, each remedy below it."""
    for part in parts(custody):
        yield f"  {part.name:<15} {'yes' if part.kept else 'NO':<4} {part.because}"
        if part.remedy:
            yield from (f"                       {line}" for line in part.remedy.splitlines())


def _three_copies(custody: Custody) -> Part:
    there = ["the live database", *(held.place.label for held in custody.counted)]
    kept = custody.copies >= 3
    return Part("three copies", kept, _listed(there), "" if kept else _fill(custody, custody.holdings) or _add(custody))


def _two_kinds(custody: Custody) -> Part:
    kinds = sorted({held.place.kind for held in custody.counted})
    names = {"bucket": "object storage", "directory": "a mounted disk"}
    because = _listed(["the database server's disks", *(names[kind] for kind in kinds)])
    kept = custody.kinds >= 2
    return Part("two kinds", kept, because, "" if kept else _fill(custody, custody.holdings) or _add(custody))


def _one_elsewhere(custody: Custody) -> Part:
    primary = custody.holdings[0].place
    far = [held.place for held in custody.holdings if _is_elsewhere(held.place, primary)]
    counted = [held.place for held in custody.counted if held.place in far]
    if counted:
        return Part("one elsewhere", True, _listed([f"{place.label} in {place.where}" for place in counted]))
    than = f" than {primary.where}" if primary.kind == "bucket" else ""
    because = f"no bucket in another region{than} can be restored from"
    if any(held.place.kind == "directory" for held in custody.holdings[1:]):
        because += "; where a directory's disk stands, drx cannot tell"
    idle = [held for held in custody.holdings if held.place in far]
    return Part("one elsewhere", False, because, _fill(custody, idle) or _add(custody))


def _is_elsewhere(place: Place, primary: Place) -> bool:
    return place.kind == "bucket" and place.where != primary.where


def _fill(custody: Custody, holdings: "tuple[Holding, ...] | list[Holding]") -> str:
    """Say how stores come to count that are configured already; empty where all of them do."""
    idle = [held for held in holdings if not held.reaches]
    unread = [held for held in idle if held.problem]
    if unread:
        return f"Make {_listed([held.place.label for held in unread])} readable: {unread[0].problem}"
    if not idle:
        return ""
    return f"Fill {_listed([held.place.label for held in idle])}: drx run nightly-backup"


def _add(custody: Custody) -> str:
    """Write the line of drx.yaml that a copy elsewhere takes; where there is none, that is the one to add."""
    place = custody.holdings[0].place
    name = re.sub(r"[^a-z0-9]+", "-", place.label.lower()).strip("-")[:_NAME_LENGTH] or "backups"
    region = _ELSEWHERE.get(place.where.rpartition(" ")[2].partition("-")[0], _EUROPE)
    return (
        "Make a bucket in another region, and add it to drx.yaml, below backups: copies:\n"
        f"  - {{s3: {{bucket: {name}-{region}, region: {region}}}}}"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names)
