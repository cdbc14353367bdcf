"""Bring the uploads bucket back: `s3.undelete` and `s3.restore`. Neither deletes an object or a version of one."""

from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.bucket import Uploads
from drx.actions.locking import locked
from drx.actions.s3_create import create_unless_there
from drx.actions.servers import address_of
from drx.actions.uploads import open_bucket, uploads_store
from drx.config import Target
from drx.errors import PermanentError, StepError, StoreError
from drx.fields import Moment, Text
from drx.units import show_time

if TYPE_CHECKING:
    from drx.backup.stores.base import Store
    from drx.backup.stores.s3 import S3Store
    from drx.backup.uploads.points import Point
    from drx.backup.uploads.restore import Restoration, Restored

_REMOVED = "removed-markers.jsonl"
_PROBLEMS = "not-restored.txt"
_UNGUARDED = "the server writes on no condition: what users wrote meanwhile under the same keys may be written over"
_SHOWN = 10


def _bucket(params: Params, target: Target) -> str | None:
    return target.uploads.bucket if target.uploads else None


class UndeleteObjects(Params):
    since: Moment
    """Undo what was deleted since this moment."""
    prefix: str = ""
    """Only objects whose keys begin with this."""
    max_delete: int | None = Field(default=None, ge=1)
    """Change nothing where more delete markers than this would have to be removed; all are counted first."""


def _shown(moment: datetime) -> str:
    return str(moment).replace(" ", "T")


def _undelete_by_hand(params: UndeleteObjects) -> str:
    query = f"DeleteMarkers[?IsLatest && LastModified>=`{_shown(params.since)}`].[Key,VersionId]"
    return (
        f'aws s3api list-object-versions --bucket "$UPLOADS" --prefix "{params.prefix}"'
        f" --query '{query}' --output json"
        " | jq -c '.[]' |\nwhile read -r pair; do\n"
        '  aws s3api delete-object --bucket "$UPLOADS" --key "$(jq -r \'.[0]\' <<<"$pair")"'
        ' --version-id "$(jq -r \'.[1]\' <<<"$pair")"\ndone'
    )


@action(
    "s3.undelete",
    effect="write",
    repeatable=True,
    targets=("uploads",),
    outputs={"markers": "How many delete markers were removed."},
    by_hand=_undelete_by_hand,
    resource=_bucket,
)
def undelete(params: UndeleteObjects, context: Context) -> Result:
    """Undo deletions in a bucket with versions: remove the delete markers newer than a moment.

    Every page of versions is read. Objects that were deleted before that moment stay deleted; no object and no version
    is removed. Each removed marker is listed in a file, so that it can be undone: deleting the object again does it. S3
    tells whole seconds: what was deleted in the same second as the moment is undone too.
    """
    from drx.backup.uploads.listing import versioning
    from drx.backup.uploads.patience import Patience
    from drx.backup.uploads.undelete import Removal, find_markers, refuse_more_than
    from drx.backup.workers import Meter

    def work() -> int:
        bucket = uploads_store(context)
        if versioning(bucket) == "Off":
            raise PermanentError(
                f"{bucket.describe()} keeps no versions: what was deleted is not in it",
                "Restore it from the backup's inventory: s3.restore",
            )
        if params.max_delete is not None:
            found = find_markers(bucket, params.prefix, params.since, context.check)
            refuse_more_than(found, params.max_delete, bucket.describe())
        with (context.artifacts / _REMOVED).open("a", encoding="utf-8") as note:
            found = find_markers(bucket, params.prefix, params.since, context.check)
            removal, meter = Removal(bucket, Patience(context.sleep), note), Meter(context.progress, None, "objects")
            return removal.run(found, meter, context.cancelled)

    number = call_blocking(context, work, lambda: None)
    return Result({"markers": number}, (f"{number:,} delete markers removed",), (_REMOVED,))


class RestoreObjects(Params):
    at: Moment
    """The moment the bucket is brought back to; a whole second means all of it."""
    into: Text | None = None
    """Another bucket at the same server, made where there is none; without it, the uploads bucket itself."""
    prefix: str = ""
    """Only objects whose keys begin with this."""
    store: Text | None = None
    """Where to look for what the bucket has no version of; without it, the first store with a fitting inventory."""
    max_delete: int | None = Field(default=None, ge=1)
    """Change nothing where more delete markers than this would have to be removed; all are counted first."""
    replace: bool = False
    """Also overwrite objects that differ now in a bucket that keeps no versions: what is there now is lost then."""


