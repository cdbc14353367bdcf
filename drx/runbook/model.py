"""What a runbook file may say. Shapes only: reading stands in load.py, judgement in check.py."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from drx.fields import Duration, Identifier, Model, Name, Text

UNATTENDED_LIMIT = timedelta(hours=24)
"""How long a run may take that nobody attends and whose runbook states no `timeout`."""
STEP_KINDS = ("action", "confirm", "ask", "approve", "parallel", "runbook")
"""The keys that tell the six kinds of step apart: exactly one of them stands in a step."""


class ActionCall(Model):
    """An action by name with its parameters, which may hold expressions."""

    action: Text
    """Name of the action, as `drx actions` lists it."""
    with_: dict[str, object] = Field(default_factory=dict, alias="with")
    """Parameters of the action."""


class Retry(Model):
    """How often a failing step is tried again."""

    attempts: int = Field(default=1, ge=1, le=100)
    """Attempts in all, the first one included."""
    wait: Duration = Field(default="5s", validate_default=True)
    """Wait before the second attempt."""
    backoff: float = Field(default=1.0, ge=1.0, le=10.0)
    """Factor by which each further wait grows."""


class GoTo(Model):
    """Continue at another, later step of the same sequence."""

    goto: Identifier
    """Id of the step."""


class Probe(Model):
    """Let an action answer in a person's place when nobody is there."""

    probe: ActionCall
    """The action: its success is the answer yes."""


class Approvers(Model):
    """Who has to agree."""

    min: int = Field(default=1, ge=1, le=20)
    """How many people."""
    not_operator: bool = False
    """The person who runs the runbook does not count."""
    roles: tuple[Identifier, ...] = ()
    """Only accounts that have one of these roles in drx.yaml count; without it, anybody does."""


class StepFields(Model):
    """What every kind of step may say."""

    id: Identifier
    """Name of the step, unique in its runbook."""
    title: str = ""
    """What the step achieves, for a reader under stress."""
    when: str | None = None
    """An expression: the step is skipped unless it is true."""
    expect: Duration | None = None
    """How long the step should take."""
    timeout: Duration | None = None
    """End the step as failed after this long."""
    on_failure: Literal["ask", "abort", "continue"] | GoTo = "ask"
    """What follows when the step has failed for good."""
    recovered: bool = False
    """The service is recovered when this step has succeeded: the RTO clock stops."""


class ActionStep(StepFields):
    """An automated step."""

    action: Text
    """Name of the action, as `drx actions` lists it."""
    with_: dict[str, object] = Field(default_factory=dict, alias="with")
    """Parameters of the action."""
    retry: Retry = Field(default_factory=Retry)
    """How often it is tried again."""
    verify: ActionCall | None = None
    """A probe that runs after each success, and decides an interrupted attempt."""
    rollback: Literal["none"] | ActionCall | None = None
    """The action that undoes the step when the run is aborted; `none` says that nothing can, and that this is meant."""

    @property
    def way_back(self) -> ActionCall | None:
        """The rollback, where there is one."""
        return self.rollback if isinstance(self.rollback, ActionCall) else None


class HumanFields(StepFields):
    """What every step done by a person may say."""

    unattended: Literal["fail", "skip"] | Probe = "fail"
    """What happens where nobody is there to answer."""


class ConfirmStep(HumanFields):
    """Something a person does, and then says so."""

    confirm: Text
    """What has to be done."""


class AskStep(HumanFields):
    """A question whose answer later steps use as `steps.<id>.outputs.answer`."""

    ask: Text
    """The question."""
    choices: tuple[Text, ...] = ()
    """The possible answers; none means free text."""


class ApproveStep(HumanFields):
    """Something that may only go on once people have agreed."""

    approve: Text
    """What is to be approved."""
    approvers: Approvers = Field(default_factory=Approvers)
    """Who has to agree."""


class ParallelStep(StepFields):
    """Branches that run side by side; the group ends when all have ended."""

    parallel: Annotated[dict[Identifier, "tuple[Step, ...]"], Field(min_length=1)]
    """Steps of each branch, by the branch's name."""


class RunbookStep(StepFields):
    """Another runbook, run as one step."""

    runbook: Identifier
    """Id of the runbook."""
    inputs: dict[Name, object] = Field(default_factory=dict)
    """Values for the inputs it declares."""


def _kind_of_step(value: object) -> str | None:
    """Tell the kind by its key; none or two of them make no step."""
    kinds = [kind for kind in STEP_KINDS if (kind in value if isinstance(value, Mapping) else hasattr(value, kind))]
    return kinds[0] if len(kinds) == 1 else None


