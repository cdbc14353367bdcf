"""Everything that can happen in a run, as facts in the past tense. Shapes only; state.py gives them meaning."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from drx.engine.terms import Choice, FailureKind, Mode, Outcome, Part, QuestionKind
from drx.values import Json


@dataclass(frozen=True)
class RunStarted:
    """The first event: what is run, where, and the hash of every frozen file."""

    run: str
    mode: Mode
    runbook: str
    environment: str
    unattended: bool
    drx_version: str
    frozen: Mapping[str, str]
    drill: str | None = None
    timeout_seconds: float | None = None
    """What the command line allowed the run; its runbook may allow less."""
    type: Literal["RunStarted"] = "RunStarted"


@dataclass(frozen=True)
class RunResumed:
    """Another process goes on; nothing that was running before still is."""

    gap_seconds: float
    unattended: bool
    type: Literal["RunResumed"] = "RunResumed"


@dataclass(frozen=True)
class PauseRequested:
    """Stop cleanly, so that somebody can go on later."""

    reason: str
    type: Literal["PauseRequested"] = "PauseRequested"


@dataclass(frozen=True)
class RunPaused:
    """Nothing is running any more, and nobody holds the run."""

    type: Literal["RunPaused"] = "RunPaused"


@dataclass(frozen=True)
class AbortRequested:
    """Give up: roll back, clean up, finish."""

    reason: str
    source: Literal["person", "signal", "policy"]
    type: Literal["AbortRequested"] = "AbortRequested"


@dataclass(frozen=True)
class RunFinished:
    """The last event of the run itself; seals the journal."""

    outcome: Outcome
    reason: str = ""
    type: Literal["RunFinished"] = "RunFinished"


@dataclass(frozen=True)
class InputGiven:
    """An input has its value; the name of a nested runbook's input starts with the step's id."""

    name: str
    value: Json
    type: Literal["InputGiven"] = "InputGiven"


@dataclass(frozen=True)
class ClockStarted:
    """The moment from which the recovery time counts; the newest of these holds."""

    moment: datetime
    source: Literal["fault", "input", "run", "person"]
    type: Literal["ClockStarted"] = "ClockStarted"


@dataclass(frozen=True)
class ClockDiverged:
    """The wall clock moved against the steady one by this much."""

    seconds: float
    type: Literal["ClockDiverged"] = "ClockDiverged"


@dataclass(frozen=True)
class MachineSlept:
    """The machine was suspended for so long, up to now, with the run's process in it: nobody held the run."""

    seconds: float
    type: Literal["MachineSlept"] = "MachineSlept"


@dataclass(frozen=True)
class StepStarted:
    """An attempt begins; on disk before its effect. `parameters` are resolved, secrets masked."""

    step: str
    visit: int
    attempt: int
    part: Part
    parameters: Mapping[str, Json] = field(default_factory=dict)
    type: Literal["StepStarted"] = "StepStarted"


@dataclass(frozen=True)
class StepSucceeded:
    """An attempt achieved its effect."""

    step: str
    visit: int
    attempt: int
    part: Part
    outputs: Mapping[str, Json] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    proven_until: datetime | None = None
    """Writes up to this moment are proven to be there."""
    type: Literal["StepSucceeded"] = "StepSucceeded"


@dataclass(frozen=True)
class StepFailed:
    """An attempt did not achieve its effect, or nobody knows."""

    step: str
    visit: int
    attempt: int
    part: Part
    error: str
    remedy: str = ""
    kind: FailureKind = FailureKind.EFFECT
    resource: str = ""
    """With `needs_name`: what would be destroyed."""
    lines: tuple[str, ...] = ()
    artifacts: tuple[str, ...] = ()
    type: Literal["StepFailed"] = "StepFailed"


@dataclass(frozen=True)
class StepTimedOut:
    """An attempt was ended because its time was over."""

    step: str
    visit: int
    attempt: int
    part: Part
    abandoned: bool = False
    """It did not end when told to, and may still be going on."""
    lines: tuple[str, ...] = ()
    type: Literal["StepTimedOut"] = "StepTimedOut"


@dataclass(frozen=True)
class StepCancelled:
    """An attempt was ended because the run pauses, aborts or its group is over."""

    step: str
    visit: int
    attempt: int
    part: Part
    abandoned: bool = False
    type: Literal["StepCancelled"] = "StepCancelled"


@dataclass(frozen=True)
class StepSkipped:
    """A visit that did nothing, and why."""

    step: str
    visit: int
    reason: str
    type: Literal["StepSkipped"] = "StepSkipped"


@dataclass(frozen=True)
class StepWaiting:
    """A person is asked, in these words."""

    step: str
    visit: int
    prompt: str = ""
    type: Literal["StepWaiting"] = "StepWaiting"


