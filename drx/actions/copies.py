"""Bring the copies of the backup store up to date: `backup.copy`. Drivers are imported in use."""

from typing import TYPE_CHECKING

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.locking import locked
from drx.actions.servers import address_of, backup_store
from drx.errors import StepError

if TYPE_CHECKING:
    from drx.backup.copies import Outcome

_LINES = 20


class Copy(Params):
    reread: bool = False
    """Read everything that is in the copies back, not only what is copied now, and mend what was altered."""


@action(
    "backup.copy",
    effect="write",
    repeatable=True,
    targets=("store",),
    outputs={
        "copies": "How many copies there are beside the primary store.",
        "files": "How many files were copied.",
        "size_bytes": "How many bytes these are.",
    },
    by_hand=lambda _: (
        'aws s3 sync --size-only --exclude "*.json" "$STORE/$SERVICE" "$COPY/$SERVICE" # for each copy\n'
        'aws s3 sync "$STORE/$SERVICE" "$COPY/$SERVICE" # then the manifests'
    ),
)
def copy(params: Copy, context: Context) -> Result:
    """Bring every copy of the backup store up to date: each base, differential and slice that it lacks.

    Inside one S3 service the server copies; otherwise the bytes pass through here. Files come first, the manifest
    last, and all that was copied is read back. What is there and right is not copied again, so that an interrupted
    copy goes on where it was. A copy that fails does not stop the others, and fails the step. So does a copy that lost
    or altered what it held, once: by then it is right again. Nothing is deleted in a copy.
    """
    from drx.backup.copies import bring_up_to_date
    from drx.backup.stores import open_store

    primary = backup_store(context)
    stated = context.target.backups.copies if context.target.backups else ()
    copies = [open_store(address_of(store)) for store in stated]

    def bring() -> "tuple[Outcome, ...]":
        with locked(context, primary, "base") as lock:
            return bring_up_to_date(
                primary, copies, context.target.service, reread=params.reread,
                progress=context.progress, cancelled=lock.cancelled,
            )  # fmt: skip

    outcomes = call_blocking(context, bring, lambda: None) if copies else ()
    _refuse(outcomes)
    return Result(
        {
            "copies": len(outcomes),
            "files": sum(outcome.files for outcome in outcomes),
            "size_bytes": sum(outcome.size_bytes for outcome in outcomes),
        },
        tuple(
            f"{outcome.store}: {outcome.files:,} files, {outcome.size_bytes:,} bytes copied and read back"
            for outcome in outcomes
        )
        or ("drx.yaml states no copies",),
    )


def _refuse(outcomes: "tuple[Outcome, ...]") -> None:
    """Fail where a copy is not complete, or was damaged until a moment ago, naming it and what it lacks."""
    behind = [outcome for outcome in outcomes if not outcome.complete]
    lines = [
        *(f"{outcome.store}: {line}" for outcome in behind for line in outcome.problems),
        *(f"{outcome.store} had lost or altered {key}" for outcome in outcomes for key in outcome.mended),
    ]
    if behind:
        raise StepError(
            f"{len(behind)} of {len(outcomes)} copies are not up to date: " + "; ".join(map(_shortly, behind)),
            "Mend what is named, and try again: what was copied stays",
            lines=tuple(lines[:_LINES]),
        )
    if mended := [outcome for outcome in outcomes if outcome.mended]:
        first = mended[0]
        raise StepError(
            f"{first.store} had lost or altered {first.mended[0]}"
            + (f" and {len(lines) - 1:,} more files" if len(lines) > 1 else "")
            + "; they were copied again",
            "Try again: everything is there now. Find out later what changes that store",
            lines=tuple(lines[:_LINES]),
        )


def _shortly(outcome: "Outcome") -> str:
    number = f"{outcome.lacking:,} of its backups" if outcome.lacking else "an unknown number of backups"
    return f"{outcome.store} lacks {number} ({outcome.problems[0]})"
