"""Hold the names that expressions use against what there is at their place. Evaluates nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from drx.runbook.check.review import Place, Review
from drx.runbook.expressions import SCOPE_NAMES, Chain, ExpressionError, names_in, texts
from drx.runbook.model import Step

RUN_NAMES = ("id", "mode", "operator", "environment", "stopped")
STEP_NAMES = ("outputs", "status")


@dataclass(frozen=True)
class Visible:
    """What expressions can name at one place."""

    inputs: frozenset[str] = frozenset()
    steps: Mapping[str, frozenset[str] | None] = field(default_factory=dict)
    """Steps that have run before, with the names of their outputs; None where those cannot be known."""
    later: frozenset[str] = frozenset()
    """Every step there is, whenever it runs."""
    fault: frozenset[str] | None = None
    """Outputs of the fault, once it has struck in a drill; empty where they cannot be known."""
    in_drill: bool = False

    def after(self, review: Review, *steps: Step) -> "Visible":
        """What can be named once these steps have run."""
        return replace(self, steps={**self.steps, **{step.id: review.outputs_of(step) for step in steps}})


def check_names(review: Review, value: object, place: Place, visible: Visible) -> None:
    """Report every expression in a value that cannot be read or names something unknown."""
    for path, text in texts(value, place):
        try:
            chains = names_in(text)
        except ExpressionError as error:
            review.error(path, error.message, error.remedy)
            continue
        for chain in dict.fromkeys(chains):
            _check_chain(review, path, chain, visible)


def _check_chain(review: Review, place: Place, chain: Chain, visible: Visible) -> None:
    match chain:
        case ("inputs", name, *_) if name not in visible.inputs and not review.is_mentioned(name):
            review.unknown(place, f"there is no input '{name}'", name, sorted(visible.inputs))
        case ("steps", name, *rest):
            _check_step(review, place, name, rest, visible)
        case ("target", *rest) if rest and review.surroundings.targets is not None:
            _check_dotted(review, place, "target", rest, review.surroundings.targets)
        case ("contacts", *rest) if rest and review.surroundings.contacts is not None:
            _check_dotted(review, place, "contacts", rest, review.surroundings.contacts)
        case ("run", name, *_) if name not in RUN_NAMES:
            review.unknown(place, f"there is no run.{name}", name, RUN_NAMES)
        case ("fault", *_) if visible.fault is None:
            _refuse_fault(review, place, visible)
        case ("fault", name, *_) if visible.fault and name not in visible.fault:
            review.unknown(place, f"the fault has no output '{name}'", name, sorted(visible.fault))
        case (name, *_) if name not in SCOPE_NAMES:
            known = [each for each in SCOPE_NAMES if each != "fault" or visible.in_drill]
            review.unknown(place, f"'{name}' is not known in expressions", name, known)


def _refuse_fault(review: Review, place: Place, visible: Visible) -> None:
    if visible.in_drill:
        review.error(place, "the fault has not struck when this is needed", "Use it in `answers`, `pass` or `teardown`")
    else:
        review.error(place, "`fault` is known in drills only", "Make it an input, and give it in the drill's answers")


def _check_step(review: Review, place: Place, written: str, rest: Iterable[str], visible: Visible) -> None:
    name = written if written in visible.later else written.replace("_", "-")
    if name not in visible.steps and review.is_mentioned(name):
        return
    meant = next((one for one in sorted(visible.later) if one.startswith(f"{name}-")), None)
    if name not in visible.later and meant:
        remedy = f"For '{meant}' write steps.{meant.replace('-', '_')}"
        review.error(place, f"there is no step '{written}'", remedy)
        return
    if name not in visible.later:
        review.unknown(place, f"there is no step '{written}'", name, sorted(visible.later))
        return
    if name not in visible.steps:
        review.error(place, f"step '{name}' has not run when this is needed", "Name an earlier step")
        return
    match list(rest):
        case [part, *_] if part not in STEP_NAMES:
            review.unknown(place, f"a step has no '{part}'", part, STEP_NAMES)
        case ["outputs", output, *_]:
            outputs = visible.steps[name]
            if outputs is not None and output not in outputs:
                review.unknown(place, f"step '{name}' has no output '{output}'", output, sorted(outputs))


def _check_dotted(review: Review, place: Place, top: str, rest: list[str], known: frozenset[str]) -> None:
    """Accept a known name, a part of one, and anything below one that holds a list."""
    name = ".".join(rest)
    if any(name == one or one.startswith(f"{name}.") or name.startswith(f"{one}.") for one in known):
        return
    review.unknown(place, f"there is no {top}.{name}", name, sorted(known))
