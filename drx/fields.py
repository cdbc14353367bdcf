"""Field types shared by everything that pydantic reads: drx.yaml, runbooks, drills, action parameters."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from drx.units import parse_duration, parse_size, parse_time, show_time


class Model(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, defer_build=True
    )


def _read_duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError("a duration needs a unit. Write it like 30s, 5m, 1h30m or 7d")
    return parse_duration(value)


def _write_duration(value: timedelta) -> str:
    return f"{value.total_seconds():.6f}".rstrip("0").rstrip(".") + "s"


def _read_size(value: object) -> int:
    if isinstance(value, str):
        return parse_size(value)
    raise ValueError("a size needs a unit. Write it like 500MB or 16MiB")


def _read_moment(value: object) -> datetime:
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, str):
        return parse_time(value)
    raise ValueError("a time is text. Write it like 2026-11-21T08:00:00Z (UTC)")


Duration = Annotated[
    timedelta,
    BeforeValidator(_read_duration),
    PlainSerializer(_write_duration, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|d|h|m|s) ?)+$", "examples": ["30s", "5m", "1h30m"]}
    ),
]
"""A span of time with its unit: `30s`, `5m`, `1h30m`, `7d`."""

Size = Annotated[
    int,
    BeforeValidator(_read_size),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d+(\.\d+)? ?(B|[kMGT]B|[KMGT]iB)$", "examples": ["500MB", "16MiB"]}
    ),
]
"""A number of bytes with its unit: `500MB`, `16MiB`."""

Moment = Annotated[
    datetime,
    BeforeValidator(_read_moment),
    PlainSerializer(show_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A UTC time: `2026-11-21T08:00:00Z`."""

IDENTIFIER = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
Identifier = Annotated[str, Field(pattern=IDENTIFIER, max_length=64)]
"""A name in lower case with hyphens: `db-drop`."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]
"""A name that expressions use: `incident_time`."""

Text = Annotated[str, Field(min_length=1)]
"""Text that may not be empty."""
