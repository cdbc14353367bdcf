"""Walk sequences of steps and bring each one further. Pure; decide.py is the entrance."""

from dataclasses import replace
from datetime import datetime

from drx.engine.commands import CancelReason
from drx.engine.draft import Progress
from drx.engine.events import InputGiven, StepSkipped, StepStarted, StepSucceeded, StepTimedOut, StepWaiting
from drx.engine.mend import broken, interrupted, refuse_to_repeat
from drx.engine.people import waiting
from drx.engine.plan import Group, Human, Phase, PlannedStep, branch_name, walk
from drx.engine.questions import about_input, failure_text
from drx.engine.scope import scope_for
from drx.engine.terms import FailureKind, Part
from drx.engine.visit import BROKEN, SETTLED, Status, Visit
from drx.engine.walk import Walk, failed, give_up
from drx.errors import DrxError
from drx.runbook.expressions import evaluate, render
from drx.values import as_json


def advance(here: Walk, name: str, steps: tuple[PlannedStep, ...], owner: int) -> Progress:
    """Bring a sequence further; `owner` is the visit of the group around it, 0 at the top."""
    current = here.state.cursors.get((name, owner))
    if current is None:
        upcoming = steps[0] if steps else None
    else:
        step, visit = here.plan.steps[current], here.state.latest(current)
        assert visit is not None, "a cursor stands on a visited step"
        progress = _settle(here, step, visit)
        if progress is not Progress.DONE:
            return progress
        upcoming = _following(here, steps, step, visit)
    return Progress.DONE if upcoming is None else _enter(here, upcoming)


def _following(here: Walk, steps: tuple[PlannedStep, ...], step: PlannedStep, visit: Visit) -> PlannedStep | None:
    if visit.goto is not None:
        return here.plan.steps[visit.goto]
    index = here.plan.places[step.id].index + 1
    return steps[index] if index < len(steps) else None


def _enter(here: Walk, step: PlannedStep) -> Progress:
    visit = Visit(step.id, len(here.state.visits.get(step.id, ())) + 1, order=0, opened_at=here.draft.now)
    if step.phase in (Phase.PRECHECK, Phase.STEP) and not _inputs_given(here):
        return Progress.BUSY
    if step.requires and not any(outer.attempt for outer in here.state.visits.get(step.requires, ())):
        return here.draft.record(StepSkipped(step.id, visit.number, f"{step.requires} never started"))
    try:
        if step.when is not None and not evaluate(step.when, here.scope(step)):
            return here.draft.record(StepSkipped(step.id, visit.number, f"when: {step.when}"))
        if isinstance(step.work, Group):
            return _begin_group(here, step, step.work, visit)
        if isinstance(step.work, Human):
            return _ask(here, step, step.work, visit)
    except DrxError as error:
        return here.draft.record(failed(visit, error, FailureKind.EXPRESSION))
    if refusal := refuse_to_repeat(here, step, visit):
        return here.draft.record(refusal)
    return here.draft.start(visit, Part.WORK, again=True)


def _ask(here: Walk, step: PlannedStep, human: Human, visit: Visit) -> Progress:
    return here.draft.record(StepWaiting(step.id, visit.number, str(render(human.prompt, here.scope(step)))))


def _inputs_given(here: Walk) -> bool:
    """Whether every input has its value; scripts and defaults are concluded, the others asked."""
    missing = [spec for spec in here.plan.inputs if "/" not in spec.name and spec.name not in here.state.inputs]
    for spec in missing:
        value = here.plan.answers.get(spec.name, spec.default)
        if value is None and not here.state.unattended:
            here.draft.questions.append(about_input(spec))
            continue
        try:
            if value is None:
                raise DrxError("it has no value, and nobody is there to give it")
            here.draft.record(InputGiven(spec.name, as_json(render(value, scope_for(here.plan, here.state)))))
        except DrxError as error:
            here.draft.facts[:] = [give_up(f"input {spec.name}: {error}")]
            break
    return not missing


