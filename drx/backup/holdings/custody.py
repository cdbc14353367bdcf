"""Judge by the rule 3-2-1 what stores were found to hold: three copies, two kinds of storage, one elsewhere.

Pure. The live database is one copy and a kind of its own. A store counts once something can be restored from it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from drx.units import show_duration

_NAMED = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A store: `label` is short, `name` unmistakable, `where` the server and region it lies at."""

    label: str
    name: str
    kind: Literal["bucket", "directory"]
    where: str

    @property
    def vessel(self) -> tuple[str, str]:
        """What is lost as a whole: the bucket, whatever the prefix in it, or the directory."""
        return self.where, self.label if self.kind == "bucket" else self.name


@dataclass(frozen=True, slots=True)
class Holding:
    """What one store was found to hold of a service.

    `reaches` is the newest moment that can be restored from it alone; `lacking` names the first objects that it should
    hold and does not, of `lacking_count`; `problem` says why it could not be read.
    """

    place: Place
    reaches: datetime | None = None
    lacking: tuple[str, ...] = ()
    lacking_count: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Custody:
    """Every store and what it holds, the primary one first."""

    holdings: tuple[Holding, ...]

    @property
    def counted(self) -> tuple[Holding, ...]:
        """Stores that can be restored from, each once: two prefixes of one bucket are lost together."""
        vessels = {holding.place.vessel: holding for holding in reversed(self.holdings) if holding.reaches}
        return tuple(holding for holding in self.holdings if vessels.get(holding.place.vessel) is holding)

    @property
    def copies(self) -> int:
        """How many copies there are with the live database."""
        return 1 + len(self.counted)

    @property
    def kinds(self) -> int:
        """How many kinds of storage they lie on with the database server."""
        return 1 + len({holding.place.kind for holding in self.counted})

    @property
    def elsewhere(self) -> int:
        """How many lie in a bucket at another server or region than the primary store; a directory may be anywhere."""
        primary = self.holdings[0].place
        return sum(holding.place.kind == "bucket" and holding.place.where != primary.where for holding in self.counted)

    @property
    def holds(self) -> bool:
        """Whether the rule is kept."""
        return self.copies >= 3 and self.kinds >= 2 and self.elsewhere >= 1

    @property
    def sound(self) -> bool:
        """Whether the rule is kept, and every store can be read and lacks nothing."""
        return self.holds and not any(holding.problem or holding.lacking_count for holding in self.holdings)

    def behind(self, holding: Holding) -> timedelta:
        """How far a store lags behind the newest moment that any can restore."""
        newest = max((each.reaches for each in self.holdings if each.reaches), default=None)
        return newest - holding.reaches if newest and holding.reaches else timedelta()


def sentence(custody: Custody) -> str:
    """Say it in one line: `3 copies, 2 kinds, 1 elsewhere: yes (backups-eu copy 4h behind)`."""
    remarks = "; ".join(_remarks(custody))
    found = f"{_count(custody.copies, 'copy', 'copies')}, {_count(custody.kinds, 'kind', 'kinds')}, "
    verdict = "yes" if custody.holds else "no"
    return f"{found}{custody.elsewhere} elsewhere: {verdict}" + (f" ({remarks})" if remarks else "")


def _remarks(custody: Custody) -> Iterator[str]:
    for number, holding in enumerate(custody.holdings):
        name = f"{holding.place.label} {'copy' if number else 'store'}"
        behind = custody.behind(holding)
        if holding.problem:
            yield f"{name} {'could not be checked whole' if holding.reaches else 'cannot be read'}"
        elif not holding.reaches:
            yield f"{name} holds nothing to restore"
        elif behind:
            yield f"{name} {show_duration(behind)} behind"
        if holding.lacking_count:
            yield f"{name} lacks {_count(holding.lacking_count, 'file', 'files')}"


def table(custody: Custody) -> Iterator[str]:
    """Lay it out for people: for each store its name, where it lies, what it restores, and what is wrong with it."""
    for number, holding in enumerate(custody.holdings):
        reaches = f"restores up to {holding.reaches:%Y-%m-%d %H:%M:%S} UTC" if holding.reaches else "restores nothing"
        yield f"{'copy   ' if number else 'primary'}  {holding.place.name} ({holding.place.where})"
        yield f"         {', '.join((reaches, *_wrong(custody, holding)))}"


def _wrong(custody: Custody, holding: Holding) -> Iterator[str]:
    if holding.problem:
        yield holding.problem
    if behind := custody.behind(holding):
        yield f"{show_duration(behind)} behind"
    if holding.lacking_count:
        named = ", ".join(holding.lacking[:_NAMED])
        more = holding.lacking_count - len(holding.lacking[:_NAMED])
        yield f"lacks {named}" + (f" and {more:,} more" if more else "")


def shown(custody: Custody) -> dict[str, object]:
    """Lay it out for machines."""
    return {
        "copies": custody.copies,
        "kinds": custody.kinds,
        "elsewhere": custody.elsewhere,
        "holds": custody.holds,
        "stores": [_holding_shown(custody, holding) for holding in custody.holdings],
    }


def _holding_shown(custody: Custody, holding: Holding) -> dict[str, object]:
    return {
        "store": holding.place.name,
        "kind": holding.place.kind,
        "where": holding.place.where,
        "restores_up_to": holding.reaches.isoformat().replace("+00:00", "Z") if holding.reaches else None,
        "behind_seconds": custody.behind(holding).total_seconds() if holding.reaches else None,
        "lacking": list(holding.lacking),
        "lacking_count": holding.lacking_count,
        "problem": holding.problem or None,
    }


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
