"""Work out which moments a store can restore, and what lies in between. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from bson import Timestamp

from drx.backup.holdings.inventory import Backup, Facts, Slice, moment_of
from drx.backup.server.lineage import may_continue


@dataclass(frozen=True, slots=True)
class Span:
    """Every second from `start` to `end` can be restored; a single moment where they are the same.

    `backup` is the id of the base or differential that it begins with.
    """

    start: Timestamp
    end: Timestamp
    backup: str

    @property
    def is_point(self) -> bool:
        """Whether it is a single moment."""
        return self.start == self.end


@dataclass(frozen=True, slots=True)
class Gap:
    """Nothing between `start` and `end` can be restored; without `end`, until a new base is taken.

    `is_policy` says that nobody wanted it: retention keeps single bases from that long ago.
    """

    start: Timestamp
    end: Timestamp | None
    cause: str
    is_policy: bool = False


@dataclass(frozen=True, slots=True)
class Window:
    """The moments that can be restored, oldest first, and the gaps between and after them."""

    spans: tuple[Span, ...]
    gaps: tuple[Gap, ...]


@dataclass(slots=True)
class _Run:
    """Slices of one server that follow one another; `gap` is what the first one says of the time before it."""

    start: Timestamp
    end: Timestamp
    gap: str
    server: str | None


@dataclass(slots=True)
class Oplog:
    """What is archived of the oplog: slices joined as they come, oldest first, and those that are lost."""

    runs: list[_Run] = field(default_factory=list)
    lost: list[Slice] = field(default_factory=list)
    slices: int = 0
    stored_bytes: int = 0

    def add(self, found: Slice) -> None:
        """Take the next slice."""
        self.slices += 1
        self.stored_bytes += found.stored_bytes
        if found.state != "whole":
            self.lost.append(found)
            return
        before = next((run for run in reversed(self.runs) if may_continue(run.server, found.server)), None)
        if before and found.start <= before.end:
            before.end, before.server = max(before.end, found.end), before.server or found.server
        else:
            self.runs.append(_Run(found.start, found.end, found.gap, found.server))

    def reach(self, moment: Timestamp, server: str | None) -> Timestamp:
        """Say how far a server's oplog leads on from a moment without a gap."""
        own = (run for run in self.runs if may_continue(run.server, server))
        return max((run.end for run in own if run.start <= moment), default=moment)


def read_oplog(slices: Iterable[Slice], database: str | None = None) -> Oplog:
    """Join the slices of a database; of a lost slice nobody knows whose it was, so that it counts."""
    oplog = Oplog()
    for found in slices:
        if not database or found.database in (database, ""):
            oplog.add(found)
    return oplog


def find_window(backups: Iterable[Backup], oplog: Oplog, kept_since: Timestamp | None = None) -> Window:
    """Find the moments that these backups and this oplog restore.

    Gaps that end before `kept_since` are retention's own.
    """
    spans = _spans(backups, oplog)
    gaps = []
    for before, after in pairwise(spans):
        is_policy = kept_since is not None and after.start <= kept_since
        gaps.append(Gap(before.end, after.start, _cause(oplog, before.end, after.start), is_policy))
    if spans:
        ends = [run.end for run in oplog.runs] + [lost.end for lost in oplog.lost]
        newest = max(ends, default=spans[-1].end)
        if newest > spans[-1].end:
            gaps.append(Gap(spans[-1].end, None, _cause(oplog, spans[-1].end, newest)))
    return Window(tuple(spans), tuple(gaps))


def _starts(backups: Iterable[Backup]) -> list[tuple[str, Facts]]:
    """List the moments that backups restore by themselves; a differential needs its base for it."""
    whole = [(found, found.facts) for found in backups if found.state == "whole" and found.facts]
    bases = {found.id for found, _ in whole if found.kind == "full"}
    usable = ((found.id, facts) for found, facts in whole if found.kind == "full" or facts.parent in bases)
    return sorted(usable, key=lambda pair: (pair[1].end, pair[0]))


def _spans(backups: Iterable[Backup], oplog: Oplog) -> list[Span]:
    spans: list[Span] = []
    for backup_id, facts in _starts(backups):
        end = facts.end
        reach = max(oplog.reach(end, facts.server), end)
        if spans and end <= spans[-1].end:
            spans[-1] = Span(spans[-1].start, max(reach, spans[-1].end), spans[-1].backup)
        else:
            spans.append(Span(end, reach, backup_id))
    return spans


def _cause(oplog: Oplog, start: Timestamp, end: Timestamp) -> str:
    """Say why the oplog does not lead from one moment to another."""
    for lost in oplog.lost:
        if lost.end > start and lost.start < end:
            return lost.problem
    later: Sequence[_Run] = [run for run in oplog.runs if start < run.start < end]
    if not later:
        is_foreign = any(run.start <= start < run.end for run in oplog.runs)
        return "the slices after it are of another server's oplog" if is_foreign else "no slice was taken"
    if later[0].gap:
        return later[0].gap
    until = moment_of(later[0].start)
    return f"no slice holds the oplog between {moment_of(start):%Y-%m-%d %H:%M:%S} and {until:%Y-%m-%d %H:%M:%S} UTC"