Step = Annotated[
    Annotated[ActionStep, Tag("action")]
    | Annotated[ConfirmStep, Tag("confirm")]
    | Annotated[AskStep, Tag("ask")]
    | Annotated[ApproveStep, Tag("approve")]
    | Annotated[ParallelStep, Tag("parallel")]
    | Annotated[RunbookStep, Tag("runbook")],
    Discriminator(
        _kind_of_step,
        custom_error_type="step_kind",
        custom_error_message="a step has exactly one of the keys action, confirm, ask, approve, parallel and runbook. "
        "Add the one that is meant, or make two steps of it",
    ),
]


class Symptom(Model):
    """Something people notice, and the probe that fails while it is so."""

    text: Text
    """What a person sees."""
    probe: ActionCall | None = None
    """An action that succeeds while all is well."""


class Objectives(Model):
    """The promise to the business."""

    rto: Duration
    """Recovery time objective: the service is back within this time."""
    rpo: Duration
    """Recovery point objective: at most this much of the newest data is lost."""


class Input(Model):
    """A value the run needs before it starts."""

    type: Literal["text", "datetime", "duration", "integer", "boolean", "choice"] = "text"
    """What kind of value it is. At a prompt and by `--input`, a `datetime` may be said as `02:14`, `yesterday 23:50` or
    `20m ago`, in UTC."""
    ask: str = ""
    """The question that asks a person for it."""
    choices: tuple[Text, ...] = ()
    """The possible values of a `choice`."""
    default: object = None
    """Used when nobody gives a value."""
    starts_clock: bool = False
    """The RTO clock starts at this time."""


class Surprise(Model):
    """What a tabletop throws at the people; a real run knows nothing of it."""

    at: Identifier
    """Id of the step that it comes before."""
    text: Text
    """What happens all of a sudden."""
    ask: str = ""
    """What the people have to decide now; without it they only take note."""
    fails: bool = False
    """The step, an action, fails with this text, once."""


class Runbook(Model):
    """One scenario or operation as ordered, timed steps."""

    runbook: Identifier
    """Id, the same as the file's name."""
    kind: Literal["scenario", "operation"] = "scenario"
    """A scenario recovers from a disaster; an operation is routine work."""
    title: Text
    """What has happened, in a few words."""
    summary: str = ""
    """What it recovers and what it does not, for whoever has just been woken up."""
    symptoms: tuple[Symptom, ...] = ()
    """How people notice."""
    severity: Literal["critical", "high", "medium", "low"] = "high"
    """How bad it is."""
    owner: str = ""
    """The team that keeps this runbook right."""
    objectives: Objectives | None = None
    """RTO and RPO; without them those of drx.yaml hold."""
    timeout: Duration | None = None
    """Where nobody is there, end the whole run as failed after this long, or after 24h: roll back, clean up, report."""
    grace: Duration = Field(default="1m", validate_default=True)
    """How long rollback and cleanup may take after that, or after a signal ended an unattended run."""
    inputs: dict[Name, Input] = Field(default_factory=dict)
    """Values asked for before the run starts."""
    prechecks: tuple[Step, ...] = ()
    """Steps that must hold before anything is changed."""
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    """The steps, in order."""
    cleanup: tuple[Step, ...] = ()
    """Steps that always run at the end."""
    outputs: dict[Name, str] = Field(default_factory=dict)
    """Expressions that an outer runbook may use as outputs of this one."""
    review: tuple[Text, ...] = ()
    """Questions asked after the run."""
    surprises: tuple[Surprise, ...] = ()
    """What `drx run --tabletop` throws at the people."""


class Detection(Model):
    """Wait until the runbook's own symptom probes notice the fault."""

    within: Duration
    """Give up after this long."""


class Drill(Model):
    """A runbook practised: set-up, a real fault, detection, scripted answers, and what counts as passed."""

    drill: Identifier
    """Id, the same as the file's name."""
    runbook: Identifier
    """The runbook that has to recover from the fault."""
    environment: Identifier
    """Where the drill runs unless the command line says otherwise."""
    title: str = ""
    """What is practised."""
    setup: tuple[Step, ...] = ()
    """Steps that prepare what will be lost."""
    fault: ActionCall
    """The disaster. Its output `at` is the moment it struck."""
    detect: Detection | None = None
    """How the fault is noticed."""
    answers: dict[str, object] = Field(default_factory=dict)
    """Scripted answers by step id, and inputs by name; expressions may use `fault`."""
    pass_: tuple[Step, ...] = Field(default=(), alias="pass")
    """Steps that must hold besides the objectives."""
    teardown: tuple[Step, ...] = ()
    """Steps that always run at the end."""
