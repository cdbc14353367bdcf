"""Decide what brings one object of the uploads back to a moment. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from drx.backup.uploads.listing import ARCHIVED, Version, is_as_of
from drx.backup.uploads.points import Item


@dataclass(frozen=True, slots=True)
class Undelete:
    """Take these delete markers away: the version of the moment is right beneath."""

    markers: tuple[Version, ...]


@dataclass(frozen=True, slots=True)
class CopyVersion:
    """Copy this version to where `over` is: the ETag of what is there, or None where nothing is."""

    version: Version
    over: str | None


@dataclass(frozen=True, slots=True)
class CopyStored:
    """Copy what the store holds, as with a version: the bucket has none of that moment."""

    item: Item
    over: str | None


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing to do: it is as it was, or is newer than the moment."""

    why: Literal["same", "extra", "absent"]


@dataclass(frozen=True, slots=True)
class Impossible:
    """It was there, and cannot be brought back as it is."""

    problem: str


Choice = Undelete | CopyVersion | CopyStored | Leave | Impossible


@dataclass(frozen=True, slots=True)
class Present:
    """What readers see of one object now."""

    etag: str
    size_bytes: int


def wanted_at(versions: Sequence[Version], item: Item | None, moment: datetime) -> Version | Item | None:
    """Give what was there at a moment: a version, else what the inventory says; None where there was nothing."""
    found = next((version for version in versions if is_as_of(version, moment)), None)
    if found:
        return None if found.is_marker else found
    return item


def choose(key: str, versions: Sequence[Version], item: Item | None, moment: datetime) -> Choice:
    """Decide for one key of the bucket itself. `versions` are all it has of it, the newest first.

    Nothing newer than the moment is deleted: it is `extra`.
    """
    now = versions[0] if versions and not versions[0].is_marker else None
    present = Present(now.etag, now.size_bytes) if now else None
    wanted = wanted_at(versions, item, moment)
    if isinstance(wanted, Version) and present is None:
        newer = versions[: versions.index(wanted)]
        if all(each.is_marker for each in newer):
            return Undelete(tuple(newer))
    return choose_elsewhere(key, wanted, present)


def choose_elsewhere(key: str, wanted: Version | Item | None, present: Present | None) -> Choice:
    """Decide for one key where what is wanted has to be copied to; `present` is what is there."""
    if wanted is None:
        return Leave("extra" if present else "absent")
    if present == Present(wanted.etag, wanted.size_bytes):
        return Leave("same")
    over = present.etag if present else None
    if isinstance(wanted, Version):
        if wanted.storage_class in ARCHIVED:
            return Impossible(f"{key}: its version {wanted.version_id} is archived ({wanted.storage_class}): thaw it")
        return CopyVersion(wanted, over)
    if not wanted.object:
        return Impossible(f"{key}: it was archived ({wanted.storage_class}) and is in no backup")
    return CopyStored(wanted, over)


def merged(
    versions: Iterator[tuple[str, list[Version]]], items: Iterator[Item]
) -> Iterator[tuple[str, list[Version], Item | None]]:
    """Lay the versions of each key beside what an inventory says of it; both come in the order of keys."""
    found, item = next(versions, None), next(items, None)
    while found or item:
        if found and (item is None or found[0].encode() < item.key.encode()):
            yield *found, None
            found = next(versions, None)
        elif item and (found is None or item.key.encode() < found[0].encode()):
            yield item.key, [], item
            item = next(items, None)
        elif found:
            yield *found, item
            found, item = next(versions, None), next(items, None)
