"""Find in the oplog what destroyed data: `backup.find_event`. Only reads; drivers are imported in use."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pydantic import Field

from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.by_hand.dump_tools import find_events
from drx.actions.recovery.points import EventKind
from drx.actions.servers import backup_store, with_mongo
from drx.errors import DamagedError, PermanentError
from drx.fields import Duration, Moment, Text
from drx.units import show_time

if TYPE_CHECKING:
    from bson import Timestamp
    from pymongo import MongoClient

    from drx.backup.oplog.history import Event
    from drx.backup.oplog.slices import Chain

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
    uses=("mongo",),
    outputs={
        "ts": "Timestamp of its first operation: restore to just before it.",
        "kind": "What it was: drop, dropDatabase, rename, mass_delete or mass_update.",
        "namespace": "What it struck: database, or database.collection.",
        "count": "How many documents, where the oplog tells.",
        "at": "When it happened, to the second, in UTC.",
        "summary": "All of that in a sentence, with a warning where it lies before the time given.",
    },
    by_hand=lambda _: find_events(),
)
def find_event(params: FindEvent, context: Context) -> Result:
    """Find in the archived oplog the operation that destroyed data.

    Take an emergency slice first. The first such event since the time given is taken; where there is none, the last one
    before it, with a warning, and only if the live oplog shows that nothing like it happened since the archive's end.
    All that were found are listed: have a person agree before anything is restored.
    """
    from drx.backup.format.manifest import show_timestamp

    found = call_blocking(context, lambda: _find(params, context), lambda: None)
    chosen = found.chosen
    summary = _described(chosen)
    others = len(found.events) - 1
    warning = (
        f"ATTENTION: this is before {params.since:%Y-%m-%d %H:%M:%S} UTC, when it is said to have started; "
        "nothing like it happened since. It may not be the accident"
    )
    early = (warning,) if chosen.at < params.since.replace(microsecond=0) else ()
    nearby = found.events[max(found.index - 9, 0) : found.index + 9]
    lines = (
        *(f"{'->' if event is chosen else '  '} {_described(event)}" for event in nearby),
        f"{others} other candidates; the archive reaches to {found.reached:%Y-%m-%d %H:%M:%S} UTC",
        f"found: {summary}",
        *early,
        *(f"ATTENTION: {each}" for each in found.left_out[:5]),
    )
    outputs = {
        "ts": show_timestamp(chosen.ts), "kind": chosen.kind, "namespace": chosen.namespace, "count": chosen.count,
        "at": show_time(chosen.at), "summary": ". ".join((summary, *early)),
    }  # fmt: skip
    return Result(outputs, lines)


@dataclass(frozen=True)
class _Found:
    """Every event that may be it, which of them is taken, and up to where the archive speaks."""

    events: list["Event"]
    index: int
    reached: datetime
    left_out: tuple[str, ...]
    """What was not looked at, and why."""

    @property
    def chosen(self) -> "Event":
        return self.events[self.index]


def _described(event: "Event") -> str:
    count = "" if event.count is None else f" ({event.count:,} documents)"
    return f"{event.kind} of {event.struck} at {event.at:%Y-%m-%d %H:%M:%S} UTC{count}"


def _find(params: FindEvent, context: Context) -> _Found:
    """List the events, and say which one it was."""
    from bson import Timestamp

    from drx.actions.recovery.assemble import archived_events, chain_of
    from drx.actions.recovery.bases import newest_whole, origin_of, own_bases

    store, service = backup_store(context), context.target.service
    since = params.since.replace(microsecond=0)
    earliest = Timestamp(int((since - params.look_back).timestamp()), 0)
    damaged: list[DamagedError] = []
    bases = own_bases(store, origin_of(context), damaged.append)
    manifest = newest_whole(store, [each for each in bases if each.end < earliest] or bases[:1], damaged.append)
    chain = chain_of(store, service, manifest, damaged.append)
    events = archived_events(store, service, manifest, earliest, list(params.kinds), context, lambda _: None)
    gaps = []
    newer = [each for each in bases if chain.end < each.end < Timestamp(int(since.timestamp()), 0)]
    if newer and (later := newest_whole(store, [manifest, *newer], damaged.append)) is not manifest:
        gaps.append(f"nothing is archived from {_clock(chain.end)} to the base of {_clock(later.end)}")
        chain = chain_of(store, service, later, damaged.append)
        events += archived_events(store, service, later, earliest, list(params.kinds), context, lambda _: None)
    events = _striking(events, params, manifest.database)
    index = next((number for number, event in enumerate(events) if event.at >= since), None)
    if index is None:
        _refuse_unarchived(params, chain, context)
    if not events:
        raise PermanentError(
            f"the archived oplog holds no {', '.join(params.kinds)} since {since - params.look_back:%H:%M:%S} UTC",
            "Give an earlier time, or choose the moment to restore to by hand",
        )
    left_out = (*gaps, *(f"{each.message}; what only it holds was not looked at" for each in damaged))
    reached = datetime.fromtimestamp(chain.end.time, UTC)
    return _Found(events, len(events) - 1 if index is None else index, reached, left_out)


def _clock(position: "Timestamp") -> str:
    return f"{datetime.fromtimestamp(position.time, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _striking(events: list["Event"], params: FindEvent, database: str) -> list["Event"]:
    from drx.actions.recovery.assemble import qualified

    if not params.collection:
        return events
    names = {qualified("", params.collection, database), database}
    return [event for event in events if names.intersection(event.names)]


def _refuse_unarchived(params: FindEvent, chain: "Chain", context: Context) -> None:
    """Nothing was found since then: fail where that may be because the archive ends too early."""
    from drx.backup.oplog.capture import RolledOver, read_oplog
    from drx.backup.oplog.history import find_events

    database = chain.manifest.database
    ends = f"the archived oplog ends at {_clock(chain.end)}"

    def look(client: "MongoClient[dict[str, Any]]") -> list["Event"]:
        entries = read_oplog(client, database, chain.end)
        return find_events(entries, kinds=list(params.kinds), database=database, since=chain.end)

    try:
        later = _striking(with_mongo(context, look, long=True), params, database)
    except RolledOver:
        gone = "and the live oplog no longer reaches back to there: the accident may be in what is lost"
        remedy = "Look into a copy of the store, or restore to the newest moment there is: mongo.restore without `at`"
        raise PermanentError(f"{ends}, {gone}", remedy) from None
    later = [event for event in later if event.ts > chain.end]
    if later:
        raise PermanentError(
            f"{ends}, before the {_described(later[0])}",
            "Go back to the emergency slice, then look again",
            lines=tuple(_described(event) for event in later[:9]),
        )
