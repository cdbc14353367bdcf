"""Check a drill: its own steps, its fault, and that scripts answer whatever its runbook asks people."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from drx.runbook.check import nested
from drx.runbook.check.calls import check_call, check_sequence
from drx.runbook.check.flow import check_retries, check_sequences
from drx.runbook.check.inputs import check_value
from drx.runbook.check.names import Visible, check_names
from drx.runbook.check.review import Review, walk
from drx.runbook.expressions import texts
from drx.runbook.model import ApproveStep, AskStep, ConfirmStep, Drill, Runbook, RunbookStep, Step
from drx.runbook.ways import is_taken
from drx.yaml_source.problems import suggest

RESERVED = ("fault", "detect")
"""Ids of the steps that a drill adds to those of its runbook."""
APPROVAL = ("approve", "reject")
CONFIRMATION = ("done", "skip", "went_wrong")

Human = ConfirmStep | AskStep | ApproveStep


def check(review: Review, drill: Drill) -> None:
    """Check a drill against the runbook that it practises."""
    sections = {"setup": drill.setup, "pass": drill.pass_, "teardown": drill.teardown}
    check_sequences(review, sections)
    for name, steps in sections.items():
        check_retries(review, steps, (name,))
        nested.check_steps(review, steps, (name,), "")
    _check_environment(review, drill)
    runbook = nested.find(review, drill.runbook, ("runbook",))
    _check_names(review, drill, runbook)
    if runbook:
        _check_ids(review, drill, runbook)
        _check_detection(review, drill, runbook)
        _check_answers(review, drill, runbook)


def _check_environment(review: Review, drill: Drill) -> None:
    known = review.surroundings.environments
    if known is not None and drill.environment not in known:
        message = f"there is no environment '{drill.environment}'"
        review.unknown(("environment",), message, drill.environment, sorted(known))
    if drill.environment in review.surroundings.protected:
        message = f"'{drill.environment}' is protected: no drill runs there"
        review.error(("environment",), message, "Name another environment")


def _check_names(review: Review, drill: Drill, runbook: Runbook | None) -> None:
    """Check calls and expressions in the order in which the run comes to them."""
    inner = (*runbook.prechecks, *runbook.steps) if runbook else ()
    own = (*drill.setup, *drill.pass_, *drill.teardown)
    everything = [placed.step for placed in walk((*inner, *own, *(runbook.cleanup if runbook else ())), ())]
    inputs = frozenset(runbook.inputs) if runbook else frozenset()
    visible = Visible(inputs, {}, frozenset(step.id for step in everything), in_drill=True)
    visible = check_sequence(review, drill.setup, ("setup",), visible)
    spec = check_call(review, drill.fault, ("fault",), visible)
    if spec and spec.effect == "read":
        review.error(("fault", "action"), f"{spec.name} only reads: it is no fault", "Name an action that destroys")
    fault = frozenset(spec.outputs) | {"at"} if spec else frozenset()
    steps = {placed.step.id: review.outputs_of(placed.step) for placed in walk(inner, ())}
    visible = replace(visible, steps={**visible.steps, **steps}, fault=fault)
    for name, value in drill.answers.items():
        check_names(review, value, ("answers", name), visible)
    visible = check_sequence(review, drill.pass_, ("pass",), visible)
    check_sequence(review, drill.teardown, ("teardown",), visible)


def _check_ids(review: Review, drill: Drill, runbook: Runbook) -> None:
    taken = {placed.step.id for placed in walk((*runbook.prechecks, *runbook.steps, *runbook.cleanup), ())}
    for name, steps in (("setup", drill.setup), ("pass", drill.pass_), ("teardown", drill.teardown)):
        for step, place in walk(steps, (name,)):
            if step.id in taken or step.id in RESERVED:
                owner = "every drill has" if step.id in RESERVED else f"runbook '{runbook.runbook}' has"
                review.error((*place, "id"), f"{owner} a step '{step.id}' too", "Rename this one")
            if step.recovered:
                message = f"'{step.id}' cannot be the step that recovers: the runbook has it"
                review.error((*place, "recovered"), message, "Remove the mark")


def _check_detection(review: Review, drill: Drill, runbook: Runbook) -> None:
    if drill.detect and not any(symptom.probe for symptom in runbook.symptoms):
        message = f"nothing can be detected: no symptom of '{runbook.runbook}' has a probe"
        review.error(("detect",), message, "Add `probe: {action: ...}` to a symptom, or leave out `detect`")


def _check_answers(review: Review, drill: Drill, runbook: Runbook) -> None:
    people = dict(_people(review, (*runbook.prechecks, *runbook.steps, *runbook.cleanup), "", ()))
    for name, value in drill.answers.items():
        place = ("answers", name)
        if name in runbook.inputs:
            check_value(review, runbook.inputs[name], value, place)
        elif name in people:
            _check_answer(review, people[name], value, place)
        else:
            message = f"'{drill.runbook}' has neither an input nor a step for people named '{name}'"
            review.problems.append(
                review.document.problem_at_key(place, message, suggest(name, [*runbook.inputs, *people]))
            )
    _check_unanswered(review, drill, runbook, people)


def _check_unanswered(review: Review, drill: Drill, runbook: Runbook, people: Mapping[str, Human]) -> None:
    if review.document.in_gap(("answers",)):
        return
    place = ("answers",) if drill.answers else ("runbook",)
    for name, spec in runbook.inputs.items():
        if name not in drill.answers and spec.default is None:
            review.error(place, f"nobody gives the input '{name}'", f"Add `{name}: ...` to `answers`")
    known = _known_inputs(drill, runbook)
    for name, step in people.items():
        if name not in drill.answers and step.unattended == "fail" and ("/" in name or is_taken(step.when, known)):
            remedy = f"Add `{name}: ...` to `answers`, or `unattended:` to the step"
            review.error(place, f"nobody answers step '{name}' of '{drill.runbook}'", remedy)


def _known_inputs(drill: Drill, runbook: Runbook) -> dict[str, object]:
    """Give the inputs of the runbook that the drill's file settles; those of nested runbooks have other values."""
    given = {name: drill.answers.get(name, spec.default) for name, spec in runbook.inputs.items()}
    return {name: value for name, value in given.items() if value is not None and not any(texts(value))}


def _check_answer(review: Review, step: Human, value: object, place: tuple[str, ...]) -> None:
    choices = {ConfirmStep: CONFIRMATION, AskStep: getattr(step, "choices", ()), ApproveStep: APPROVAL}[type(step)]
    if choices and value not in choices and not any(texts(value)):
        review.unknown(place, f"{review.written(place)} is no answer to step '{step.id}'", str(value), choices)


def _people(
    review: Review, steps: tuple[Step, ...], prefix: str, outer: tuple[str, ...]
) -> Iterator[tuple[str, Human]]:
    """Find every step done by a person, nested runbooks included, by its full id."""
    for step, _ in walk(steps, ()):
        if isinstance(step, ConfirmStep | AskStep | ApproveStep):
            yield f"{prefix}{step.id}", step
        elif isinstance(step, RunbookStep) and step.runbook not in outer:
            inner = review.runbook(step.runbook)
            if inner:
                inner_steps = (*inner.prechecks, *inner.steps, *inner.cleanup)
                yield from _people(review, inner_steps, f"{prefix}{step.id}/", (*outer, step.runbook))
