"""Delete backups that no rule of drx.yaml keeps: `backup.prune`. Drivers are imported in use."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.locking import locked, locked_or_told
from drx.actions.recovery.in_use import Restores
from drx.actions.servers import address_of, backup_store
from drx.errors import PermanentError, StepError, StoreError
from drx.fields import Duration
from drx.units import show_size

if TYPE_CHECKING:
    from drx.backup.holdings.pruned import Pruned
    from drx.backup.holdings.retention import Rules
    from drx.backup.stores.base import Store

_LINES = 20
_REPORT = "retention.txt"


class Prune(Params):
    dry_run: bool = False
    """Change nothing; say what would go."""
    newest_within: Duration | None = None
    """Delete nothing where the newest base is older than this: backups fail then, and nobody noticed."""
    unfinished_for: Duration = Field(default="1d", validate_default=True)
    """Clear away what was never finished, and not written to for so long."""


@action(
    "backup.prune",
    effect="destroy",
    repeatable=True,
    targets=("store",),
    outputs={
        "kept": "How many bases, differentials, slices and points of the uploads stay, in all stores.",
        "deleted": "How many were deleted, the bytes that no point names any more as one; with `dry_run`, would be.",
        "freed_bytes": "How many bytes these are.",
    },
    by_hand=lambda _: (
        'aws s3 rm "$STORE/$SERVICE/base/$BASE/manifest.json" # first, so that it no longer counts\n'
        'aws s3 rm --recursive "$STORE/$SERVICE/base/$BASE/"'
    ),
)
def prune(params: Prune, context: Context) -> Result:
    """Delete the backups that no rule of `retention` in drx.yaml keeps, in the primary store and in each copy.

    Any second within the span stays: bases, slices, and the base before it. Of what is older, single bases stay, as the
    rules say. Points of the uploads follow the same rules, and the bytes that none of them names go; while the uploads
    are being backed up, they are left alone. The last good base, what something kept needs, and what is under Object
    Lock always stay. While the newest backup is unfinished or damaged, nothing is deleted, and the step fails; an older
    one that is damaged stays, and fails the step, too. So does a restore from the store: it is waited for by pruning
    again. What was never finished is cleared away once there is a good
    base after it. Every decision stands with its reason in an artifact.
    """
    from drx.backup.holdings.retention import Rules

    primary = backup_store(context)
    assert context.target.backups, "backup_store refuses an environment without"
    rules = Rules(context.target.backups.retention, datetime.now(UTC), params.newest_within, params.unfinished_for)
    outcomes, unreachable = call_blocking(context, lambda: _prune_all(params, context, primary, rules), lambda: None)
    (context.artifacts / _REPORT).write_text("\n".join(_report(outcomes)) + "\n", encoding="utf-8")
    lines = tuple(_summary(outcome, params.dry_run) for outcome in outcomes)
    _refuse(outcomes, unreachable, lines)
    return Result(
        {
            "kept": sum(outcome.kept for outcome in outcomes),
            "deleted": sum(outcome.deleted for outcome in outcomes),
            "freed_bytes": sum(outcome.freed_bytes for outcome in outcomes),
        },
        (*_gone(outcomes, _LINES - len(lines)), *lines),
        artifacts=(_REPORT,),
    )


def _prune_all(params: Prune, context: Context, primary: "Store", rules: "Rules") -> "tuple[list[Pruned], list[str]]":
    """Prune one store after the other; one that cannot be reached does not stop the others."""
    from drx.backup.stores import open_store

    outcomes, unreachable = [], []
    stated = context.target.backups.copies if context.target.backups else ()
    with nullcontext() if params.dry_run else locked(context, primary, "base") as lock:
        check = lock.check if lock else context.check
        for store in (primary, *(open_store(address_of(copy)) for copy in stated)):
            try:
                outcomes.append(_prune_one(store, context, rules, check, dry_run=params.dry_run))
            except StoreError as error:
                unreachable.append(error.message)
    return outcomes, unreachable


def _prune_one(
    store: "Store", context: Context, rules: "Rules", check: Callable[[], None], *, dry_run: bool
) -> "Pruned":
    """Prune one store, unless somebody restores from it: a lock that is not to be had is lacking there, too."""
    from drx.backup.prune import prune as prune_store

    service = context.target.service
    if dry_run:
        return prune_store(store, service, rules, dry_run=True, check=check)
    with (
        locked_or_told(context, store, "uploads") as uploads,
        locked_or_told(context, store, "retention") as retention,
    ):
        checks = (check, uploads.check, retention.check, Restores(store, service).check)

        def check_all() -> None:
            for each in checks:
                each()

        return prune_store(store, service, rules, dry_run=False, check=check_all, uploads_hold=uploads.refusal)


def _refuse(outcomes: "list[Pruned]", unreachable: list[str], lines: tuple[str, ...]) -> None:
    """Fail where a store says that something is wrong with its backups, or would not do as it was told."""
    held = [f"{outcome.store}: {outcome.hold}" for outcome in outcomes if outcome.hold]
    if held:
        raise PermanentError(
            f"nothing was deleted in {held[0]}" + (f" (and {len(held) - 1} more stores)" if held[1:] else ""),
            "Take a base, see that it is good, then prune again",
            lines=(*held, *lines),
        )
    damaged = [f"{outcome.store}: {each}" for outcome in outcomes for each in outcome.damaged]
    if damaged:
        raise PermanentError(
            f"a backup is damaged: {damaged[0]}" + (f" (and {len(damaged) - 1} more)" if damaged[1:] else ""),
            "What no rule keeps was deleted. Look into the damaged one, then delete it by hand",
            lines=(*damaged[:_LINES], *lines),
        )
    failures = [*unreachable, *(failure for outcome in outcomes for failure in outcome.failures)]
    if failures:
        more = f" (and {len(failures) - 1} more)" if failures[1:] else ""
        raise StepError(
            f"not everything could be deleted: {failures[0]}{more}",
            "Check the rights to delete, then prune again",
            lines=(*failures[:_LINES], *lines),
        )


def _summary(outcome: "Pruned", dry_run: bool) -> str:
    would = "would be deleted" if dry_run else "deleted"
    return f"{outcome.store}: {outcome.kept:,} kept, {outcome.deleted:,} {would}, {show_size(outcome.freed_bytes)}"


def _gone(outcomes: "list[Pruned]", most: int) -> list[str]:
    """Name what went, with the reasons, as far as there is room."""
    gone = [
        f"{decision.what} ({decision.kind}): {', '.join(decision.reasons)}"
        for outcome in outcomes
        for decision in outcome.decisions
        if not decision.keep
    ]
    return gone if len(gone) <= most else [*gone[: most - 1], f"and {len(gone) - most + 1:,} more, see {_REPORT}"]


def _report(outcomes: "list[Pruned]") -> Iterator[str]:
    """Write every decision with its reasons."""
    for outcome in outcomes:
        yield outcome.store
        for decision in outcome.decisions:
            mark = "keep  " if decision.keep else "delete"
            size = show_size(decision.stored_bytes)
            yield f"  {mark}  {decision.kind:<12}  {decision.what}  {size}  {', '.join(decision.reasons)}"
        yield from (f"  failed  {failure}" for failure in outcome.failures)
