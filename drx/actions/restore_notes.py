"""What a restore test says at its end: `backup.estimate`, `backup.note_test`. Drivers are imported in use."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.servers import backup_store, backup_stores, mongo_target, with_mongo
from drx.errors import PermanentError, StepError, StoreError
from drx.fields import Duration, Text
from drx.units import show_duration, show_size

if TYPE_CHECKING:
    from pymongo import MongoClient

    from drx.values import Json


class Estimate(Params):
    seconds: float | None
    """How long the restore took; null where that is not known."""
    size_bytes: int = Field(ge=0)
    """How many bytes of BSON were restored."""
    besides: Duration = Field(default="0s", validate_default=True)
    """What a recovery takes besides the restore: people, decisions, the switch."""
    within: Duration | None = None
    """Fail where a recovery would take longer than this: the RTO."""


@action(
    "backup.estimate",
    effect="read",
    repeatable=True,
    targets=("mongo",),
    outputs={
        "rate": "Bytes of BSON a second.",
        "full_bytes": "How many bytes the live database holds; where it does not answer, how many were restored.",
        "restore_seconds": "How long a restore of all of it should take.",
        "seconds": "How long a recovery should take, with what there is besides; null where it cannot be told.",
    },
    by_hand=lambda _: "# seconds of the restore, times db.stats().dataSize in mongosh, divided by the bytes restored",
)
def estimate(params: Estimate, context: Context) -> Result:
    """Scale the time of a restore to all that the live database holds, and hold it against the RTO.

    It is an estimate: the restore ran beside whatever else the server had to do, and its time is taken to grow as the
    data do.
    """
    full = _live_bytes(context)
    size_bytes = full or params.size_bytes
    lines = () if full else ("the live database does not tell its size: as many bytes as were restored",)
    if not params.seconds or not params.size_bytes:
        nothing: dict[str, Json] = {"rate": None, "full_bytes": size_bytes, "restore_seconds": None, "seconds": None}
        return Result(nothing, ("the time of the restore is not known: it went on with an earlier try", *lines))
    rate = params.size_bytes / params.seconds
    restore = timedelta(seconds=size_bytes / rate)
    total = restore + params.besides
    text = (
        f"{show_size(params.size_bytes)} restored in {show_duration(timedelta(seconds=params.seconds))}; "
        f"{show_size(size_bytes)} should take {show_duration(restore)}"
        + (f", and a recovery {show_duration(total)}" if params.besides else "")
    )
    if params.within is not None and total > params.within:
        raise PermanentError(
            f"a recovery would take longer than the RTO of {show_duration(params.within)}: {text}",
            "Use a faster server, smaller databases, or agree on another RTO",
            lines=lines,
        )
    outputs: dict[str, Json] = {
        "rate": round(rate, 1), "full_bytes": size_bytes, "restore_seconds": round(restore.total_seconds(), 1),
        "seconds": round(total.total_seconds(), 1),
    }  # fmt: skip
    return Result(outputs, (text, *lines))


def _live_bytes(context: Context) -> int | None:
    def ask(client: "MongoClient[dict[str, Any]]") -> int:
        return int(client[mongo_target(context).database].command("dbStats")["dataSize"])

    try:
        return with_mongo(context, ask) or None
    except StepError:
        return None


class NoteTest(Params):
    base: Text
    """Id of the base that was tested."""
    store: Text
    """From which store, as `backup.choose` gives it."""
    service: str = ""
    """Whose backups: empty for the environment's own."""
    passed: bool = True
    """Whether everything was as it should be."""
    reaches: str | None = None
    """Timestamp up to which it was restored."""
    documents: int | None = None
    """How many documents were restored and read back."""
    size_bytes: int | None = None
    """How many bytes of BSON these are."""
    digest: str | None = None
    """Their digest."""
    restore_seconds: float | None = None
    """How long the restore took."""
    estimated_seconds: float | None = None
    """How long a recovery of all of it should take."""


def _note_by_hand(params: NoteTest) -> str:
    return f'aws s3 cp note.json "$STORE/$SERVICE/base/{params.base}/tests/"'


@action(
    "backup.note_test",
    effect="write",
    repeatable=True,
    targets=("store",),
    outputs={"stores": "How many stores hold the note."},
    by_hand=_note_by_hand,
)
def note_test(params: NoteTest, context: Context) -> Result:
    """Note beside a base what a restore test came to: only then does it count as verified.

    The note is a small object, written once, in the store that was tested and, where they answer, in the others that
    hold the base. `drx backups list` shows it.
    """
    return call_blocking(context, lambda: _note(params, context), lambda: None)


def _note(params: NoteTest, context: Context) -> Result:
    from drx.backup.format.catalog import MANIFEST, base_prefix
    from drx.backup.format.restore_tests import RestoreTestNote, key_of, write_note

    prefix = base_prefix(params.service or context.target.service, params.base)
    tested = backup_store(context, params.store)
    told = {name: getattr(params, name) for name in params.model_fields_set & set(RestoreTestNote.__annotations__)}
    note = RestoreTestNote(
        **{
            **told,
            "run": context.run_id, "backup": params.base, "passed": params.passed, "store": params.store,
            "store_name": tested.describe(), "noted_at": datetime.now(UTC),
        }
    )  # fmt: skip
    held, lines = 0, []
    for label, _ in backup_stores(context).labelled:
        store = backup_store(context, label)
        try:
            if any(entry.key == prefix + MANIFEST for entry in store.list(prefix + MANIFEST)):
                store.create(key_of(prefix, note), write_note(note))
                held += 1
            elif label == params.store:
                raise StepError(f"{store.describe()} no longer holds the base {params.base}", "Test the newest one")
        except StoreError as error:
            if label == params.store:
                raise
            lines.append(f"not noted in {label}: {error.message}")
    word = "verified" if params.passed else "failed its restore test"
    return Result({"stores": held}, (f"{params.base} {word}; noted in {held} stores", *lines))
