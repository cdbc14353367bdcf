"""Build the journal of a run by hand: one call a happening, the clock moves only when told to."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from drx.engine.events import (
    Answered,
    Author,
    Event,
    Fact,
    RunStarted,
    StepFailed,
    StepStarted,
    StepSucceeded,
    StepWaiting,
)
from drx.engine.plan import Automated, Call, Group, Human, Phase, Plan, PlannedStep
from drx.engine.terms import Choice, Mode, Part, QuestionKind
from drx.values import Json

START = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
ANNA = Author("anna", "ops1", 4711)
BEN = Author("ben", "ops2", 815)


def seconds(value: float) -> timedelta:
    """A duration."""
    return timedelta(seconds=value)


def automated(
    step: str,
    title: str = "",
    *,
    phase: Phase = Phase.STEP,
    expect: float | None = 10,
    timeout: float | None = None,
    action: str = "shell.run",
    verify: bool = False,
    rollback: bool = False,
    recovered: bool = False,
) -> PlannedStep:
    """A step done by an action."""
    work = Automated(
        Call(action, {}, repeatable=False),
        verify=Call("mongo.verify", {}, repeatable=True) if verify else None,
        rollback=Call("mongo.drop", {}, repeatable=True) if rollback else None,
    )
    return PlannedStep(
        step,
        title,
        phase,
        work,
        expect=None if expect is None else seconds(expect),
        timeout=None if timeout is None else seconds(timeout),
        recovered=recovered,
    )


def human(step: str, prompt: str, *, kind: Literal["confirm", "ask", "approve"] = "confirm") -> PlannedStep:
    """A step done by a person in five minutes."""
    return PlannedStep(step, "", Phase.STEP, Human(kind, prompt), expect=seconds(300))


def group(step: str, title: str = "", **branches: tuple[PlannedStep, ...]) -> PlannedStep:
    """Branches side by side."""
    return PlannedStep(step, title, Phase.STEP, Group(branches))


class Journal:
    """The events of one run of a plan."""

    def __init__(self, plan: Plan, *, environment: str = "sandbox", unattended: bool = True) -> None:
        self.plan = plan
        self.now = START
        self.events: list[Event] = []
        self.author = ANNA
        self.add(
            RunStarted(
                run=f"2026-11-21T0800Z-{plan.drill or plan.runbook}-7f3a",
                mode=plan.mode,
                runbook=plan.runbook,
                environment=environment,
                unattended=unattended,
                drx_version="0.1.0",
                frozen={f"runbooks/{plan.runbook}.yaml": "9a" * 32, "drx.yaml": "c4" * 32},
                drill=plan.drill,
            )
        )

    def after(self, wait: float) -> "Journal":
        """Let time pass."""
        self.now += seconds(wait)
        return self

    def add(self, *facts: Fact, by: Author | None = None) -> "Journal":
        """Write facts down, all at the same moment."""
        for fact in facts:
            elapsed = (self.now - START).total_seconds()
            self.events.append(Event(len(self.events) + 1, self.now, elapsed, by or self.author, fact))
        return self

    def start(
        self,
        step: str,
        parameters: Mapping[str, Json] | None = None,
        *,
        visit: int = 1,
        attempt: int = 1,
        part: Part = Part.WORK,
    ) -> "Journal":
        """Begin an attempt."""
        return self.add(StepStarted(step, visit, attempt, part, parameters or {}))

    def ends(
        self,
        step: str,
        outputs: Mapping[str, Json] | None = None,
        *,
        visit: int = 1,
        attempt: int = 1,
        part: Part = Part.WORK,
        proven_until: datetime | None = None,
    ) -> "Journal":
        """End an attempt well."""
        return self.add(StepSucceeded(step, visit, attempt, part, outputs or {}, proven_until=proven_until))

    def fails(
        self,
        step: str,
        error: str,
        remedy: str = "",
        *lines: str,
        visit: int = 1,
        attempt: int = 1,
        part: Part = Part.WORK,
        artifacts: tuple[str, ...] = (),
    ) -> "Journal":
        """End an attempt badly."""
        return self.add(StepFailed(step, visit, attempt, part, error, remedy, lines=lines, artifacts=artifacts))

    def does(self, step: str, took: float, outputs: Mapping[str, Json] | None = None) -> "Journal":
        """Do a whole step in one attempt."""
        return self.start(step).after(took).ends(step, outputs)

    def waits(self, step: str, *, visit: int = 1) -> "Journal":
        """Ask a person."""
        return self.add(StepWaiting(step, visit))

    def answers(
        self,
        step: str,
        choice: Choice,
        *,
        question: QuestionKind = QuestionKind.STEP,
        value: Json = None,
        reason: str = "",
        visit: int = 1,
        by: Author | None = None,
        scripted: bool = False,
    ) -> "Journal":
        """Let a person, or the drill's script, answer."""
        return self.add(Answered(step, visit, question, choice, value, reason, scripted), by=by)


def drill_plan(*steps: PlannedStep, rto: float | None = 7200, rpo: float | None = 3600) -> Plan:
    """A drill of db-drop with these steps."""
    return _plan(Mode.DRILL, steps, rto, rpo)


def incident_plan(*steps: PlannedStep, rto: float | None = 7200, rpo: float | None = 3600) -> Plan:
    """An incident run of db-drop with these steps."""
    return _plan(Mode.INCIDENT, steps, rto, rpo)


def _plan(mode: Mode, steps: tuple[PlannedStep, ...], rto: float | None, rpo: float | None) -> Plan:
    return Plan(
        runbook="db-drop",
        title="Database dropped or corrupted",
        mode=mode,
        main=tuple(step for step in steps if step.phase is not Phase.CLEANUP),
        cleanup=tuple(step for step in steps if step.phase is Phase.CLEANUP),
        rto=None if rto is None else seconds(rto),
        rpo=None if rpo is None else seconds(rpo),
        drill="db-drop" if mode is Mode.DRILL else None,
        review=("What went wrong?", "What should change in this runbook?"),
    )
