"""The figures of a run, as verdict, report and report.json show them. Shapes only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from drx.engine.plan import Phase
from drx.engine.terms import Mode, Outcome, Part
from drx.engine.visit import Status

Scalar = bool | int | float | str
"""A single value that was counted or found."""


class Word(StrEnum):
    """The verdict in a word."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    RECOVERED = "RECOVERED"
    NOT_RECOVERED = "NOT RECOVERED"
    SUCCEEDED = "SUCCEEDED"
    ABORTED = "ABORTED"
    PAUSED = "PAUSED"
    UNFINISHED = "UNFINISHED"


@dataclass(frozen=True)
class Verdict:
    """What came of the run."""

    word: Word
    reason: str = ""
    """Why, in one line; empty where the word says it all."""
    remedy: str = ""
    """What to do now."""
    step: str = ""
    """The step it is about."""


@dataclass(frozen=True)
class Clock:
    """The moment of the incident, from which RTA and RPA count."""

    moment: datetime
    source: str
    """`fault`, `input`, `person`, or `run` where nothing else set it."""


@dataclass(frozen=True)
class Objective:
    """A promise and what became of it."""

    target: timedelta | None
    actual: timedelta | None
    met: bool | None
    """Null where there is no target or nothing was measured."""


@dataclass(frozen=True)
class Proof:
    """What measured the RPA: the newest check of which writes are there."""

    until: datetime
    """Writes up to this moment are proven to be there."""
    at: datetime
    """When it was checked."""
    step: str
    title: str
    action: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What exactly was asked; what is no text stands as JSON."""


@dataclass(frozen=True)
class Split:
    """A span of time, each moment of it in exactly one category: they add up to the total."""

    start: datetime
    end: datetime
    total: timedelta
    detection: timedelta
    """Nobody knew, or nobody had begun."""
    automation: timedelta
    """Actions at work, and drx itself between them."""
    people: timedelta
    """Nothing but waiting for a person."""
    retries: timedelta
    """Attempts that failed and were repeated, and the waits between them."""
    verification: timedelta
    """Checks of what was done."""
    gaps: timedelta
    """Nobody held the run: paused or killed."""


@dataclass(frozen=True)
class StepTiming:
    """One visit to a step, or its rollback: expected against actual."""

    step: str
    title: str
    phase: Phase
    visit: int
    rollback: bool
    group: bool
    """Whether it only holds other steps."""
    status: Status
    attempts: int
    expected: timedelta | None
    started: datetime
    ended: datetime | None
    actual: timedelta
    """Gaps and waits for a person to decide taken out; up to the end of the journal where it did not end."""
    waited: timedelta = timedelta()
    """How long it waited for a person to decide what to do after an attempt; gaps taken out."""
    by: str = ""
    """Who answered for it."""
    recovered: bool = False
    """Its success stops the RTO clock."""


class DeviationKind(StrEnum):
    """In which way a run differed from its runbook."""

    SKIPPED = "skipped"
    RETRIED = "retried"
    BY_HAND = "done by hand"
    REPEATED = "run again"
    OVERRUN = "overrun"
    TIMED_OUT = "timed out"
    ABANDONED = "left behind"
    IGNORED = "failure ignored"
    GOTO = "left for another step"
    ROLLBACK_FAILED = "rollback failed"
    CLEANUP_FAILED = "cleanup failed"
    NOT_TOLD = "not told"
    CLOCK_MOVED = "clock moved"
    ASLEEP = "asleep"
    CLOCK_CORRECTED = "clock corrected"
    ABORTED = "aborted"
    PAUSED = "paused"
    KILLED = "ended without a word"


@dataclass(frozen=True)
class Deviation:
    """One way in which the run differed from the runbook."""

    kind: DeviationKind
    at: datetime
    text: str
    step: str = ""
    by: str = ""


@dataclass(frozen=True)
class Failure:
    """An attempt that failed, or a person's word that it did."""

    step: str
    title: str
    visit: int
    attempt: int
    part: Part
    at: datetime
    error: str
    remedy: str = ""
    lines: tuple[str, ...] = ()
    """The last lines of its output."""
    artifacts: tuple[str, ...] = ()
    again: tuple[int, ...] = ()
    """Further attempts that failed in the same way, one after the other."""
    standing: bool = True
    """Nothing overcame it, so its remedy still makes sense."""


