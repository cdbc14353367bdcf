"""Decide whether the same trouble is told again. Pure: memory in, decision out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from drx.config.model import TROUBLE
from drx.reports.notices import Notice
from drx.units import show_duration


@dataclass(frozen=True)
class Told:
    """When something was told last, and how often it was held back since."""

    at: datetime
    held: int = 0


Memory = Mapping[str, Told]
"""What was told, by its key."""


def key_of(notice: Notice) -> str:
    """Name the trouble: the same job, in the same place, in the same way."""
    return f"{notice.about} {notice.job} {notice.environment}"


def held_back(memory: Memory, notice: Notice, quiet_for: timedelta) -> str:
    """Say why nobody is told this time; empty where somebody is.

    Only trouble of what nobody attends is held back: it comes again by itself, and a clock set back counts as quiet
    time that is over.
    """
    told = memory.get(key_of(notice))
    if notice.attended or notice.about not in TROUBLE or told is None:
        return ""
    since = notice.at - told.at
    if not timedelta(0) <= since < quiet_for:
        return ""
    return f"the same was told {show_duration(since)} ago, and again after {show_duration(quiet_for)} at the earliest"


def remembered(memory: Memory, notice: Notice, *, held: bool) -> Memory:
    """Give the memory after somebody was told, or after it was held back."""
    key = key_of(notice)
    told = replace(memory[key], held=memory[key].held + 1) if held else Told(notice.at)
    return {**memory, key: told}


def counted(memory: Memory, notice: Notice) -> Notice:
    """Add to a message how often it was held back."""
    told = memory.get(key_of(notice))
    if told is None or not told.held or notice.about not in TROUBLE:
        return notice
    times = "once" if told.held == 1 else f"{told.held} times"
    return replace(notice, what=(*notice.what, f"It has happened {times} since the last message about it."))