_NEWEST = """  jq -r --arg at '{at}' '[.Versions[]?, .DeleteMarkers[]?] | map(select(.LastModified[:19] <= $at[:19])) |
    group_by(.Key)[] | max_by(.LastModified) | select(has("Size") and (.IsLatest | not)) | [.VersionId, .Key] | @tsv' |
  while IFS=$'\\t' read -r version key; do"""
_STORED = """aws s3api list-objects-v2 --bucket {into} --output json | jq -r '.Contents[]?.Key' > there
gunzip -c point.jsonl.gz | jq -r '[.object, .key] | @tsv' | while IFS=$'\\t' read -r object key; do
  grep --quiet --fixed-strings --line-regexp -- "$key" there ||
    aws s3 cp "$STORE/$SERVICE/uploads/objects/$object" "s3://{bare}/$key"
done"""


def _restore_by_hand(params: RestoreObjects) -> str:
    into = f'"{params.into}"' if params.into else '"$UPLOADS"'
    source = '"$UPLOADS/$key?versionId=$version"'
    return "\n".join(
        (
            f"# what the bucket has a version of, as it was at {_shown(params.at)}:",
            f'aws s3api list-object-versions --bucket "$UPLOADS" --prefix "{params.prefix}" --output json |',
            _NEWEST.format(at=_shown(params.at)),
            f'    aws s3api copy-object --bucket {into} --key "$key" --copy-source {source} > /dev/null',
            "  done",
            "# the rest, from the newest inventory up to then:",
            'aws s3 ls "$STORE/$SERVICE/uploads/points/" # POINT: its name, which holds the time',
            'aws s3 cp "$STORE/$SERVICE/uploads/points/$POINT.jsonl.gz" point.jsonl.gz',
            _STORED.format(into=into, bare=into.strip('"')),
        )
    )


@action(
    "s3.restore",
    effect="write",
    repeatable=True,
    targets=("uploads",),
    uses=("store",),
    outputs={
        "restored": "How many objects were brought back, by whatever way.",
        "undeleted": "How many of them by removing delete markers.",
        "versions": "How many by copying an older version.",
        "stored": "How many by copying what the backup holds.",
        "same": "How many were as they have to be already.",
        "extra": "How many are newer than the moment; they stay.",
        "point": "Id of the inventory that was used; null without one.",
    },
    by_hand=_restore_by_hand,
    resource=lambda params, target: params.into or _bucket(params, target),
    destroys=lambda params: params.replace,
)
def restore(params: RestoreObjects, context: Context) -> Result:
    """Bring the uploads bucket back to a moment: by its own versions first, else from the backup's newest inventory.

    Deleted objects come back by removing the delete markers; changed ones by copying the version of that moment over
    them, with metadata, storage class and encryption; what the bucket has no version of is copied from the store.
    Nothing is deleted: objects newer than the moment stay, also those that users write meanwhile, where the server
    copies on a condition as S3 does. In a bucket without versions, objects that differ now are left and fail the step,
    unless `replace` says otherwise. Run again, it goes on where it was. Each removed marker is listed in a file, as
    with `s3.undelete`. Meanwhile nothing is pruned from the store, nor are uploads backed up into it: it is locked,
    where it can be.
    """
    restored, point, unlocked = call_blocking(context, lambda: _restore(params, context), lambda: None)
    counts = {
        "undeleted": restored.undeleted, "versions": restored.versions, "stored": restored.stored,
        "same": restored.same, "extra": restored.extra,
    }  # fmt: skip
    number = restored.undeleted + restored.versions + restored.stored
    line = (
        f"{number:,} objects brought back: {restored.undeleted:,} by removing delete markers, "
        f"{restored.versions:,} from older versions, {restored.stored:,} from the backup; "
        f"{restored.same:,} were right, {restored.extra:,} are newer"
    )
    using = f"inventory {point.id} of {show_time(point.at)}" if point else "no inventory of that moment: only versions"
    lines = (
        line,
        using,
        *((f"done without the store's lock: {unlocked}",) if unlocked else ()),
        *((_UNGUARDED,) if restored.unguarded else ()),
    )
    _refuse(restored, lines, context)
    return Result({"restored": number, **counts, "point": point.id if point else None}, lines, (_REMOVED,))


