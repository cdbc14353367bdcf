"""Choose what a restore test restores, and from which store: `backup.choose`. Drivers are imported in use."""

import re
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from drx.actions.backup import list_bases
from drx.actions.base import Context, Params, Result, action
from drx.actions.blocking import call_blocking
from drx.actions.servers import backup_store, backup_stores
from drx.actions.words import SCRATCH
from drx.config.target import PRIMARY
from drx.errors import PermanentError, StoreError, UsageError
from drx.fields import Text
from drx.units import parse_time, show_time

if TYPE_CHECKING:
    from bson import Timestamp

    from drx.actions.recovery.bases import Origin
    from drx.backup.format.restore_tests import RestoreTest
    from drx.backup.holdings.inventory import Backup, Facts
    from drx.backup.stores.base import Store

ALTERNATE, NEWEST = "alternate", "newest"
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Choose(Params):
    store: Text = ALTERNATE
    """`primary`, `copy`, `copy-2`, the name of a bucket or directory; or `alternate`: the primary store and a copy in
    turns, as the notes of earlier tests have it."""
    date: Text = NEWEST
    """`newest`, or a moment in UTC: the newest backup from before it. Of a date alone, the whole day counts."""
    service: str = ""
    """Whose backups: the name under which they lie in the store; empty for the environment's own."""
    source: str = ""
    """The database that the backups are of; empty for the environment's own."""


@action(
    "backup.choose",
    effect="read",
    repeatable=True,
    targets=("store",),
    uses=("mongo",),
    outputs={
        "store": "Label of the store: `primary`, `copy-1` and so on.",
        "store_name": "What the store is called.",
        "service": "Whose backups these are.",
        "source": "The database they are of.",
        "base": "Id of the base.",
        "consistent_at": "The moment the base is consistent at, in UTC.",
        "reaches": "Timestamp of the last operation that the oplog after it reaches.",
        "documents": "How many documents the base holds.",
        "size_bytes": "How many bytes of BSON these are.",
        "documents_before": "How many documents the base before it held; 0 without one.",
        "scratch": "A name for the database to restore into, made up at random.",
    },
    by_hand=lambda _: list_bases(),
)
def choose(params: Choose, context: Context) -> Result:
    """Choose the backup that a restore test restores, and the store to restore it from.

    Where the newest backup is damaged, or a slice after it is missing, that is what the test has found: the step fails,
    and takes no older one instead.
    """
    from drx.actions.recovery.bases import origin_of

    origin = origin_of(context, params.service or None, params.source or None)
    until = _until(params.date)

    def look() -> Result:
        label = _label(context, params.store, origin)
        store = backup_store(context, label)
        base, facts, before = _newest(store, origin, until)
        line = f"{base.id}, consistent at {facts.consistent_at:%Y-%m-%d %H:%M:%S} UTC, from {label}: {store.describe()}"
        return Result(
            {
                "store": label,
                "store_name": store.describe(),
                "service": origin.service,
                "source": origin.database,
                "base": base.id,
                "consistent_at": show_time(facts.consistent_at),
                "reaches": _reaches(store, origin, base, until),
                "documents": facts.documents,
                "size_bytes": facts.size_bytes,
                "documents_before": before,
                "scratch": f"{SCRATCH}{secrets.token_hex(6)}",
            },
            (line,),
        )

    return call_blocking(context, look, lambda: None)


def _until(date: str) -> "Timestamp | None":
    """Give the limit, exclusive, of a moment as a person writes it; None for the newest."""
    from drx.backup.oplog.moments import until_second

    if date == NEWEST:
        return None
    try:
        at = parse_time(date)
    except ValueError as error:
        raise PermanentError(str(error), "Or leave it out, for the newest backup") from None
    return until_second(at + timedelta(days=1, seconds=-1) if _DAY.fullmatch(date.strip()) else at)


