"""Check every call of an action: that it exists, that its parameters fit, that what they name is there."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from drx.errors import DrxError
from drx.runbook.catalogue import ActionSpec
from drx.runbook.check.names import Visible, check_names
from drx.runbook.check.review import Place, Review, walk
from drx.runbook.check.secrets import check_secrets
from drx.runbook.expressions import as_expression, texts
from drx.runbook.model import ActionCall, ActionStep, HumanFields, ParallelStep, Probe, Runbook, RunbookStep, Step
from drx.yaml_source import explain

PROMPTS = ("title", "confirm", "ask", "approve")
"""Texts for people, in which expressions may stand."""


def check_runbook(review: Review, runbook: Runbook) -> None:
    """Check the calls and expressions of a runbook, in the order in which steps run."""
    for position, symptom in enumerate(runbook.symptoms):
        if symptom.probe:
            check_probe(review, symptom.probe, ("symptoms", position, "probe"), Visible())
    sections = {"prechecks": runbook.prechecks, "steps": runbook.steps, "cleanup": runbook.cleanup}
    later = frozenset(placed.step.id for name, steps in sections.items() for placed in walk(steps, (name,)))
    visible = Visible(frozenset(runbook.inputs), {}, later)
    for name, steps in sections.items():
        visible = check_sequence(review, steps, (name,), visible, in_plan=name != "cleanup")
    for name, expression in runbook.outputs.items():
        check_names(review, expression, ("outputs", name), visible)


def check_sequence(
    review: Review, steps: tuple[Step, ...], place: Place, visible: Visible, *, in_plan: bool = False
) -> Visible:
    """Check the steps one after the other; gives what can be named after them.

    With `in_plan`, each action must say how to do the same by hand, since the plan shows it.
    """
    for position, step in enumerate(steps):
        here = (*place, position)
        if step.when is not None:
            check_names(review, as_expression(step.when), (*here, "when"), visible)
        for key in step.model_fields_set.intersection(PROMPTS):
            check_names(review, getattr(step, key), (*here, key), visible)
        if isinstance(step, ParallelStep):
            ended = visible
            for name, branch in step.parallel.items():
                if not branch:
                    review.error(
                        (*here, "parallel", name), f"the branch '{name}' holds no steps", "Add one, or remove it"
                    )
                after = check_sequence(review, branch, (*here, "parallel", name), visible, in_plan=in_plan)
                ended = replace(ended, steps={**ended.steps, **after.steps})
            visible = ended
        else:
            _check_step(review, step, here, visible, in_plan=in_plan)
        visible = visible.after(review, step)
    return visible


def _check_step(review: Review, step: Step, here: Place, visible: Visible, *, in_plan: bool) -> None:
    match step:
        case ActionStep():
            spec = check_call(review, step, here, visible)
            if in_plan and spec and not spec.has_by_hand:
                message = f"{step.action} does not say how to do the same by hand"
                review.error((*here, "action"), message, "Add `by_hand` to the action: the plan shows it")
            for key, call in (("verify", step.verify), ("rollback", step.way_back)):
                if call:
                    check_call(review, call, (*here, key), visible.after(review, step))
        case RunbookStep():
            check_names(review, step.inputs, (*here, "inputs"), visible)
            check_secrets(review, step.inputs, (*here, "inputs"))
        case HumanFields(unattended=Probe(probe=probe)):
            check_probe(review, probe, (*here, "unattended", "probe"), visible)


def check_probe(review: Review, probe: ActionCall, place: Place, visible: Visible) -> None:
    """Check a call that may be made again and again, and so must not change anything."""
    spec = check_call(review, probe, place, visible)
    if spec and spec.effect != "read":
        review.error((*place, "action"), f"{spec.name} changes things; a probe only reads", "Use one that only reads")


def check_call(review: Review, call: ActionCall | ActionStep, place: Place, visible: Visible) -> ActionSpec | None:
    """Check one call of an action; gives what is known of the action."""
    below = (*place, "with")
    check_names(review, call.with_, below, visible)
    check_secrets(review, call.with_, below)
    try:
        spec = review.catalogue(call.action)
    except DrxError as error:
        review.error((*place, "action"), error.message, error.remedy)
        return None
    if spec is None:
        names = review.surroundings.action_names()
        review.unknown((*place, "action"), f"there is no action '{call.action}'", call.action, names)
        return None
    if spec.accepts_probes:
        for path, probe in _probes(call.with_, below):
            check_probe(review, probe, path, visible)
    try:
        spec.parameters.model_validate(call.with_)
    except ValidationError as error:
        if not all(map(_is_about_expression, error.errors(include_url=False))):
            later = [path for path, _ in texts(call.with_, below)]
            review.problems += explain(review.document, below, error, spec.parameters, later)
    return spec


def _is_about_expression(details: ErrorDetails) -> bool:
    """Whether a complaint says only that an expression's value is not known yet."""
    return details["type"] not in ("extra_forbidden", "missing") and any(texts(details["input"]))


def _probes(value: object, place: Place) -> Iterator[tuple[Place, ActionCall]]:
    """Find the calls of further actions among an action's parameters."""
    match value:
        case {"action": str() as name}:
            assert isinstance(value, Mapping)
            parameters = value.get("with", {})
            yield place, ActionCall(action=name, with_=parameters if isinstance(parameters, dict) else {})
        case Mapping():
            for key, entry in value.items():
                yield from _probes(entry, (*place, key))
        case list():
            for position, entry in enumerate(value):
                yield from _probes(entry, (*place, position))