def _refuse(restored: "Restored", lines: tuple[str, ...], context: Context) -> None:
    if restored.problems:
        found = [context.mask(each) for each in restored.problems]
        (context.artifacts / _PROBLEMS).write_text("\n".join(found) + "\n", encoding="utf-8")
        raise StepError(
            f"{len(found):,} objects could not be brought back: {found[0]}",
            "Mend what is named, or restore from another store; what was brought back stays",
            lines=(*lines, *found[:_SHOWN]),
            artifacts=(_PROBLEMS,),
        )
    if restored.overwrites:
        raise PermanentError(
            f"{restored.overwrites:,} objects differ now, in a bucket that would not keep what they are now",
            "Turn versioning on, restore into another bucket, or say replace: true to overwrite them",
            lines=lines,
        )


def _restore(params: RestoreObjects, context: Context) -> "tuple[Restored, Point | None, str]":
    """Do it while nothing is pruned from the store; also says why not, where the store cannot be locked."""
    from drx.backup.uploads.listing import versioning
    from drx.backup.uploads.patience import Patience
    from drx.backup.uploads.restore import Restoration
    from drx.backup.uploads.undelete import Removal
    from drx.backup.workers import Meter

    bucket = uploads_store(context)
    status = versioning(bucket)
    store, point = _find_point(params, context)
    if point is None and status == "Off":
        raise PermanentError(
            f"{bucket.describe()} keeps no versions, and no store holds an inventory of it from before "
            f"{params.at:%Y-%m-%d %H:%M:%S} UTC",
            "Choose a later moment; `drx backups list` shows the inventories",
        )
    into = _open_into(params, context) if params.into else None
    with (context.artifacts / _REMOVED).open("a", encoding="utf-8") as note:
        restoration = Restoration(
            bucket, params.at, params.prefix, Removal(bucket, Patience(context.sleep), note), context.check,
            context.cancelled, Meter(context.progress, None, "objects"), store, context.target.service, point, into,
            may_overwrite=params.replace or (into is None and status == "Enabled"),
        )  # fmt: skip
        if params.max_delete is not None:
            _refuse_more_than(params.max_delete, restoration)
        # Pruning waits for whoever holds the lock. A recovery does not wait for a lock long, nor stops when it is lost.
        with locked(context, store, "uploads", urgent=True) if store else nullcontext() as lock:
            return restoration.run(), point, lock.refusal if lock else ""


def _refuse_more_than(most: int, restoration: "Restoration") -> None:
    from drx.backup.uploads.choice import Undelete

    number = sum(len(choice.markers) for _, choice in restoration.choices() if isinstance(choice, Undelete))
    if number > most:
        raise PermanentError(
            f"{number:,} delete markers would be removed, more than max_delete allows ({most:,})",
            "Nothing was changed. Narrow it by prefix, or allow more",
        )


def _find_point(params: RestoreObjects, context: Context) -> "tuple[Store | None, Point | None]":
    """Choose the newest inventory up to the moment, from the first store that has one that can be read."""
    from drx.backup.stores import open_store
    from drx.backup.uploads.points import check_inventory, list_points

    stated = context.target.backups
    if stated is None:
        return None, None
    for _, each in [stated.find(params.store)] if params.store else stated.labelled:
        store = open_store(address_of(each))
        with suppress(StoreError):
            points = list_points(store, context.target.service)
            for point in reversed([found for found in points if found.at <= params.at]):
                with suppress(StoreError):
                    check_inventory(store, context.target.service, point)
                    return store, point
    return None, None


def _open_into(params: RestoreObjects, context: Context) -> "S3Store":
    """Open the other bucket, and make it where there is none, with versions kept."""

    uploads = context.target.uploads
    assert uploads
    assert params.into
    bucket = open_bucket(replace(uploads, bucket=params.into))
    with bucket.failures(""):
        create_unless_there(Uploads(bucket.client, bucket.bucket, {**bucket.owner}), context)
    return bucket
