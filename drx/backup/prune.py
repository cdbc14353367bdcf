"""Delete from one store what no rule keeps: see drx.backup.retention. Safe to interrupt at any moment, and to repeat.

A manifest goes first, so that what is half deleted never counts, and is cleared away as unfinished the next time.
Differentials go before bases, and bases before slices: what still counts has all that it needs.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from bson import Timestamp

from drx.backup.catalog import MANIFEST
from drx.backup.inventory import Backup, list_all, moment_of, span_of
from drx.backup.pieces import Listed, list_oplog
from drx.backup.retention import Judgement, Rules, judge
from drx.backup.stores.base import Store
from drx.errors import StoreError
from drx.units import show_duration

_MOST_FAILURES = 20


@dataclass(frozen=True, slots=True)
class Decision:
    """One backup, or slices one after the other that share a fate."""

    what: str
    """Id of a backup; from when to when the slices reach."""
    kind: str
    """`full`, `differential`, `slices` or `unfinished slices`."""
    keep: bool
    reasons: tuple[str, ...]
    stored_bytes: int
    pieces: int = 1
    """How many slices these are."""


@dataclass
class Pruned:
    """What came of pruning a store: nothing but decisions where nothing was to be changed."""

    store: str
    hold: str = ""
    """Why nothing at all may be deleted."""
    decisions: list[Decision] = field(default_factory=list)
    deleted: int = 0
    """How many backups and slices went, or would."""
    freed_bytes: int = 0
    damaged: list[str] = field(default_factory=list)
    """Backups that cannot be restored, and why; they stay, and count for no rule."""
    failures: list[str] = field(default_factory=list)
    """What it could not delete, in the store's words."""

    @property
    def kept(self) -> int:
        """How many backups and slices stay."""
        return sum(decision.pieces for decision in self.decisions if decision.keep)


def prune(store: Store, service: str, rules: Rules, *, dry_run: bool, check: Callable[[], None]) -> Pruned:
    """Judge everything that a store holds of a service, and delete what no rule keeps.

    With `dry_run` nothing is changed. `check` is called often, and raises where it has to stop. A refusal of the store
    is kept in the answer, and the rest goes on. Raises StoreError where it cannot be read, or refuses many times.
    """
    judgement = _judged(store, service, rules)
    work = _Pruning(store, judgement, rules, dry_run, check, Pruned(store.describe(), judgement.hold))
    for verdict in judgement.verdicts:
        found = verdict.backup
        if found.state == "damaged":
            work.outcome.damaged.append(f"{found.id}: {found.problem}")
        work.outcome.decisions.append(Decision(found.id, found.kind, verdict.keep, verdict.reasons, found.stored_bytes))
    for verdict in sorted(judgement.doomed, key=lambda verdict: verdict.backup.kind == "full"):
        work.delete_backup(verdict.backup)
    work.judge_slices(service)
    if not dry_run and not judgement.hold:
        store.abandon(f"{service}/oplog/", before=rules.now - rules.unfinished_for)
    return work.outcome


def _judged(store: Store, service: str, rules: Rules) -> Judgement:
    """Judge, ask the store what it protects of what would go, and judge again: what is protected may need more."""
    backups = list_all(store, service)
    judgement = judge(backups, rules)
    protected = {
        verdict.backup.name: reason
        for verdict in judgement.doomed
        if verdict.backup.facts and (reason := store.protection(verdict.backup.name + MANIFEST))
    }
    return judge(backups, rules, protected) if protected else judgement


@dataclass
class _Pruning:
    store: Store
    judgement: Judgement
    rules: Rules
    dry_run: bool
    check: Callable[[], None]
    outcome: Pruned

    def delete_backup(self, found: Backup) -> None:
        """Delete a base or a differential; what was never finished only as long as it is not."""
        manifest = found.name + MANIFEST
        with self._counting(found.stored_bytes):
            if self.dry_run:
                return
            if found.facts:
                self.store.delete(manifest)
            self.store.abandon(found.name)
            for entry in self.store.list(found.name):
                self.check()
                if entry.key == manifest:
                    raise StoreError(f"{self.store.describe()}/{manifest} was written meanwhile", "Prune again")
                self.store.delete(entry.key)

    def judge_slices(self, service: str) -> None:
        """Decide about every slice, oldest first, and delete those that no second needs."""
        newest = max((span[1] for piece, span in self._spans(service) if piece.counts), default=None)
        last: Decision | None = None
        for piece, (start, end) in self._spans(service):
            keep, reason = self._fate(piece, end, newest)
            if not keep:
                self._delete_slice(piece)
            kind = "slices" if piece.counts else "unfinished slices"
            decision = Decision(_reach(start, end), kind, keep, (reason,), piece.size_bytes)
            if last and (last.kind, last.keep, last.reasons) == (kind, keep, (reason,)):
                decision = replace(
                    last, what=f"{last.what.partition(' - ')[0]} - {decision.what.partition(' - ')[2]}",
                    stored_bytes=last.stored_bytes + piece.size_bytes, pieces=last.pieces + 1,
                )  # fmt: skip
                self.outcome.decisions.pop()
            self.outcome.decisions.append(decision)
            last = decision

    def _spans(self, service: str) -> Iterator[tuple[Listed, tuple[Timestamp, Timestamp]]]:
        for piece in list_oplog(self.store, service):
            self.check()
            if span := span_of(piece):
                yield piece, span

    def _fate(self, piece: Listed, end: Timestamp, newest: Timestamp | None) -> tuple[bool, str]:
        """Say whether a slice stays, and why."""
        if not piece.counts:
            young = piece.written_at is None or piece.written_at > self.rules.now - self.rules.unfinished_for
            if young or self.judgement.hold:
                return True, self.judgement.hold or "not finished yet"
            return False, "never finished"
        if self.judgement.hold:
            return True, self.judgement.hold
        if self.judgement.keeps_oplog(end):
            return True, f"within {show_duration(self.rules.policy.within)}"
        if end == newest:
            return True, "the newest: the next slice continues it"
        reason = self.store.protection(piece.manifest_key)
        return bool(reason), reason or f"older than {show_duration(self.rules.policy.within)}: only bases are kept"

    def _delete_slice(self, piece: Listed) -> None:
        with self._counting(piece.size_bytes):
            if not self.dry_run:
                if piece.counts:
                    self.store.delete(piece.manifest_key)
                self.store.delete(piece.data_key)

    @contextmanager
    def _counting(self, size_bytes: int) -> Iterator[None]:
        """Count what is deleted, and keep what the store says where it is not."""
        self.check()
        try:
            yield
        except StoreError as error:
            self.outcome.failures.append(error.message)
            if len(self.outcome.failures) >= _MOST_FAILURES:
                raise
        else:
            self.outcome.deleted += 1
            self.outcome.freed_bytes += size_bytes


def _reach(start: Timestamp, end: Timestamp) -> str:
    return " - ".join(f"{moment_of(each):%Y-%m-%d %H:%M:%S}" for each in (start, end))
