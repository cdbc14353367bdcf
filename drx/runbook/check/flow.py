"""Check the order of steps: ids, jumps, steps that never run, recovery, retries and ways back. Runs nothing."""

from collections.abc import Mapping

from drx.runbook.check.review import Place, Review, sequences, walk
from drx.runbook.expressions import ExpressionError, as_expression, evaluate, names_in
from drx.runbook.model import ActionStep, GoTo, Runbook, Step

Sections = Mapping[str, tuple[Step, ...]]


def check_sequences(review: Review, sections: Sections) -> None:
    """Check ids, jumps and conditions of every section."""
    first: dict[str, Place] = {}
    for name, steps in sections.items():
        for step, place in walk(steps, (name,)):
            if step.id in first:
                line, _ = review.document.where((*first[step.id], "id"))
                review.error(
                    (*place, "id"), f"the id '{step.id}' stands for two steps, first on line {line}", "Rename one"
                )
            first.setdefault(step.id, place)
            _check_condition(review, step, place)
        for sequence, place in sequences(steps, (name,)):
            _check_jumps(review, sequence, place)


def _check_jumps(review: Review, sequence: tuple[Step, ...], place: Place) -> None:
    order = {step.id: position for position, step in enumerate(sequence)}
    for position, step in enumerate(sequence):
        if not isinstance(step.on_failure, GoTo):
            continue
        goal = step.on_failure.goto
        here = (*place, position, "on_failure", "goto")
        if goal not in order and not review.is_mentioned(goal):
            review.unknown(here, f"there is no step '{goal}' in this sequence", goal, list(order)[position + 1 :])
        elif order.get(goal, position + 1) <= position:
            remedy = "Name a later step; to try a step again, use `retry`"
            review.error(here, f"going back to '{goal}' could go round for ever", remedy)


def _check_condition(review: Review, step: Step, place: Place) -> None:
    """A condition that names nothing always comes out the same."""
    if step.when is None:
        return
    try:
        if names_in(as_expression(step.when)):
            return
        value = evaluate(step.when, {})
    except ExpressionError:
        return  # reported where expressions are checked
    if value:
        review.warn((*place, "when"), "this is always true", "Remove `when`")
    else:
        review.error(
            (*place, "when"), f"step '{step.id}' never runs: this is never true", "Remove the step, or correct it"
        )


def check_recovered(review: Review, runbook: Runbook) -> None:
    """In a scenario exactly one step stops the RTO clock."""
    for section, steps in (("prechecks", runbook.prechecks), ("cleanup", runbook.cleanup)):
        for step, place in walk(steps, (section,)):
            if step.recovered:
                message = f"'{step.id}' cannot be the step that recovers: it stands in {section}"
                review.error((*place, "recovered"), message, "Mark a step under `steps`")
    marked = [placed for placed in walk(runbook.steps, ("steps",)) if placed.step.recovered]
    is_unsure = review.is_unsure(("kind",)) or review.is_mentioned("recovered")
    if not marked and runbook.kind == "scenario" and not is_unsure:
        remedy = "Add `recovered: true` to the step after whose success the service works again"
        review.error(("steps",), "no step says that the service is recovered: the RTO clock would never stop", remedy)
    for step, place in marked[1:]:
        message = f"'{step.id}' is the second step marked `recovered`, after '{marked[0].step.id}'"
        review.error((*place, "recovered"), message, "Keep the mark on one of them")


def check_effects(review: Review, runbook: Runbook) -> None:
    """What is changed must have a way back, and only what may run twice is tried twice."""
    for section, steps in (("prechecks", runbook.prechecks), ("steps", runbook.steps)):
        for step, place in walk(steps, (section,)):
            if isinstance(step, ActionStep):
                _check_way_back(review, step, place, runbook.kind == "scenario")
    for section, steps in (("prechecks", runbook.prechecks), ("steps", runbook.steps), ("cleanup", runbook.cleanup)):
        check_retries(review, steps, (section,))


def _check_way_back(review: Review, step: ActionStep, place: Place, is_scenario: bool) -> None:
    spec = review.action(step.action)
    if spec is None or spec.effect == "read" or step.rollback or review.is_unsure((*place, "rollback")):
        return
    remedy = "Add `rollback: {action: ...}`, or `rollback: none` if nothing can undo it"
    if spec.effect == "destroy":
        if spec.targets in (("store",), ("atlas",)):
            return  # there is no way back from retention, nor from a cluster that was listed to be wiped
        report = review.error if is_scenario else review.warn
        report((*place, "action"), f"{step.action} destroys, and '{step.id}' has no rollback", remedy)
    elif not spec.repeatable:
        message = f"{step.action} changes its target, and '{step.id}' has no rollback: an abort leaves it as it is"
        review.warn((*place, "action"), message, remedy)


def check_retries(review: Review, steps: tuple[Step, ...], place: Place) -> None:
    """A failed attempt of an action that is not repeatable may have done half of its work."""
    for step, here in walk(steps, place):
        if not isinstance(step, ActionStep) or step.retry.attempts == 1 or step.verify:
            continue
        if review.is_unsure((*here, "verify")):
            continue
        spec = review.action(step.action)
        if spec and not spec.repeatable:
            message = f"{step.action} may have done its work although it failed: running it again could do harm"
            review.error((*here, "retry"), message, "Add `verify`, or leave out `retry`")
