"""Turn what an expression gave into a value that a journal line can hold. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from drx.engine.events import Json
from drx.units import show_time


def as_json(value: object) -> Json:
    """Give the value as JSON has it: moments as UTC text, anything unknown as its text."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return show_time(value)
        case Mapping():
            return {str(key): as_json(item) for key, item in value.items()}
        case bytes():
            return value.hex()
        case Sequence() | set() | frozenset():
            return [as_json(item) for item in value]
        case _:
            return str(value)
