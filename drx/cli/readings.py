"""Read what readiness is judged by: stores, servers, records. Nothing is written, and nothing is waited for long."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeVar

from drx.config.target import Target
from drx.errors import DrxError
from drx.reports.readiness import Copies, Oplog, Stores, Versions

if TYPE_CHECKING:
    from drx.schedule.jobs import Job

Read = TypeVar("Read")
PATIENCE_SECONDS = 10.0
"""How long a store or a server may take: whoever asks now wants an answer now."""
_LOOKED_AT = 50
"""How many of the newest records of a job are opened."""


def aside(read: Callable[[], Read], failed: Callable[[str], Read]) -> Callable[[], Read]:
    """Begin to read in a thread of its own; the result waits for it, up to a moment, and failure is a result too."""
    answers: SimpleQueue[Read] = SimpleQueue()

    def work() -> None:
        try:
            answers.put(read())
        except DrxError as error:
            answers.put(failed(error.message))

    threading.Thread(target=work, daemon=True).start()

    def result() -> Read:
        try:
            return answers.get(timeout=PATIENCE_SECONDS)
        except Empty:
            return failed(f"no answer within {PATIENCE_SECONDS:g}s")

    return result


def read_stores(target: Target) -> Stores:
    """Find out what the primary store restores; raises StoreError."""
    from drx.actions.servers import address_of
    from drx.backup.inventory import list_all, list_slices_of, moment_of
    from drx.backup.retention import Rules, judge
    from drx.backup.stores import open_store
    from drx.backup.window import find_window, read_oplog

    assert target.backups
    assert target.mongo
    store, database = open_store(address_of(target.backups.primary)), target.mongo.database
    every = list_all(store, target.service)
    backups = [each for each in every if each.facts is None or each.facts.database == database]
    kept_since = judge(backups, Rules(target.backups.retention, datetime.now(UTC))).kept_since
    slices = list(list_slices_of(store, target.service))
    stored = sum(each.stored_bytes for each in every) + sum(each.stored_bytes for each in slices)
    found = find_window(backups, read_oplog(slices, database), kept_since)
    test = max((test for each in backups for test in each.tests), key=lambda test: test.at, default=None)
    tested = Stores(stored_bytes=stored)
    if test:
        tested = replace(tested, tested_at=test.at, test_passed=test.passed)
    if not found.spans:
        return tested
    newest = found.spans[-1]
    gaps = sum(not gap.is_policy for gap in found.gaps)
    return replace(tested, begins=moment_of(newest.start), reaches=moment_of(newest.end), gaps=gaps)


def read_copies(target: Target) -> Copies:
    """Find out what every store holds; raises StoreError."""
    from drx.actions.servers import address_of
    from drx.backup.custody import sentence
    from drx.backup.holdings import survey

    assert target.backups
    assert target.mongo
    addresses = [address_of(store) for store in (target.backups.primary, *target.backups.copies)]
    custody = survey(addresses, target.service, target.mongo.database)
    return Copies(sentence(custody), custody.sound, custody.copies)


def read_oplog_length(target: Target, interval: timedelta | None) -> Oplog:
    """Ask the database server how far back its oplog reaches; raises StepError."""
    from drx.backup.capture import oldest_position
    from drx.backup.inventory import moment_of
    from drx.cli.live import live_server

    with live_server(target) as client:
        assert client is not None
        return Oplog(moment_of(oldest_position(client)), interval)


def read_versions(target: Target) -> Versions:
    """Ask the uploads bucket whether it keeps versions; raises StepError."""
    from drx.actions.bucket import connected, keeps_versions
    from drx.secrets import Masker

    assert target.uploads
    with connected(target.uploads, Masker(target.secrets()).mask) as uploads:
        return Versions(keeps_versions(uploads))


@dataclass(frozen=True)
class Began:
    """The newest run of a job that left a record here."""

    at: datetime
    outcome: str
    """`succeeded`, `failed`, `aborted`; `unfinished` where it has not ended, or was killed."""
    succeeded_at: datetime | None = None
    """When the newest one began that succeeded, among those that were looked at."""
    seconds: float | None = None
    """How long the newest one took that has ended."""


def newest_run(records: Path, names: list[str], job: "Job") -> Began | None:
    """Find the newest run of a job; `names` are the names of all records, newest first.

    Names tell what was run and when: only the newest few of the job are opened, however many records there are.
    """
    subject = job.arguments[1]
    newest: Began | None = None
    for name in [name for name in names if name[17:-5] == subject][:_LOOKED_AT]:
        found = _read_report(records / name / "report.json")
        if found is None:
            newest = newest or Began(_moment(name), "unfinished")
            continue
        if job.environment and found.get("environment") != job.environment:
            continue
        outcome, seconds = str(found.get("outcome")), _seconds(found)
        newest = newest or Began(_moment(name), outcome, None, seconds)
        newest = replace(newest, seconds=seconds if newest.seconds is None else newest.seconds)
        if outcome == "succeeded":
            return replace(newest, succeeded_at=_moment(name))
    return newest


def _seconds(run: dict[str, object]) -> float | None:
    whole = run.get("whole")
    total = whole.get("total") if isinstance(whole, dict) else None
    return float(total) if isinstance(total, int | float) else None


def record_names(records: Path) -> list[str]:
    """List the names of all records, newest first."""
    try:
        return sorted((path.name for path in records.iterdir() if path.name[:2] == "20"), reverse=True)
    except OSError:
        return []


def _read_report(path: Path) -> dict[str, object] | None:
    """Give what a report says of its run; None where the run is not over, or its report is damaged."""
    try:
        run = json.loads(path.read_bytes())["run"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return run if isinstance(run, dict) else None


def _moment(name: str) -> datetime:
    return datetime.strptime(name[:16], "%Y-%m-%dT%H%MZ").replace(tzinfo=UTC)
