"""Find in the archived oplog what destroyed data: `backup.find_event`. Only reads; drivers are imported in use."""

from typing import TYPE_CHECKING

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.points import EventKind
from drx.actions.servers import backup_store
from drx.errors import StepError
from drx.fields import Duration, Moment, Text
from drx.units import show_time

if TYPE_CHECKING:
    from drx.backup.history import Event

_EVERY_KIND: tuple[EventKind, ...] = ("drop", "dropDatabase", "mass_delete", "mass_update", "rename")


class FindEvent(Params):
    since: Moment
    """When it started, as far as people know."""
    kinds: tuple[EventKind, ...] = Field(default=_EVERY_KIND, min_length=1)
    """What to look for."""
    collection: Text | None = None
    """Only what struck this collection."""
    look_back: Duration = Field(default="15m", validate_default=True)
    """Where nothing is found since then, how much earlier to look: people notice late."""


@action(
    "backup.find_event",
    effect="read",
    repeatable=True,
    targets=("store",),
    outputs={
        "ts": "Timestamp of its first operation: restore to just before it.",
        "kind": "What it was: drop, dropDatabase, rename, mass_delete or mass_update.",
        "namespace": "What it struck: database, or database.collection.",
        "count": "How many documents, where the oplog tells.",
        "at": "When it happened, to the second, in UTC.",
    },
    by_hand=lambda _: (
        'bsondump oplog/local/oplog.rs.bson | grep -E \'"(drop|dropDatabase|renameCollection)"|"op":"d"\' | less'
    ),
)
def find_event(params: FindEvent, context: Context) -> Result:
    """Find in the archived oplog the operation that destroyed data.

    Take an emergency slice first, or the newest operations are not there yet. The first such event since the time given
    is taken; where there is none, the last one before it. All that were found are listed: check before you go on.
    """
    from drx.backup.manifest import show_timestamp

    found, index = call_blocking(context, lambda: _find(params, context), lambda: None)
    chosen = found[index]
    lines = tuple(
        f"{'->' if event is chosen else '  '} {show_timestamp(event.ts)} {event.at:%H:%M:%S} UTC {event.kind} "
        f"{event.namespace}" + ("" if event.count is None else f" ({event.count:,} documents)")
        for event in found[max(index - 9, 0) : index + 11]
    )
    outputs = {
        "ts": show_timestamp(chosen.ts), "kind": chosen.kind, "namespace": chosen.namespace,
        "count": chosen.count, "at": show_time(chosen.at),
    }  # fmt: skip
    return Result(outputs, lines)


def _find(params: FindEvent, context: Context) -> tuple[list["Event"], int]:
    """List the events, and say which one it was."""
    from bson import Timestamp

    from drx.actions.recovery import archived_events, own_bases, qualified

    store, service = backup_store(context), context.target.service
    since = params.since.replace(microsecond=0)
    earliest = Timestamp(int((since - params.look_back).timestamp()), 0)
    bases = own_bases(store, context)
    manifest = next((found for found in reversed(bases) if found.end < earliest), bases[0])
    events = archived_events(store, service, manifest, earliest, list(params.kinds), context)
    if params.collection:
        names = {qualified("", params.collection, manifest.database), manifest.database}
        events = [event for event in events if event.namespace in names]
    if not events:
        raise StepError(
            f"the archived oplog holds no {', '.join(params.kinds)} since {since - params.look_back:%H:%M:%S} UTC",
            "Take an emergency slice, give an earlier time, or choose the moment to restore to by hand",
        )
    return events, next((number for number, event in enumerate(events) if event.at >= since), len(events) - 1)
