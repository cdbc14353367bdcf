"""Hold a database against the ledger: what is missing, different, extra, and up to when all of it is there. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from drx.sandbox.ledger import History, Version
from drx.units import show_time

Fault = Literal["missing", "different", "extra"]
_EXAMPLES = 5


@dataclass
class Counts:
    """How the documents of one collection compare."""

    expected: int = 0
    found: int = 0
    missing: int = 0
    different: int = 0
    extra: int = 0


@dataclass(frozen=True)
class Comparison:
    """The verdict on a whole database."""

    collections: Mapping[str, Counts]
    examples: tuple[str, ...]
    """The first few documents at fault, for people."""
    writes: int
    in_flight: int
    last_write_at: datetime | None
    proven_until: datetime | None
    """The last write such that it and every one before it is there; None if not even the first is."""

    def total(self, fault: Fault) -> int:
        """How many documents are at fault in this way."""
        return sum(getattr(counts, fault) for counts in self.collections.values())

    @property
    def equal(self) -> bool:
        """Whether the database holds exactly what the ledger says, with at least one write to prove it by."""
        faults = self.total("missing") + self.total("different") + self.total("extra")
        return self.writes > 0 and faults == 0

    def summary(self, database: str) -> str:
        """The verdict in a sentence or two, for people."""
        expected = sum(counts.expected for counts in self.collections.values())
        if self.equal:
            return f"all {expected} documents of '{database}' are as the ledger's {self.writes} writes left them"
        if not self.writes:
            return f"the ledger holds no write to prove '{database}' by"
        counted = ", ".join(f"{self.total(fault)} {fault}" for fault in get_args(Fault))
        until = show_time(self.proven_until) if self.proven_until else "never"
        return f"'{database}' is not as {self.writes} writes left it: {counted} of {expected}; " + "; ".join(
            (*self.examples, f"proven until {until}")
        )


@dataclass
class _Tally:
    collections: dict[str, Counts] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    """Line numbers of certain writes that are not there, at least the first of each document."""


def compare(history: History, found: Mapping[str, Mapping[str, str]]) -> Comparison:
    """Judge `found`, digests by collection and `_id`, against every document's history.

    A write in flight may be there or not; every other must be.
    """
    tally = _Tally()
    for collection in sorted(history.documents.keys() | found.keys()):
        counts = tally.collections.setdefault(collection, Counts())
        histories, digests = history.documents.get(collection, {}), found.get(collection, {})
        counts.found = len(digests)
        for name, versions in histories.items():
            counts.expected += _settled_digest(versions) is not None
            _judge(tally, collection, name, versions, digests.get(name))
        for name in digests.keys() - histories.keys():
            _blame(tally, collection, name, "extra")
    return Comparison(
        tally.collections,
        tuple(tally.examples),
        history.writes,
        history.in_flight,
        history.last_write_at,
        _proven_until(history, min(tally.lost, default=None)),
    )


def _judge(tally: _Tally, collection: str, name: str, versions: list[Version], digest: str | None) -> None:
    settled = _settled_digest(versions)
    if digest == settled or digest in _in_flight_digests(versions):
        return
    _blame(tally, collection, name, "missing" if digest is None else "extra" if settled is None else "different")
    tally.lost.append(_first_lost(versions, digest))


def _settled_digest(versions: list[Version]) -> str | None:
    return next((version.sha256 for version in reversed(versions) if version.certain), None)


def _in_flight_digests(versions: list[Version]) -> list[str | None]:
    """What writes may have left that were in flight after the last certain one."""
    last = max((index for index, version in enumerate(versions) if version.certain), default=-1)
    return [version.sha256 for version in versions[last + 1 :]]


def _first_lost(versions: list[Version], digest: str | None) -> int:
    """Number of the first certain write after the version that was found; of the very first if none was."""
    kept = max((index for index, version in enumerate(versions) if version.sha256 == digest), default=-1)
    lost = (version.number for version in versions[kept + 1 :] if version.certain)
    return next(lost, versions[0].number)


def _blame(tally: _Tally, collection: str, name: str, fault: Fault) -> None:
    counts = tally.collections[collection]
    match fault:
        case "missing":
            counts.missing += 1
        case "different":
            counts.different += 1
        case "extra":
            counts.extra += 1
    if len(tally.examples) < _EXAMPLES:
        tally.examples.append(f"{fault}: {collection} {name}")


def _proven_until(history: History, first_lost: int | None) -> datetime | None:
    if first_lost is None:
        return history.last_write_at
    proven = (
        (version.number, version.at)
        for histories in history.documents.values()
        for versions in histories.values()
        for version in versions
        if version.certain and version.number < first_lost
    )
    return max(proven, default=(0, None))[1]
