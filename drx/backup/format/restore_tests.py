"""What restore tests noted beside a backup: a small object each, written once. Its key alone tells the outcome.

`<service>/base/<id>/tests/<time>.<run>.<passed|failed>.<store>.json`. They are no part of the backup: copies do not
lack them, and they go when it goes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Annotated

from pydantic import AwareDatetime, ConfigDict, PlainSerializer, TypeAdapter, ValidationError

from drx.backup.format.seal import sealed, unsealed
from drx.errors import DamagedError
from drx.units import show_time

_FOLDER = "tests/"
_KEY = re.compile(r"tests/(\d{8}T\d{9}Z)\.([A-Za-z0-9-]+)\.(passed|failed)\.(primary|copy-\d+)\.json")
_AT = "%Y%m%dT%H%M%S%fZ"


@dataclass(frozen=True, slots=True)
class RestoreTest:
    """One restore test of a backup, as the key of its note tells it."""

    run: str
    """Id of the run that made it."""
    at: datetime
    """When it was noted, by the clock of that run's host."""
    passed: bool
    store: str
    """From which store it was restored: `primary`, `copy-1` and so on."""
    key: str = ""


@dataclass(frozen=True, slots=True)
class RestoreTestNote:
    """All that a restore test says of itself. What a test that failed did not come to is None."""

    __pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    run: str
    backup: str
    passed: bool
    store: str
    store_name: str
    """What the store is called: its bucket or directory."""
    noted_at: Annotated[AwareDatetime, PlainSerializer(show_time)]
    reaches: str | None = None
    """Timestamp up to which it was restored."""
    documents: int | None = None
    size_bytes: int | None = None
    digest: str | None = None
    restore_seconds: float | None = None
    estimated_seconds: float | None = None
    """How long a restore of all that the database holds should take."""
    format: int = 1


def is_test_key(key: str) -> bool:
    """Tell notes of tests from the objects of a backup."""
    return bool(_KEY.fullmatch(_tail(key)))


def key_of(prefix: str, note: RestoreTestNote) -> str:
    """Where a note lies; `prefix` is the backup's own."""
    at = f"{note.noted_at:%Y%m%dT%H%M%S}{note.noted_at.microsecond // 1000:03d}Z"
    return f"{prefix}{_FOLDER}{at}.{note.run}.{'passed' if note.passed else 'failed'}.{note.store}.json"


def read_tests(keys: Iterable[str]) -> tuple[RestoreTest, ...]:
    """Tell what tests came to from the keys of their notes, oldest first; other keys are left out."""
    return tuple(sorted(filter(None, map(_read_key, keys)), key=lambda test: (test.at, test.run)))


def _read_key(key: str) -> RestoreTest | None:
    match = _KEY.fullmatch(_tail(key))
    if match is None:
        return None
    try:
        at = datetime.strptime(match[1], _AT).replace(tzinfo=UTC)
    except ValueError:
        return None
    return RestoreTest(match[2], at, match[3] == "passed", match[4], key)


def _tail(key: str) -> str:
    return "/".join(key.rsplit("/", 2)[-2:])


def write_note(note: RestoreTestNote) -> bytes:
    """Write a note, sealed."""
    return sealed(_adapter().dump_json(note, indent=1))


def read_note(data: bytes, name: str) -> RestoreTestNote:
    """Read the note called `name`.

    Raises DamagedError for one that is not as it was written.
    """
    try:
        return _adapter().validate_json(unsealed(data, name))
    except ValidationError:
        raise DamagedError(f"{name} is no note of a restore test that drx can read", "Test the backup again") from None


@cache
def _adapter() -> TypeAdapter[RestoreTestNote]:
    return TypeAdapter(RestoreTestNote)
