"""A runbook or drill compiled for the engine: one tree of steps with full ids. Shapes and look-ups only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Literal

from drx.engine.terms import Mode, Part


class Phase(StrEnum):
    """Which part of a run a step belongs to, in the order in which they come."""

    SETUP = "setup"
    FAULT = "fault"
    DETECT = "detect"
    PRECHECK = "precheck"
    STEP = "step"
    PASS = "pass"
    CLEANUP = "cleanup"


@dataclass(frozen=True)
class Call:
    """An action with its parameters, expressions still in them."""

    action: str
    parameters: Mapping[str, object]
    repeatable: bool


@dataclass(frozen=True)
class Retry:
    """Attempts in all, the wait before the second, and the factor for each further wait."""

    attempts: int = 1
    wait: timedelta = timedelta(0)
    backoff: float = 1.0


@dataclass(frozen=True)
class OnFailure:
    """What follows a final failure; `goto` names a later step of the same sequence."""

    policy: Literal["ask", "abort", "continue", "goto"] = "ask"
    goto: str = ""


@dataclass(frozen=True)
class Automated:
    """Work done by an action."""

    call: Call
    verify: Call | None = None
    rollback: Call | None = None
    retry: Retry = Retry()


@dataclass(frozen=True)
class Human:
    """Work done by a person; `probe` answers where nobody is there."""

    kind: Literal["confirm", "ask", "approve"]
    prompt: str
    unattended: Literal["fail", "skip", "probe"] = "fail"
    probe: Call | None = None
    choices: tuple[str, ...] = ()
    approvals: int = 1
    not_operator: bool = False
    roles: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    """Accounts that have one of the roles."""


@dataclass(frozen=True)
class Group:
    """Branches side by side; a nested runbook is a group of one branch with inputs and outputs of its own."""

    branches: Mapping[str, tuple["PlannedStep", ...]]
    inputs: Mapping[str, object] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    runbook: str = ""


Work = Automated | Human | Group


@dataclass(frozen=True)
class PlannedStep:
    """A step as the engine walks it."""

    id: str
    """Full id: `outer/inner` in a nested runbook."""
    title: str
    phase: Phase
    work: Work
    scope: str = ""
    """Id of the nested runbook's step in which expressions of this step are read; empty at the top."""
    when: str | None = None
    expect: timedelta | None = None
    timeout: timedelta | None = None
    on_failure: OnFailure = OnFailure()
    recovered: bool = False
    requires: str = ""
    """A cleanup step of a nested runbook runs only where that runbook's step has started."""

    @property
    def is_group(self) -> bool:
        """Whether it only holds other steps."""
        return isinstance(self.work, Group)


@dataclass(frozen=True)
class InputSpec:
    """An input of the run or of a nested runbook."""

    name: str
    """Full name: `outer/name` in a nested runbook."""
    type: str
    question: str
    choices: tuple[str, ...] = ()
    default: object = None
    starts_clock: bool = False


@dataclass(frozen=True)
class Place:
    """Where a step stands: the sequence, its index there, and the group around it."""

    sequence: str
    index: int
    group: str | None


MAIN = "main"
"""Name of the sequence that holds set-up to pass."""

CLEANUP = "cleanup"
"""Name of the sequence that always runs at the end."""


@dataclass(frozen=True)
class Plan:
    """Everything the engine needs to know of a run before it starts."""

    runbook: str
    title: str
    mode: Mode
    main: tuple[PlannedStep, ...]
    """Set-up, fault, detection, prechecks, steps and pass, one after the other."""
    cleanup: tuple[PlannedStep, ...] = ()
    inputs: tuple[InputSpec, ...] = ()
    answers: Mapping[str, object] = field(default_factory=dict)
    """A drill's scripted answers, by step id or input name; may hold expressions."""
    rto: timedelta | None = None
    rpo: timedelta | None = None
    timeout: timedelta | None = None
    """How long a run that nobody attends may take in all."""
    grace: timedelta = timedelta(minutes=1)
    """How long its rollback and cleanup may take once it has to end."""
    drill: str | None = None
    constants: Mapping[str, object] = field(default_factory=dict)
    """`target` (secrets masked), `contacts` and `run`, as expressions see them."""
    review: tuple[str, ...] = ()

    @cached_property
    def steps(self) -> Mapping[str, PlannedStep]:
        """Every step by its full id, in the order of the plan."""
        return {step.id: step for step in walk((*self.main, *self.cleanup))}

    @cached_property
    def places(self) -> Mapping[str, Place]:
        """Where each step stands, by its full id."""
        places: dict[str, Place] = {}
        _place(self.main, MAIN, None, places)
        _place(self.cleanup, CLEANUP, None, places)
        return places


def branch_name(group: str, branch: str) -> str:
    """Name of the sequence of one branch of a group."""
    return f"{group}:{branch}"


def _place(steps: tuple[PlannedStep, ...], sequence: str, group: str | None, places: dict[str, Place]) -> None:
    for index, step in enumerate(steps):
        places[step.id] = Place(sequence, index, group)
        if isinstance(step.work, Group):
            for branch, inner in step.work.branches.items():
                _place(inner, branch_name(step.id, branch), step.id, places)


def walk(steps: tuple[PlannedStep, ...]) -> Iterator[PlannedStep]:
    """Yield every step, groups before what they hold."""
    for step in steps:
        yield step
        if isinstance(step.work, Group):
            for branch in step.work.branches.values():
                yield from walk(branch)


def call_of(step: PlannedStep, part: Part) -> Call | None:
    """The action that this part of the step runs; None where there is none."""
    if isinstance(step.work, Human):
        return step.work.probe if part is Part.WORK else None
    if isinstance(step.work, Automated):
        return {Part.WORK: step.work.call, Part.VERIFY: step.work.verify, Part.ROLLBACK: step.work.rollback}[part]
    return None