@dataclass(frozen=True)
class RetryScheduled:
    """A failed attempt will be tried again at `retry_at`."""

    step: str
    visit: int
    retry_at: datetime
    type: Literal["RetryScheduled"] = "RetryScheduled"


@dataclass(frozen=True)
class StepIgnored:
    """The run goes on although the step failed."""

    step: str
    visit: int
    goto: str | None = None
    """The later step at which it goes on; none means the next one."""
    type: Literal["StepIgnored"] = "StepIgnored"


@dataclass(frozen=True)
class Answered:
    """A person, or a drill's script, answered a question about a step."""

    step: str
    visit: int
    question: QuestionKind
    choice: Choice
    value: Json = None
    """The answer, the step to go to, or the name typed."""
    reason: str = ""
    scripted: bool = False
    type: Literal["Answered"] = "Answered"


@dataclass(frozen=True)
class SecretsRead:
    """What the process that runs it read from outside drx.yaml: where each came from, by setting; never what it is."""

    used: Mapping[str, str]
    """For the run itself, the copy of its record, and messages."""
    hidden: Mapping[str, str] = field(default_factory=dict)
    """Only so that it can be hidden where a command prints it."""
    type: Literal["SecretsRead"] = "SecretsRead"


@dataclass(frozen=True)
class TargetIdentified:
    """A server said who it is, and that is trusted for this environment."""

    target: str
    identity: str
    how: str
    type: Literal["TargetIdentified"] = "TargetIdentified"


@dataclass(frozen=True)
class TargetCreated:
    """The run made this resource, so it may change and remove it."""

    target: str
    resource: str
    type: Literal["TargetCreated"] = "TargetCreated"


@dataclass(frozen=True)
class TargetLost:
    """This resource is what was lost; it is not written to again."""

    target: str
    resource: str
    type: Literal["TargetLost"] = "TargetLost"


@dataclass(frozen=True)
class NoteAdded:
    """Somebody wrote down what they saw or did."""

    text: str
    type: Literal["NoteAdded"] = "NoteAdded"


@dataclass(frozen=True)
class ReviewAnswered:
    """An answer to one of the questions asked after the run."""

    question: str
    answer: str
    type: Literal["ReviewAnswered"] = "ReviewAnswered"


@dataclass(frozen=True)
class ActionItemAdded:
    """Something is to be done, by somebody, until a day. The first one of a run is its item 1, and so on."""

    text: str
    owner: str
    due: date
    question: str = ""
    """The question of the review that it answers."""
    type: Literal["ActionItemAdded"] = "ActionItemAdded"


@dataclass(frozen=True)
class ActionItemClosed:
    """An action item is done, or will not be done; the reason says which."""

    item: int
    reason: str
    type: Literal["ActionItemClosed"] = "ActionItemClosed"


@dataclass(frozen=True)
class NotificationSent:
    """Somebody was told, as far as the channel says."""

    about: str
    channel: str
    """Its kind and host; never its whole address, which may be a secret."""
    type: Literal["NotificationSent"] = "NotificationSent"


@dataclass(frozen=True)
class NotificationFailed:
    """Somebody could not be told. That changes nothing of the run."""

    about: str
    channel: str
    error: str
    type: Literal["NotificationFailed"] = "NotificationFailed"


@dataclass(frozen=True)
class NotificationHeld:
    """Nobody was told, since the same was told not long ago."""

    about: str
    reason: str
    type: Literal["NotificationHeld"] = "NotificationHeld"


@dataclass(frozen=True)
class ReportWritten:
    """Seals the record again: the SHA-256 of every file in it."""

    files: Mapping[str, str]
    type: Literal["ReportWritten"] = "ReportWritten"


Notified = NotificationSent | NotificationFailed | NotificationHeld

AttemptEnded = StepSucceeded | StepFailed | StepTimedOut | StepCancelled

Fact = (
    RunStarted
    | RunResumed
    | PauseRequested
    | RunPaused
    | AbortRequested
    | RunFinished
    | InputGiven
    | ClockStarted
    | ClockDiverged
    | MachineSlept
    | StepStarted
    | StepSucceeded
    | StepFailed
    | StepTimedOut
    | StepCancelled
    | StepSkipped
    | StepWaiting
    | RetryScheduled
    | StepIgnored
    | Answered
    | SecretsRead
    | TargetIdentified
    | TargetCreated
    | TargetLost
    | NoteAdded
    | ReviewAnswered
    | ActionItemAdded
    | ActionItemClosed
    | NotificationSent
    | NotificationFailed
    | NotificationHeld
    | ReportWritten
)


@dataclass(frozen=True)
class Author:
    """Who caused an event."""

    user: str
    host: str
    pid: int


@dataclass(frozen=True)
class Event:
    """A fact as it stands in the journal."""

    seq: int
    at: datetime
    """UTC."""
    elapsed: float
    """Seconds since the run started, by the steady clock."""
    by: Author
    fact: Fact