def _label(context: Context, name: str, origin: "Origin") -> str:
    """Say which store is meant; in turns, the one that the newest note does not name."""
    from drx.backup.holdings.inventory import list_all

    stores = backup_stores(context)
    if name != ALTERNATE:
        try:
            return stores.find(name)[0]
        except UsageError as error:
            raise PermanentError(error.message, error.remedy) from None
    try:
        backups = list_all(backup_store(context), origin.service)
    except StoreError:
        backups = ()  # whatever is wrong with the primary store, the test of it will tell
    tests = sorted((test for found in backups for test in found.tests), key=lambda test: (test.at, test.run))
    return next_in_turn(tests, [label for label, _ in stores.labelled])


def next_in_turn(tests: "Sequence[RestoreTest]", labels: Sequence[str]) -> str:
    """Choose the primary store after a copy, and after it the copy whose last test is the longest ago. Pure."""
    copies = [label for label in labels if label != PRIMARY]
    if not copies or not tests or tests[-1].store != PRIMARY:
        return PRIMARY
    last = {test.store: number for number, test in enumerate(tests)}
    return min(copies, key=lambda label: last.get(label, -1))


def _newest(store: "Store", origin: "Origin", until: "Timestamp | None") -> "tuple[Backup, Facts, int]":
    """Find the newest finished base, and how many documents the one before held.

    Raises PermanentError where there is none, or it is damaged.
    """
    from drx.actions.recovery.bases import own_bases
    from drx.backup.holdings.inventory import list_all

    bases = [found for found in list_all(store, origin.service) if found.kind == "full" and found.state != "incomplete"]
    own = [
        (found, found.facts)
        for found in bases
        if found.facts and found.facts.database == origin.database and (until is None or found.facts.end < until)
    ]
    if not own:
        if until is None:
            own_bases(store, origin)  # says what there is instead
        raise PermanentError(
            f"{store.describe()} holds no base of {origin.service} from before that moment",
            "See what there is: drx backups list",
        )
    base, facts = own[-1]
    unreadable = [
        found for found in bases
        if not found.facts and (found.written_at is None or found.written_at >= facts.finished_at)
    ]  # fmt: skip
    for found in (*(unreadable if until is None else ()), base):
        if found.state != "whole":
            raise PermanentError(
                f"the newest base, {found.id}, is {found.state}: {found.problem}",
                "Take a base, and find out what changes the store",
            )
    return base, facts, next((earlier.documents for found, earlier in reversed(own[:-1]) if found.state == "whole"), 0)


def _reaches(store: "Store", origin: "Origin", base: "Backup", until: "Timestamp | None") -> str:
    """Give the last operation that can be restored after the base; raises PermanentError for a gap before it."""
    from drx.backup.format.catalog import list_differentials, list_slices, load_manifest
    from drx.backup.format.manifest import show_timestamp
    from drx.backup.oplog.entry import position_of
    from drx.backup.oplog.slices import best_chain
    from drx.errors import DamagedError

    damaged: list[DamagedError] = []
    manifest = load_manifest(store, origin.service, base.id)
    slices = list_slices(store, origin.service, damaged.append)
    differentials = list_differentials(store, origin.service, damaged.append)
    chain = best_chain(manifest, slices, differentials, until)
    if chain.gap and (until is None or position_of(chain.end) < position_of(until) - 1):
        reasons = "; ".join((chain.gap, *(found.message for found in damaged[:2])))
        raise PermanentError(
            f"what was written after the base {base.id} is not whole: {reasons}",
            "Restore the slice from a copy, or take a new base",
        )
    if until is not None and chain.end >= until:
        return show_timestamp(max(manifest.end, _just_before(until)))
    return show_timestamp(chain.end)


def _just_before(limit: "Timestamp") -> "Timestamp":
    from bson import Timestamp

    return Timestamp(limit.time, limit.inc - 1) if limit.inc else Timestamp(limit.time - 1, (1 << 32) - 2)
