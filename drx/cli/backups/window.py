"""`drx backups window`: which moments a store restores, every gap, and why. Writes nothing."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from drx.cli.stores import Opened, clock, moment
from drx.cli.tables import print_table
from drx.errors import DrxError, ExitCode
from drx.units import show_duration

if TYPE_CHECKING:
    from bson import Timestamp

    from drx.backup.holdings.window import Gap, Span, Window


def window(opened: Opened, *, as_json: bool) -> int:
    """Print the spans and the gaps; an exit code of 4 says that nothing can be restored, or there is a gap."""
    from drx.backup.holdings.inventory import list_all, list_slices_of
    from drx.backup.holdings.retention import Rules, judge
    from drx.backup.holdings.window import find_window, read_oplog

    every = list_all(opened.store, opened.service)
    backups = [each for each in every if opened.database in (None, each.facts.database if each.facts else None)]
    oplog = read_oplog(list_slices_of(opened.store, opened.service), opened.database)
    assert opened.target.backups
    kept_since = judge(backups, Rules(opened.target.backups.retention, datetime.now(UTC))).kept_since
    found = find_window(backups, oplog, kept_since)
    live = _oldest_live(opened)
    if as_json:
        print(json.dumps(_as_dict(opened, found, live), indent=1, ensure_ascii=False))
    else:
        _print(opened, found, live)
    return ExitCode.OK if found.spans and not any(not gap.is_policy for gap in found.gaps) else ExitCode.FAILED


def _oldest_live(opened: Opened) -> "Timestamp | None":
    """Ask the server how far back its oplog reaches; None where it does not say."""
    from drx.backup.oplog.capture import oldest_position
    from drx.cli.status.live import live_server

    try:
        with live_server(opened.target) as client:
            return oldest_position(client) if client else None
    except DrxError:
        return None


def _held(gap: "Gap", live: "Timestamp | None") -> str:
    """Say whether the live oplog could still fill a gap."""
    if live is None:
        return "the live oplog was not asked: the server does not answer"
    if live <= gap.start:
        return "the live oplog still holds it: `drx run hourly-incremental` archives it"
    return f"the live oplog reaches back to {clock(live)} UTC only: it is lost"


def _as_dict(opened: Opened, found: "Window", live: "Timestamp | None") -> dict[str, object]:
    return {
        "store": opened.store.describe(),
        "service": opened.service,
        "database": opened.database,
        "spans": [
            {"from": moment(span.start), "to": moment(span.end), "begins_with": span.backup} for span in found.spans
        ],
        "gaps": [
            {
                "from": moment(gap.start), "to": moment(gap.end), "cause": gap.cause, "by_retention": gap.is_policy,
                "live_oplog_holds_it": None if live is None else live <= gap.start,
            }
            for gap in found.gaps
        ],
        "live_oplog_since": moment(live),
    }  # fmt: skip


def _print(opened: Opened, found: "Window", live: "Timestamp | None") -> None:
    print(opened.heading)
    if not found.spans:
        print("\nnothing can be restored: there is no base")
        return
    print()
    rows = [
        row for is_point, group in groupby(found.spans, lambda span: span.is_point) for row in _rows(is_point, [*group])
    ]
    print_table(("restores", "from (UTC)", "to (UTC)", "for", "begins with"), rows)
    gaps = [gap for gap in found.gaps if not gap.is_policy]
    if gaps:
        print()
    for gap in gaps:
        until = f"to {clock(gap.end)} UTC" if gap.end else "on, until a new base is taken"
        print(f"GAP  from {clock(gap.start)} {until}: {gap.cause}")
        print(f"     {_held(gap, live)}")
    if live is not None and not any(gap.end is None for gap in gaps):
        newest = found.spans[-1].end
        reaches = "and continues it" if live <= newest else "which is too late: the next slice leaves a gap"
        print(f"\nlive oplog  since {clock(live)} UTC, {reaches}")


def _rows(are_points: bool, spans: "list[Span]") -> Iterator[tuple[str, ...]]:
    """One row for each span; single moments that follow one another share one."""
    if are_points:
        first, last = spans[0], spans[-1]
        many = len(spans) > 1
        what = f"{len(spans)} moments" if many else "one moment"
        yield (what, clock(first.start), clock(last.start) if many else "", "", "bases" if many else first.backup)
        return
    from drx.backup.holdings.inventory import moment_of

    for span in spans:
        length = show_duration(moment_of(span.end) - moment_of(span.start))
        yield ("any second", clock(span.start), clock(span.end), length, span.backup)
