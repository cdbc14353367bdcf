"""`drx backups prune` and `drx backups verify`: runs of one step. A dry run only reads, and shows each decision."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from drx.cli.operation import Operation
from drx.cli.stores import Opened
from drx.cli.tables import print_table
from drx.errors import ExitCode, StoreError, UsageError
from drx.units import show_size

if TYPE_CHECKING:
    from drx.backup.holdings.pruned import Pruned

PRUNE = Operation("backups-prune", "Delete the backups that no rule keeps", "backup.prune", {}, expect="10m")


def verification(opened: Opened, backup: str | None, *, everything: bool) -> Operation:
    """The operation that reads one backup back, the newest base, or everything.

    Raises UsageError for a backup that is none, and where both are asked for.
    """
    from drx.cli.backups.list import find_backup

    if backup and everything:
        raise UsageError("--all reads everything back, also that one", "Leave out the id, or --all")
    parameters: dict[str, object] = {"everything": True} if everything else {}
    if backup:
        parameters = {"base": find_backup(opened, backup).id}
    return Operation("backups-verify", "Read backups back, and hold every byte against its checksum", "backup.verify",
                     parameters, expect="30m")  # fmt: skip


def dry_run(stores: Iterator[Opened], *, as_json: bool) -> int:
    """Say what would go from each store, and why; an exit code of 4 says that nothing may be deleted in one."""
    now = datetime.now(UTC)
    outcomes = [(opened, _judged(opened, now)) for opened in stores]
    if as_json:
        print(json.dumps([_as_dict(opened, outcome) for opened, outcome in outcomes], indent=1, ensure_ascii=False))
    else:
        for opened, outcome in outcomes:
            _print(opened, outcome)
    return ExitCode.FAILED if any(outcome.hold for _, outcome in outcomes) else ExitCode.OK


def _judged(opened: Opened, now: datetime) -> "Pruned":
    """Judge one store; that it cannot be read is a reason to delete nothing there, and hides no other store."""
    from drx.backup.holdings.pruned import Pruned
    from drx.backup.holdings.retention import Rules
    from drx.backup.prune import prune

    assert opened.target.backups
    rules = Rules(opened.target.backups.retention, now)
    try:
        return prune(opened.store, opened.service, rules, dry_run=True, check=lambda: None)
    except StoreError as error:
        return Pruned(opened.store.describe(), hold=str(error))


def _as_dict(opened: Opened, outcome: "Pruned") -> dict[str, object]:
    return {
        "store": outcome.store,
        "label": opened.label,
        "hold": outcome.hold or None,
        "kept": outcome.kept,
        "deleted": outcome.deleted,
        "freed_bytes": outcome.freed_bytes,
        "decisions": [
            {
                "what": each.what, "kind": each.kind, "keep": each.keep, "reasons": list(each.reasons),
                "pieces": each.pieces, "stored_bytes": each.stored_bytes,
            }
            for each in outcome.decisions
        ],
    }  # fmt: skip


def _print(opened: Opened, outcome: "Pruned") -> None:
    print(opened.heading)
    rows = [
        ("keep" if each.keep else "delete", each.kind, f"{each.pieces:,}", show_size(each.stored_bytes), each.what,
         ", ".join(each.reasons))
        for each in outcome.decisions
    ]  # fmt: skip
    if rows:
        print_table(("", "kind", "number", "stored", "what", "why"), rows, right=(2, 3), folded=(4,))
    if outcome.hold:
        print(f"NOTHING MAY BE DELETED: {outcome.hold}")
    print(
        f"{outcome.kept:,} stay, {outcome.deleted:,} would go, {show_size(outcome.freed_bytes)}; nothing was changed\n"
    )