@dataclass(frozen=True)
class Note:
    """What somebody wrote down during or after the run."""

    at: datetime
    by: str
    text: str


@dataclass(frozen=True)
class Approval:
    """Somebody agreed, or did not."""

    at: datetime
    step: str
    title: str
    by: str
    approved: bool
    reason: str = ""
    scripted: bool = False
    """The drill's script answered, not a person."""


@dataclass(frozen=True)
class Review:
    """An answer to a question asked after the run."""

    question: str
    answer: str
    by: str
    at: datetime


@dataclass(frozen=True)
class ActionItem:
    """What somebody is to do about what a run has shown."""

    number: int
    """Its place among the run's items, from 1."""
    text: str
    owner: str
    due: date
    by: str
    """Who wrote it down."""
    at: datetime
    question: str = ""
    """The question of the review that it answers."""
    closed_at: datetime | None = None
    closed_by: str = ""
    reason: str = ""
    """Why it was closed."""


@dataclass(frozen=True)
class Check:
    """A step that judges the result, and what it counted."""

    step: str
    title: str
    status: Status
    counts: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """Something the run identified, created or declared lost."""

    kind: str
    """`identified`, `created` or `lost`."""
    target: str
    value: str
    """The identity, or the resource's name."""
    how: str = ""
    """Where the identity was read."""


@dataclass(frozen=True)
class Digest:
    """A digest of documents that a step computed."""

    step: str
    part: Part
    value: str


@dataclass(frozen=True)
class Evidence:
    """What ties the report to its record."""

    drx_version: str
    unattended: bool
    frozen: Mapping[str, str]
    """SHA-256 of every frozen file."""
    targets: tuple[Target, ...]
    digests: tuple[Digest, ...]
    """Of the documents restored, as restored and as read back; the newest of each step."""
    people: tuple[str, ...]
    """Who took part, as `user@host`."""
    events: int
    journal_head: str
    """Hash of the newest journal line; empty where it was not given."""
    read: Mapping[str, str] = field(default_factory=dict)
    """Where the values came from that the run used from outside drx.yaml, by setting."""
    read_to_hide: Mapping[str, str] = field(default_factory=dict)
    """The same of secrets that were only read so that they could be hidden."""


@dataclass(frozen=True)
class RunFacts:
    """Everything a report says about a run."""

    run: str
    title: str
    mode: Mode
    runbook: str
    drill: str | None
    environment: str
    verdict: Verdict
    outcome: Outcome | None
    """Null while the run has not finished."""
    objective_missed: bool
    """An objective was missed; in a drill, or where nothing was recovered, also one that was never measured."""
    started: datetime
    ended: datetime
    """The end of the run, or of what is known of it."""
    clock: Clock
    recovered_at: datetime | None
    rto: Objective
    rpo: Objective
    proof: Proof | None
    until_recovered: Split | None
    """From the clock's start to the recovery."""
    whole: Split
    """From the run's start to its end."""
    steps: tuple[StepTiming, ...]
    """In the order in which they began."""
    not_reached: tuple[str, ...]
    """Steps of the plan that were never visited."""
    checks: tuple[Check, ...]
    deviations: tuple[Deviation, ...]
    failures: tuple[Failure, ...]
    notes: tuple[Note, ...]
    approvals: tuple[Approval, ...]
    reviews: tuple[Review, ...]
    action_items: tuple[ActionItem, ...]
    evidence: Evidence