def _settle(here: Walk, step: PlannedStep, visit: Visit) -> Progress:
    """Bring the visit on which a sequence stands further; DONE lets the next step begin."""
    if visit.status in SETTLED:
        return Progress.DONE
    if visit.status in BROKEN:
        return broken(here, step, visit)
    if visit.status is Status.WAITING and isinstance(step.work, Human):
        return waiting(here, step, step.work, visit)
    if visit.status is Status.RETRYING:
        return _retry(here, step, visit)
    if visit.status is Status.INTERRUPTED:
        return interrupted(here, step, visit)
    if isinstance(step.work, Group):
        return _group(here, step, step.work, visit)
    if not visit.in_flight:
        return here.draft.start(visit, Part.VERIFY)
    return _running(here, step, visit)


def _running(here: Walk, step: PlannedStep, visit: Visit) -> Progress:
    if step.timeout is None or visit.began_at is None:
        return Progress.BUSY
    deadline = visit.began_at + step.timeout
    if here.draft.now < deadline:
        return here.draft.wake(deadline)
    return here.draft.stop(visit, CancelReason.TIMEOUT, deadline)


def _retry(here: Walk, step: PlannedStep, visit: Visit) -> Progress:
    if visit.retry_at is not None and here.draft.now < visit.retry_at:
        return here.draft.wake(visit.retry_at)
    if isinstance(step.work, Human):
        try:
            return _ask(here, step, step.work, visit)
        except DrxError as error:
            return here.draft.record(failed(visit, error, FailureKind.EXPRESSION))
    if isinstance(step.work, Group):
        return _enter(here, replace(step, when=None))
    return here.draft.start(visit, Part.WORK, again=True)


def _begin_group(here: Walk, step: PlannedStep, group: Group, visit: Visit) -> Progress:
    """Open a group; a nested runbook's inputs are what the step gives, else their defaults."""
    prefix = f"{step.id}/"
    values = {
        spec.name: spec.default
        for spec in here.plan.inputs
        if group.runbook and spec.name.startswith(prefix) and "/" not in spec.name.removeprefix(prefix)
    }
    values |= {f"{prefix}{name}": render(value, here.scope(step)) for name, value in group.inputs.items()}
    given = [InputGiven(name, as_json(value)) for name, value in values.items()]
    return here.draft.record(*given, StepStarted(step.id, visit.number, 1, Part.WORK))


def _group(here: Walk, step: PlannedStep, group: Group, visit: Visit) -> Progress:
    if step.timeout is not None and visit.began_at is not None:
        deadline = visit.began_at + step.timeout
        if here.draft.now >= deadline:
            return _end_group(here, group, visit, deadline)
        here.draft.wake(deadline)
    progress = {
        branch: advance(here, branch_name(step.id, branch), steps, visit.number)
        for branch, steps in group.branches.items()
    }
    if Progress.BUSY in progress.values():
        return Progress.BUSY
    try:
        failures = [_branch_failure(here, step, branch) for branch, end in progress.items() if end is Progress.FAILED]
        if failures:
            return here.draft.record(failed(visit, DrxError("; ".join(failures)), FailureKind.BRANCH))
        scope = scope_for(here.plan, here.state, step.id)
        outputs = {name: as_json(render(value, scope)) for name, value in group.outputs.items()}
    except DrxError as error:
        return here.draft.record(failed(visit, error, FailureKind.EXPRESSION))
    return here.draft.record(StepSucceeded(step.id, visit.number, visit.attempt, Part.WORK, outputs))


def _branch_failure(here: Walk, step: PlannedStep, branch: str) -> str:
    owner = len(here.state.visits[step.id])
    inner = here.state.cursors[(branch_name(step.id, branch), owner)]
    visit = here.state.latest(inner)
    assert visit is not None, "a failed branch stands on a visited step"
    return f"{inner}: {failure_text(here.plan.steps[inner], visit)}"


def _end_group(here: Walk, group: Group, visit: Visit, deadline: datetime) -> Progress:
    """The group's time is over: what runs inside is told to stop, then the group has timed out."""
    running = [step for branch in group.branches.values() for step in walk(branch) if step.id in here.state.in_flight]
    for step in running:
        inner = here.state.latest(step.id)
        if inner is not None:
            here.draft.stop(inner, CancelReason.STOPPING, deadline)
    if running:
        return Progress.BUSY
    return here.draft.record(StepTimedOut(visit.step, visit.number, visit.attempt, Part.WORK))
