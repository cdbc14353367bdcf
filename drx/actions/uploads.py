"""Back up the uploads bucket and bring it back: `s3.backup`, `s3.inventory`, `s3.undelete`, `s3.restore`."""

import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.locking import locked_or_told
from drx.actions.servers import address_of, backup_stores
from drx.config import BucketTarget
from drx.config.target import BucketStore
from drx.errors import PermanentError, StepError, StoreError
from drx.fields import Text
from drx.units import show_size

if TYPE_CHECKING:
    from drx.backup.stores.s3 import S3Store
    from drx.backup.uploads.backup import Outcome

_INVENTORY = "inventory.jsonl"
_SHOWN = 20


def uploads_store(context: Context) -> "S3Store":
    """Open the uploads bucket.

    Raises PermanentError where the environment has none.
    """
    if context.target.uploads is None:
        raise PermanentError(f"'{context.target.name}' has no uploads", "State uploads of this environment in drx.yaml")
    return open_bucket(context.target.uploads)


def open_bucket(target: BucketTarget) -> "S3Store":
    """Open a bucket as backups are read and written: with its owner on every call, busy servers tried again."""
    from drx.backup.stores.s3 import S3Store

    stated = BucketStore(
        target.bucket, target.region, target.endpoint, target.owner, target.access_key_id, target.secret_access_key
    )
    address = address_of(stated)
    from drx.backup.stores.base import S3Address

    assert isinstance(address, S3Address)
    return S3Store(address)


class Inventory(Params):
    prefix: str = ""
    """Only objects whose keys begin with this."""


def _inventory_by_hand(params: Inventory) -> str:
    listing = f'aws s3api list-object-versions --bucket "$UPLOADS" --prefix "{params.prefix}"'
    return f"{listing} --output json > inventory.json"


@action(
    "s3.inventory",
    effect="read",
    repeatable=True,
    targets=("uploads",),
    outputs={
        "objects": "How many objects there are.",
        "size_bytes": "How large they are together.",
        "older": "How many older versions there are beside them.",
        "deleted": "How many keys a delete marker hides.",
        "archived": "How many objects are in the Glacier classes: they have to be thawed before they can be read.",
        "versioning": "Whether the bucket keeps versions: Enabled, Suspended or Off.",
    },
    by_hand=_inventory_by_hand,
)
def inventory(params: Inventory, context: Context) -> Result:
    """Write down everything the uploads bucket holds: each version with its size, ETag, time and storage class.

    The list is a file of the record, one line of JSON for each version and each delete marker.
    """
    from drx.backup.uploads.listing import ARCHIVED, list_versions, versioning
    from drx.units import show_time

    def read() -> "tuple[Counter[str], str]":
        bucket, counts = uploads_store(context), Counter[str]()
        status = versioning(bucket)
        with (context.artifacts / _INVENTORY).open("w", encoding="utf-8") as file:
            for each in list_versions(bucket, params.prefix, context.check):
                values = asdict(each) | {"modified": show_time(each.modified)}
                file.write(json.dumps(values) + "\n")
                current = each.is_latest and not each.is_marker
                counts["objects"] += current
                counts["size_bytes"] += each.size_bytes if current else 0
                counts["older"] += not each.is_latest and not each.is_marker
                counts["deleted"] += each.is_latest and each.is_marker
                counts["archived"] += current and each.storage_class in ARCHIVED
        return counts, status

    counts, status = call_blocking(context, read, lambda: None)
    names = ("objects", "size_bytes", "older", "deleted", "archived")
    line = (
        f"{counts['objects']:,} objects, {show_size(counts['size_bytes'])}; {counts['older']:,} older versions, "
        f"{counts['deleted']:,} deleted keys, {counts['archived']:,} archived; versioning: {status.lower()}"
    )
    return Result({**{name: counts[name] for name in names}, "versioning": status}, (line,), (_INVENTORY,))


class Backup(Params):
    store: Text | None = None
    """Only into this store: `primary`, `copy-1`, or the name of a bucket or directory; without it, into every one."""
    archived: bool = False
    """Whether objects in the Glacier classes, which cannot be copied, are left out instead of being a failure."""


