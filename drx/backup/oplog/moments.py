"""Turn what a person means by a moment into an exclusive limit on oplog timestamps. Pure."""

from datetime import UTC, datetime
from math import floor

from bson import Timestamp

from drx.backup.oplog.entry import position_of, timestamp_of
from drx.errors import StepError


def until_second(at: datetime) -> Timestamp:
    """Include every operation of the wall second `at` lies in.

    Raises StepError for a time without a zone, or one no oplog can hold.
    """
    if at.tzinfo is None:
        raise StepError(f"{at.isoformat()} has no time zone", "Write it with one: 2026-03-01T12:00:00Z")
    second = floor(at.astimezone(UTC).timestamp()) + 1
    if not 0 < second < 1 << 32:
        raise StepError(f"no oplog holds {at.isoformat()}", "Give a time between 1970 and 2106")
    return Timestamp(second, 0)


def until_before(operation: Timestamp) -> Timestamp:
    """Include everything before one operation, also of the same second."""
    return operation


def until_after(operation: Timestamp) -> Timestamp:
    """Include one operation and everything before it."""
    return timestamp_of(position_of(operation) + 1)
