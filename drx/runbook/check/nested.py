"""Check steps that run another runbook: that it exists, gets its inputs, and does not lead back."""

from drx.errors import DrxError
from drx.runbook.check.inputs import check_value
from drx.runbook.check.review import Place, Review, walk
from drx.runbook.model import Runbook, RunbookStep, Step
from drx.yaml_source import InvalidDocument


def check(review: Review, runbook: Runbook) -> None:
    """Check every nested runbook of a runbook."""
    for section in ("prechecks", "steps", "cleanup"):
        check_steps(review, getattr(runbook, section), (section,), runbook.runbook)


def check_steps(review: Review, steps: tuple[Step, ...], place: Place, outer: str) -> None:
    """Check the nested runbooks among these steps; `outer` is the runbook that they may not lead back to."""
    for step, here in walk(steps, place):
        if isinstance(step, RunbookStep):
            inner = find(review, step.runbook, (*here, "runbook"))
            if inner:
                _check_circle(review, step, (*here, "runbook"), outer)
                _check_inputs(review, step, inner, here)


def find(review: Review, identity: str, place: Place) -> Runbook | None:
    """Read another runbook, and report where that is not possible."""
    try:
        return review.binder.runbook(identity)
    except InvalidDocument as error:
        number = len(error.problems)
        message = f"the runbook '{identity}' cannot be read: {number} problem{'s' if number > 1 else ''}"
        review.error(place, message, f"Correct {error.problems[0].source} first")
    except DrxError as error:
        review.error(place, error.message, error.remedy)
    return None


def _check_circle(review: Review, step: RunbookStep, place: Place, outer: str) -> None:
    seen: set[str] = set()
    waiting = [step.runbook]
    while waiting:
        identity = waiting.pop()
        if identity == outer:
            message = f"'{outer}' would run itself by way of '{step.runbook}'"
            review.error(place, message if step.runbook != outer else f"'{outer}' would run itself", "Remove one step")
            return
        inner = None if identity in seen else review.runbook(identity)
        seen.add(identity)
        if inner:
            steps = (*inner.prechecks, *inner.steps, *inner.cleanup)
            waiting += [one.step.runbook for one in walk(steps, ()) if isinstance(one.step, RunbookStep)]


def _check_inputs(review: Review, step: RunbookStep, inner: Runbook, here: Place) -> None:
    for name, value in step.inputs.items():
        place = (*here, "inputs", name)
        if name not in inner.inputs:
            review.unknown(place, f"'{step.runbook}' has no input '{name}'", name, inner.inputs)
        else:
            check_value(review, inner.inputs[name], value, place)
    for name, spec in inner.inputs.items():
        if name not in step.inputs and spec.default is None:
            message = f"'{step.runbook}' needs the input '{name}'"
            review.error(here, message, f"Add `inputs: {{{name}: ...}}`")
