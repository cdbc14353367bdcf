"""Turn facts into JSON and back, strictly. Shapes come from engine/events.py alone; no files."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any, TypeVar, cast, get_args

from drx.engine.events import Author, Event, Fact
from drx.units import show_time
from drx.values import Json

if TYPE_CHECKING:
    from pydantic import BaseModel

_MOST_NESTED = 32

Mask = Callable[[str], str]
"""Puts `***` in place of every secret."""

Kind = TypeVar("Kind")

FACT_TYPES: Mapping[str, Callable[..., Fact]] = {kind.__name__: kind for kind in get_args(Fact)}

_FREE_TEXT = frozenset(
    ("parameters", "outputs", "value", "lines", "error", "remedy", "reason", "text", "answer", "owner")
)
"""Fields that hold what came from outside, in which a secret may stand."""


def as_json(value: object, mask: Mask | None = None, depth: int = 0) -> Json:
    """A plain copy of a value as a journal line can hold it: times become text, secrets `***`.

    Raises TypeError for what JSON does not know, for numbers beyond 64 bits and for nesting no reader would follow.
    """
    match value:
        case None | bool():
            return value
        case int() if -(2**63) <= value < 2**63:
            return int(value)
        case float() if isfinite(value):
            return float(value)
        case str():
            text = str(value) if mask is None else mask(value)
            return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
        case datetime():
            return show_time(value)
        case date():
            return value.isoformat()
        case Mapping() if depth < _MOST_NESTED:
            return {str(as_json(str(key))): as_json(item, mask, depth + 1) for key, item in value.items()}
        case list() | tuple() if depth < _MOST_NESTED:
            return [as_json(item, mask, depth + 1) for item in value]
    raise TypeError(f"a {type(value).__name__} such as {value!r:.60} cannot be written as JSON")


def masked(fact: Fact, mask: Mask) -> Fact:
    """The fact with its free text fit for a journal: plain JSON, secrets masked. Names and ids stay as they are.

    Raises TypeError for what JSON cannot hold.
    """
    changes: dict[str, Any] = {name: as_json(getattr(fact, name), mask) for name in _free_names(fact.type)}
    if "lines" in changes:
        changes["lines"] = tuple(changes["lines"])
    changed = any(getattr(fact, name) != value for name, value in changes.items())
    return dataclasses.replace(fact, **changes) if changed else fact


def encode(thing: Fact | Author) -> str:
    """The fields as one compact JSON object, without the `type`.

    Raises ValueError or TypeError for what JSON cannot hold, a NaN included.
    """
    fields = {name: getattr(thing, name) for name in _names(type(thing).__name__)}
    return _ENCODER.encode(fields)


def encode_event(event: Event) -> str:
    """One event as a JSON object for other programs: as in the journal, without the chain."""
    by, data = encode(event.by), encode(event.fact)
    at = show_time(event.at)
    head = f'"seq":{event.seq},"at":"{at}","elapsed":{event.elapsed!r},"by":{by}'
    return f'{{{head},"type":"{event.fact.type}","data":{data}}}'


def decode_fact(name: str, text: bytes | str) -> Fact:
    """Read the data of a fact of this type.

    Raises ValueError for an unknown type, a missing or unknown field, or a value of the wrong type.
    """
    if name not in FACT_TYPES:
        raise ValueError(f"unknown type of event '{name}'")
    return decode(FACT_TYPES[name], text)


def decode(kind: Callable[..., Kind], text: bytes | str) -> Kind:
    """Read the fields of one dataclass, strictly. Raises ValueError."""
    from pydantic import ValidationError

    try:
        model = _model(kind).model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "its data"
        raise ValueError(f"{where}: {first['msg']}") from None
    return kind(**{name: getattr(model, name) for name in model.model_fields_set})


@cache
def _names(kind: str) -> tuple[str, ...]:
    return tuple(
        field.name for field in dataclasses.fields(cast(Any, FACT_TYPES.get(kind, Author))) if field.name != "type"
    )


@cache
def _free_names(kind: str) -> tuple[str, ...]:
    return tuple(name for name in _names(kind) if name in _FREE_TEXT)


@cache
def _model(kind: Any) -> "type[BaseModel]":
    """The strict reader of one dataclass; pydantic's JsonValue stands for the recursive Json."""
    from pydantic import ConfigDict, Field, JsonValue, create_model

    known = {Json: JsonValue, Mapping[str, Json]: dict[str, JsonValue]}
    config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    fields: dict[str, Any] = {}
    for field in dataclasses.fields(kind):
        if field.name == "type":
            continue
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        annotation = known.get(field.type, field.type)
        fields[field.name] = (annotation, Field() if required else Field(default=None))
    model: type[BaseModel] = create_model(kind.__name__, __config__=config, **fields)
    return model


def _plain(value: object) -> Json:
    return value.isoformat() if isinstance(value, date) else as_json(value)


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)