@action(
    "s3.backup",
    effect="write",
    repeatable=True,
    targets=("store",),
    uses=("uploads",),
    outputs={
        "point": "Id of the inventory that was written; null where the environment has no uploads.",
        "objects": "How many objects the bucket holds.",
        "size_bytes": "How large they are together.",
        "copied": "How many were new or changed, and copied, in all stores together.",
        "copied_bytes": "How many bytes these are.",
        "unchanged": "How many were there already.",
    },
    by_hand=lambda _: (
        "aws s3api list-object-versions --bucket \"$UPLOADS\" --query 'Versions[?IsLatest]' > inventory.json\n"
        'aws s3 sync "s3://$UPLOADS" "$STORE/by-hand/uploads" # keeps the newest state only'
    ),
)
def backup(params: Backup, context: Context) -> Result:
    """Copy what is new or changed in the uploads bucket into the stores, and write an inventory of all there is.

    Inside one S3 service the server copies; otherwise the bytes pass through here. What a store holds is decided by
    ETag, size and version id. Every version is kept under a name of its own, so that each inventory stays restorable.
    A store that fails does not stop the others, and fails the step. Run again after an interruption, it goes on: what
    was copied is not copied again. An environment without uploads has nothing to do.
    """
    if context.target.uploads is None:
        return Result({"point": None, "objects": 0, "size_bytes": 0, "copied": 0, "copied_bytes": 0, "unchanged": 0},
                      (f"'{context.target.name}' has no uploads: nothing to do",))  # fmt: skip
    outcomes = call_blocking(context, lambda: _into_all(params, context), lambda: None)
    first = outcomes[0].point
    assert first
    return Result(
        {
            "point": first.id,
            "objects": first.objects,
            "size_bytes": first.size_bytes,
            "copied": sum(outcome.copied for outcome in outcomes),
            "copied_bytes": sum(outcome.copied_bytes for outcome in outcomes),
            "unchanged": sum(outcome.unchanged for outcome in outcomes),
        },
        tuple(line for outcome in outcomes for line in _told(outcome)),
    )


def _into_all(params: Backup, context: Context) -> "list[Outcome]":
    """Take the point in one store after the other, and fail at the end where one failed."""
    from drx.backup.stores import open_store
    from drx.backup.uploads.backup import Outcome, Pass
    from drx.backup.uploads.patience import Patience

    source, stated = uploads_store(context), backup_stores(context)
    chosen = [stated.find(params.store)] if params.store else stated.labelled
    attempt = f"{datetime.now(UTC):%H%M%S%f}"  # a repeated step writes a point of its own
    point_id = f"{context.run_id}.{context.step_id.replace('/', '.')}.{attempt}"
    outcomes: list[Outcome] = []
    for _, each in chosen:
        store = open_store(address_of(each))
        try:
            with locked_or_told(context, store, "uploads") as lock:  # a store that cannot lock is never pruned either
                if lock.is_elsewhere:
                    raise StoreError(lock.refusal)
                outcomes.append(
                    Pass(
                        source, store, context.target.service, point_id, Patience(context.sleep), lock.check,
                        context.progress, params.archived,
                    ).run()
                )  # fmt: skip
        except StoreError as error:
            outcomes.append(Outcome(store.describe(), failures=[error.message]))
    _refuse(outcomes)
    return outcomes


def _refuse(outcomes: "list[Outcome]") -> None:
    failed = [outcome for outcome in outcomes if outcome.point is None]
    if not failed:
        return
    lines = tuple(
        f"{outcome.store}: {line}" for outcome in failed for line in (*outcome.failures, *outcome.archived)[:_SHOWN]
    )
    where = f"{len(failed)} of {len(outcomes)} stores hold no inventory of this moment"
    if any(outcome.failures for outcome in failed):
        raise StepError(f"{where}: {lines[0]}", "Mend what is named, and try again: what was copied stays", lines=lines)
    raise PermanentError(
        f"{where}: {sum(len(outcome.archived) for outcome in failed):,} objects are archived and cannot be copied: "
        f"{failed[0].archived[0]}",
        "Thaw them, or leave them out with archived: true",
        lines=lines,
    )


def _told(outcome: "Outcome") -> "tuple[str, ...]":
    point = outcome.point
    assert point
    lines = [
        f"{outcome.store}: {point.objects:,} objects, {show_size(point.size_bytes)}; {outcome.copied:,} copied "
        f"({show_size(outcome.copied_bytes)}), {outcome.unchanged:,} unchanged"
    ]
    for number, what in (
        (len(outcome.archived), "archived and not held by the store"),
        (len(outcome.mended), "were lost in the store and are there again"),
        (outcome.gone, "deleted meanwhile"),
        (outcome.waits, "times a server was too busy, and was asked again"),
    ):
        if number:
            lines.append(f"  {number:,} {what}")
    return tuple(lines)
