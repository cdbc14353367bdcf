"""Decide which backups of one store are kept, and why. Pure: no clock, no store.

`within` keeps any second: the bases since then, the newest base before, and all oplog after that one. For what is
older, `daily`, `weekly`, `monthly` and `yearly` keep the last base of each of so many days, weeks and so on that have
one, as restic does, and also the oldest base where there are not enough; `minimum` keeps the newest ones, as pgBackRest
does. Days are in UTC, weeks are ISO weeks, and a base counts at the moment it is consistent at.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bson import Timestamp

from drx.backup.holdings.inventory import Backup, Facts
from drx.config import Retention
from drx.units import show_duration

_PERIODS: Mapping[str, Callable[[datetime], str]] = {
    "daily": lambda at: f"{at:%Y-%m-%d}",
    "weekly": lambda at: f"{at:%G-W%V}",
    "monthly": lambda at: f"{at:%Y-%m}",
    "yearly": lambda at: f"{at:%Y}",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """How long backups are kept, judged at one moment."""

    policy: Retention
    now: datetime
    newest_within: timedelta | None = None
    """The newest base must not be older than this, or nothing is deleted."""
    unfinished_for: timedelta = timedelta(days=1)
    """So long an unfinished backup is left alone: it may still be going on."""

    @property
    def edge(self) -> datetime:
        """Since when any second is kept."""
        return self.now - self.policy.within


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one backup, and why."""

    backup: Backup
    keep: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of everything in a store."""

    verdicts: tuple[Verdict, ...]
    """Oldest first."""
    kept_since: Timestamp | None
    """Oplog that ends here or before is needed for no second that is kept; None where all of it is."""
    hold: str = ""
    """Why nothing at all is deleted, where something is wrong."""

    @property
    def doomed(self) -> tuple[Verdict, ...]:
        """What goes."""
        return tuple(verdict for verdict in self.verdicts if not verdict.keep)

    def keeps_oplog(self, end: Timestamp) -> bool:
        """Whether a piece of oplog that ends there is kept."""
        return bool(self.hold) or self.kept_since is None or end > self.kept_since


def judge(backups: Sequence[Backup], rules: Rules, protected: Mapping[str, str] | None = None) -> Judgement:
    """Decide about every base and differential of a store.

    `protected` says by name why the store would refuse to delete some. Each database is judged by itself. Nothing at
    all is deleted without a good base, nor while the newest backup is unfinished or damaged: it may have to be made up
    for by an older one.
    """
    databases = sorted({found.facts.database for found in backups if found.facts})
    groups = [_Group(database, backups, rules, protected or {}) for database in databases]
    hold = _hold(backups, rules, groups)
    verdicts = [verdict for group in groups for verdict in group.verdicts()]
    verdicts += [_judge_dateless(found, rules) for found in backups if not found.facts]
    if hold:
        verdicts = [verdict if verdict.keep else Verdict(verdict.backup, True, (hold,)) for verdict in verdicts]
    order = {id(found): number for number, found in enumerate(backups)}
    verdicts.sort(key=lambda verdict: order[id(verdict.backup)])
    since = [group.kept_since for group in groups]
    return Judgement(tuple(verdicts), min(since, default=None), hold)


def _hold(backups: Sequence[Backup], rules: Rules, groups: Iterable["_Group"]) -> str:
    """Say why nothing may be deleted: a failed backup deletes nothing. A store without any has nothing to delete."""
    if not backups:
        return ""
    good = {group.database: group.bases[0][1] for group in groups if group.bases}
    lacking = [group.database for group in groups if not group.bases]
    if lacking or not good:
        return "there is no good base" + (f" of the database {lacking[0]}" if lacking else "")
    newest = max(good.values(), key=lambda facts: facts.finished_at)
    for found in backups:
        before = good[found.facts.database] if found.facts else newest
        finished_at = found.facts.finished_at if found.facts else found.written_at
        if found.state != "whole" and (finished_at is None or finished_at > before.finished_at):
            return f"the newest backup, {found.id}, is {found.state}: {found.problem}"
    age = rules.now - newest.consistent_at
    if rules.newest_within is not None and age > rules.newest_within:
        return f"the newest good base is {show_duration(age)} old, not {show_duration(rules.newest_within)}"
    return ""


def _judge_dateless(found: Backup, rules: Rules) -> Verdict:
    """Decide about what has no manifest that can be read; a good base after it is a matter of `_hold`."""
    if found.state == "damaged":
        return Verdict(found, True, ("damaged: look into it, then delete it by hand",))
    limit = show_duration(rules.unfinished_for)
    if found.written_at is None or found.written_at > rules.now - rules.unfinished_for:
        return Verdict(found, True, (f"not finished, and written to less than {limit} ago",))
    return Verdict(found, False, (f"never finished, and not written to for {limit}",))


def periodic(moments: Sequence[datetime], policy: Retention) -> Iterator[tuple[int, str]]:
    """Say which of these moments, the newest first, `daily` and the others keep, and why."""
    for period, name_of in _PERIODS.items():
        count, last = getattr(policy, period), ""
        for number, moment in enumerate(moments):
            if not count:
                break
            name = name_of(moment)
            is_oldest = number == len(moments) - 1
            if name != last or is_oldest:
                yield number, f"{period} {name}" if name != last else f"oldest {period}"
                count -= 1
            last = name


@dataclass
class _Group:
    """The backups of one database."""

    database: str
    all: Sequence[Backup]
    rules: Rules
    protected: Mapping[str, str]
    bases: list[tuple[Backup, Facts]] = field(init=False)
    """The good ones, newest first."""
    differentials: list[tuple[Backup, Facts]] = field(init=False)
    damaged: list[Backup] = field(init=False)
    reasons: dict[str, list[str]] = field(init=False, default_factory=dict)
    """Why something is kept, by name."""

    def __post_init__(self) -> None:
        own = [(found, found.facts) for found in self.all if found.facts and found.facts.database == self.database]
        own.sort(key=lambda pair: (pair[1].end, pair[0].id), reverse=True)
        self.damaged = [found for found, _ in own if found.state != "whole"]
        self.bases = [pair for pair in own if pair[0].state == "whole" and pair[0].kind == "full"]
        self.differentials = [pair for pair in own if pair[0].state == "whole" and pair[0].kind == "differential"]

    @property
    def edge(self) -> Timestamp:
        """Since when any second is kept."""
        return Timestamp(max(int(self.rules.edge.timestamp()), 0), 0)

    @property
    def kept_since(self) -> Timestamp:
        """Where the oplog has to begin so that any second since the edge can be restored."""
        before = [facts.end for _, facts in self.bases if facts.end <= self.edge]
        return max(before, default=min([self.edge, *(facts.end for _, facts in self.bases)]))

    def verdicts(self) -> list[Verdict]:
        """Decide about each of them."""
        self._keep_bases()
        for found, facts in self.differentials:
            if facts.end > self.kept_since:
                self._keep(found, self._within)
        for found in (*(found for found, _ in self.bases + self.differentials), *self.damaged):
            if found.name in self.protected:
                self._keep(found, self.protected[found.name])
        for found, facts in self.differentials:
            for base, _ in self.bases:
                if found.name in self.reasons and base.id == facts.parent:
                    self._keep(base, f"the differential {found.id} needs it")
        for found in self.damaged:
            self._keep(found, "damaged: look into it, then delete it by hand")
        everything = [*(found for found, _ in self.bases + self.differentials), *self.damaged]
        return [self._verdict(found) for found in everything]

    @property
    def _within(self) -> str:
        return f"within {show_duration(self.rules.policy.within)}"

    def _keep(self, found: Backup, reason: str) -> None:
        self.reasons.setdefault(found.name, []).append(reason)

    def _verdict(self, found: Backup) -> Verdict:
        if found.name in self.reasons:
            return Verdict(found, True, tuple(self.reasons[found.name]))
        if found.kind == "differential":
            return Verdict(found, False, (f"older than {show_duration(self.rules.policy.within)}",))
        return Verdict(found, False, ("no rule keeps it",))

    def _keep_bases(self) -> None:
        """Keep what the rules name: all recent ones, the one before them, the last of each period, the newest."""
        for found, facts in self.bases:
            if facts.end > self.edge:
                self._keep(found, self._within)
            elif facts.end == self.kept_since:
                self._keep(found, f"{self._within}: the seconds up to the next base need it")
        for number, reason in periodic([facts.consistent_at for _, facts in self.bases], self.rules.policy):
            self._keep(self.bases[number][0], reason)
        for found, _ in self.bases[: max(self.rules.policy.minimum, 1)]:
            self._keep(found, f"one of the newest {self.rules.policy.minimum}" if self.rules.policy.minimum > 1
                       else "the last good one")  # fmt: skip
        for found, _ in [pair for pair in self.bases if pair[0].verified][:1]:
            self._keep(found, "the newest that a restore test has proven")
