"""What came before a run: drills of its runbook, and what is proven of it. Pure: the records' reader hands it in."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from drx.engine.terms import Mode
from drx.reports.plan.shapes import Verified
from drx.reports.shapes import RunFacts, Word

LONGEST = 12
"""Drills that a report shows; `drx report --trend` shows them all."""


@dataclass(frozen=True)
class Past:
    """A drill that was, as its own report has it."""

    run: str
    drill: str
    environment: str
    at: datetime
    word: Word
    rta: timedelta | None
    rpa: timedelta | None


@dataclass(frozen=True)
class History:
    """What was known of a runbook when a run of it ended."""

    drills: tuple[Past, ...] = ()
    """The drills of it before that run, oldest first."""
    hash: str = ""
    """Of all that the run ran: the runbook, every one inside of it, and drx; empty where it was not looked at."""
    verified: Verified | None = None
    """What the last recorded drill had proven."""
    valid_for: timedelta = timedelta()
    """How long a recorded drill counts."""


NO_HISTORY = History()
"""Nobody looked."""


@dataclass(frozen=True)
class Trend:
    """The drills of a runbook against its objectives, oldest first."""

    runbook: str
    rto: timedelta | None
    rpo: timedelta | None
    drills: tuple[Past, ...]


def past_of(facts: RunFacts) -> Past | None:
    """Give a finished drill as others will see it; None for what is none."""
    if facts.mode is not Mode.DRILL or facts.outcome is None:
        return None
    drill = facts.drill or facts.runbook
    return Past(
        facts.run, drill, facts.environment, facts.started, facts.verdict.word, facts.rto.actual, facts.rpo.actual
    )


def trend_of(facts: RunFacts, history: History) -> Trend | None:
    """Put a run at the end of the drills before it; None where there are none to compare it with."""
    own = past_of(facts)
    drills = (*history.drills, *([own] if own else []))[-LONGEST:]
    return Trend(facts.runbook, facts.rto.target, facts.rpo.target, drills) if history.drills else None


@dataclass(frozen=True)
class Standing:
    """Whether a runbook is verified, and why."""

    verified: bool
    reason: str

    @property
    def word(self) -> str:
        """The state in a word."""
        return "VERIFIED" if self.verified else "NOT VERIFIED"


def standing(history: History, at: datetime) -> Standing | None:
    """Say whether a passed and recorded drill still spoke for a runbook at a moment; None where nobody looked."""
    found = history.verified
    if not history.hash:
        return None
    if found is None:
        return Standing(False, "no drill of it that passed was recorded")
    drill = f"the drill of {found.at:%Y-%m-%d} ({found.run})"
    if found.hash != history.hash:
        return Standing(False, f"it, or what it runs, has changed since {drill}")
    if found.valid_until < at:
        return Standing(False, f"{drill} counted until {found.valid_until:%Y-%m-%d}")
    return Standing(True, f"by {drill}; until {found.valid_until:%Y-%m-%d}, as long as nothing that it runs changes")
