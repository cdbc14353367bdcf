"""How a step names the moment to restore to. Shapes only; recovery.py finds it in the oplog."""

from typing import Literal

from drx.actions.base import Params
from drx.fields import Moment, Text

EventKind = Literal["drop", "dropDatabase", "rename", "mass_delete", "mass_update"]


class BeforeOperation(Params):
    before: Text | dict[EventKind, Text]
    """An operation's timestamp, as `backup.find_event` gives it, or a kind and what it struck: `{drop: images}`."""


class UpToOperation(Params):
    up_to: Text
    """An operation's timestamp, `SECONDS.INCREMENT`: the last one that is taken."""


Point = Moment | BeforeOperation | UpToOperation
"""A second, all of it included; the operation before another one; or an operation itself."""


def show_point(point: Point | None) -> str:
    """Name the moment for a person."""
    if point is None:
        return "the newest moment"
    if isinstance(point, UpToOperation):
        return f"operation {point.up_to}"
    if not isinstance(point, BeforeOperation):
        return f"{point:%Y-%m-%d %H:%M:%S} UTC"
    if isinstance(point.before, str):
        return f"just before operation {point.before}"
    return "just before " + " or ".join(f"{kind} of {name}" for kind, name in point.before.items())
