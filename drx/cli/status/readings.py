"""Read what readiness is judged by: stores and servers. Nothing is written, and nothing is waited for long."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from drx.config.target import Target
from drx.errors import DrxError
from drx.reports.readiness import Copies, Oplog, Stores, Versions

Read = TypeVar("Read")
PATIENCE_SECONDS = 10.0
"""How long stores and servers may take, all together: whoever asks now wants an answer now."""


def aside(read: Callable[[], Read], failed: Callable[[str], Read]) -> Callable[[], Read]:
    """Begin to read in a thread of its own; the result waits for it, up to a moment, and failure is a result too."""
    answer: Future[Read] = Future()

    def work() -> None:
        try:
            answer.set_result(read())
        except Exception as error:  # raised again where the result is asked for
            answer.set_exception(error)

    until = time.monotonic() + PATIENCE_SECONDS
    threading.Thread(target=work, daemon=True).start()

    def result() -> Read:
        try:
            return answer.result(timeout=max(until - time.monotonic(), 0.0))
        except DrxError as error:
            return failed(error.message)
        except TimeoutError:
            return failed(f"no answer within {PATIENCE_SECONDS:g}s")

    return result


def unreadable(error: DrxError) -> tuple[str, str]:
    """Say in a line why nothing could be asked, and what to do, which names everything at once."""
    from drx.yaml_source import InvalidDocument

    if not isinstance(error, InvalidDocument):
        return error.message, error.remedy
    first, *others = error.problems
    if not others:
        return first.message, first.remedy
    every = "; ".join(problem.message for problem in error.problems)
    return f"{first.message}, and {len(others)} more", f"Mend these: {every}"


def read_stores(target: Target) -> Stores:
    """Find out what the primary store restores; raises StoreError."""
    from drx.actions.servers import address_of
    from drx.backup.holdings.inventory import list_all, list_slices_of, moment_of
    from drx.backup.holdings.retention import Rules, judge
    from drx.backup.holdings.window import find_window, read_oplog
    from drx.backup.stores import open_store

    assert target.backups
    assert target.mongo
    store, database = open_store(address_of(target.backups.primary, hurried=True)), target.mongo.database
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
    from drx.backup.holdings.custody import sentence
    from drx.backup.holdings.survey import survey

    assert target.backups
    assert target.mongo
    addresses = [address_of(store, hurried=True) for store in (target.backups.primary, *target.backups.copies)]
    custody = survey(addresses, target.service, target.mongo.database)
    return Copies(sentence(custody), custody.sound, custody.copies)


def read_oplog_length(target: Target, interval: timedelta | None) -> Oplog:
    """Ask the database server how far back its oplog reaches; raises StepError."""
    from drx.backup.holdings.inventory import moment_of
    from drx.backup.oplog.capture import oldest_position
    from drx.cli.status.live import live_server

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
