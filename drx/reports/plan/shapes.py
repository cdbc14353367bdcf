"""What the plan says, as values. Shapes only: the caller reads files, markdown.py writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from drx.config.model import Settings


@dataclass(frozen=True)
class PlanStep:
    """One numbered step; groups hold further ones."""

    id: str
    title: str
    who: str = "automatic"
    """`automatic`, or what a person does: `a person`, `2 people, not the operator`."""
    text: str = ""
    """What a person has to do or to decide."""
    when: str = ""
    """The condition under which it is done at all."""
    expect: timedelta | None = None
    action: str = ""
    """Name of the action that does it."""
    by_hand: str = ""
    """The command that does the same with stock tools; one line or several."""
    undo: str = ""
    """The command that undoes it."""
    on_failure: str = ""
    """What follows a failure, where that is not a question to the person in charge."""
    recovered: bool = False
    groups: Mapping[str, tuple["PlanStep", ...]] | None = None
    """The branches that go on side by side, or the steps of another runbook under its id."""


@dataclass(frozen=True)
class Variable:
    """A value that only the run, or the vault, can tell: `FIND_TS`."""

    name: str
    meaning: str


@dataclass(frozen=True)
class PlanRunbook:
    """One scenario or operation."""

    id: str
    kind: str
    title: str
    summary: str
    severity: str
    owner: str
    symptoms: tuple[str, ...]
    rto: timedelta
    rpo: timedelta
    questions: tuple[str, ...]
    """What has to be known before the start."""
    variables: tuple[Variable, ...]
    prechecks: tuple[PlanStep, ...]
    steps: tuple[PlanStep, ...]
    cleanup: tuple[PlanStep, ...]
    expected: timedelta
    """How long the critical path takes, up to the recovery."""
    path: tuple[str, ...]
    """Whole ids of the steps on it."""
    hash: str
    """Of all that it runs."""
    verified: "Verified | None"
    review: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verified:
    """What the last recorded drill of a runbook showed; one line of drills/verified.json."""

    drill: str
    run: str
    environment: str
    at: datetime
    valid_until: datetime
    hash: str
    """Of all that the runbook ran, then."""
    rta_seconds: float
    rpa_seconds: float | None
    journal: str
    """Hash that ends the journal of the run."""


@dataclass(frozen=True)
class RecoveryPlan:
    """Everything the plan says."""

    settings: Settings
    environment: str
    """The one that the commands are about."""
    exports: tuple[tuple[str, str, str], ...]
    """Variables of the commands by hand: name, value, where it comes from."""
    functions: tuple[str, ...]
    """Definitions for a shell of what the commands by hand call, line by line."""
    scenarios: tuple[PlanRunbook, ...]
    operations: tuple[PlanRunbook, ...]
