"""Delete from one store what no rule keeps (holdings/retention.py). Safe to interrupt, and to repeat.

A manifest goes first, so that what is half deleted never counts, and is cleared away as unfinished the next time.
Differentials go before bases, and bases before slices: what still counts has all that it needs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from bson import Timestamp

from drx.backup.format.catalog import MANIFEST
from drx.backup.format.pieces import Listed, list_oplog
from drx.backup.holdings.inventory import Backup, list_all, moment_of, span_of
from drx.backup.holdings.pruned import Decision, Pruned
from drx.backup.holdings.retention import Judgement, Rules, judge
from drx.backup.stores.base import Store
from drx.backup.uploads.prune import prune_uploads
from drx.errors import StoreError
from drx.units import show_duration


def prune(
    store: Store, service: str, rules: Rules, *, dry_run: bool, check: Callable[[], None], uploads_hold: str = ""
) -> Pruned:
    """Judge everything that a store holds of a service, and delete what no rule keeps.

    With `dry_run` nothing is changed. `check` is called often, and raises where it has to stop. `uploads_hold` says why
    nothing of the uploads may be deleted, be it that they are being backed up. A refusal of the store is kept in the
    answer, and the rest goes on. Raises StoreError where it cannot be read, or refuses many times.
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
        for verdict in judgement.verdicts:
            if verdict.keep and verdict.backup.state == "whole" and verdict.backup.uploads:
                store.abandon(verdict.backup.name)  # killed just after it was finished
        store.abandon(f"{service}/oplog/", before=rules.now - rules.unfinished_for)
    uploads_hold = judgement.hold or uploads_hold
    prune_uploads(store, service, rules, work.outcome, dry_run=dry_run, check=check, hold=uploads_hold)
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
        with self.outcome.counting(found.stored_bytes, self.check):
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
        with self.outcome.counting(piece.size_bytes, self.check):
            if not self.dry_run:
                if piece.counts:
                    self.store.delete(piece.manifest_key)
                self.store.delete(piece.data_key)


def _reach(start: Timestamp, end: Timestamp) -> str:
    return " - ".join(f"{moment_of(each):%Y-%m-%d %H:%M:%S}" for each in (start, end))
