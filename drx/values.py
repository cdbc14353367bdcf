"""Values as JSON has them: what journal lines, outputs and reports can hold. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from drx.units import show_time

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
"""A value as a journal line can hold it."""


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
