"""`drx backups events`: what happened to the database, by its oplog in the store and on the server. Writes nothing."""

import json
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from drx.cli.status.live import live_server
from drx.cli.stores import Opened, clock, moment
from drx.cli.tables import print_table
from drx.errors import ExitCode, StepError, UsageError
from drx.units import SPOKEN, parse_duration, read_moment

if TYPE_CHECKING:
    from bson import Timestamp

    from drx.backup.oplog.past import Past

_DEFAULT = "24h"


def events(opened: Opened, since: str | None, kinds: Sequence[str], *, as_json: bool) -> int:
    """List drops, renames, mass deletes and mass updates.

    Raises UsageError for a kind or a moment that is none, and where the environment states no database.
    """
    from drx.backup.oplog.history import KINDS

    wrong = next((kind for kind in kinds if kind not in KINDS), None)
    if wrong:
        raise UsageError(f"'{wrong}' is no kind of event", f"Use {', '.join(KINDS)}")
    if opened.database is None:
        raise UsageError(f"'{opened.target.name}' has no database", "State mongo of this environment in drx.yaml")
    start = _moment_of(since or _DEFAULT)
    past = _look(opened, opened.database, start, kinds or KINDS)
    if as_json:
        print(json.dumps(_as_dict(opened, start, past), indent=1, ensure_ascii=False))
    else:
        _print(opened, start, past)
    return ExitCode.OK


def _moment_of(text: str) -> "Timestamp":
    """Read a moment, or a duration before now."""
    from bson import Timestamp

    now = datetime.now(UTC)
    try:
        at = now - parse_duration(text)
    except ValueError:
        try:
            at = read_moment(text, now)
        except ValueError:
            raise UsageError(f"--since {text} is no time", f"Write it like 2h, {SPOKEN}, in UTC") from None
    return Timestamp(max(int(at.timestamp()), 0), 0)


def _look(opened: Opened, database: str, since: "Timestamp", kinds: Sequence[str]) -> "Past":
    from drx.backup.oplog.past import look_back

    client, problem = None, ""
    with ExitStack() as stack:
        try:
            client = stack.enter_context(live_server(opened.target))
        except StepError as error:
            problem = error.message
        past = look_back(opened.store, opened.service, database, since=since, kinds=kinds, client=client)
    past.live_problem = past.live_problem or problem
    return past


def _as_dict(opened: Opened, since: "Timestamp", past: "Past") -> dict[str, object]:
    from drx.backup.format.manifest import show_timestamp

    return {
        "store": opened.store.describe(),
        "service": opened.service,
        "since": moment(since),
        "archived": [{"from": moment(start), "to": moment(end)} for start, end in past.archived],
        "live_until": moment(past.live_until),
        "live_problem": past.live_problem or None,
        "damaged": past.damaged,
        "entries": past.entries,
        "events": [
            {
                "at": moment(event.at), "ts": show_timestamp(event.ts), "kind": event.kind,
                "namespace": event.namespace, "to": event.to or None, "count": event.count,
                "field": event.field or None,
                "source": "archive" if past.is_archived(event) else "live",
            }
            for event in past.events
        ],
    }  # fmt: skip


def _print(opened: Opened, since: "Timestamp", past: "Past") -> None:
    from drx.backup.format.manifest import show_timestamp

    print(f"{opened.heading}, since {clock(since)} UTC")
    if past.events:
        print()
        rows = [
            (clock(event.at), event.kind, event.struck, "-" if event.count is None else f"{event.count:,}",
             "archive" if past.is_archived(event) else "live", show_timestamp(event.ts))
            for event in past.events
        ]  # fmt: skip
        print_table(("at (UTC)", "what", "namespace", "documents", "seen in", "ts"), rows, right=(3,))
    print()
    for start, end in past.archived:
        print(f"archive  read from {clock(start)} to {clock(end)} UTC")
    if past.live_until:
        print(f"live     read on to {clock(past.live_until)} UTC")
    else:
        print(f"live     not read: {past.live_problem or 'this environment states no server'}")
    for each in past.damaged:
        print(f"damaged  {each}: what only it holds was not looked at")
    if not past.events:
        print("no drop, rename, mass delete or mass update")
    elif any(not past.is_archived(event) for event in past.events):
        print("What only the live oplog holds is archived by `drx run hourly-incremental`; restore after that.")
