"""Check the inputs that a runbook declares, and values that are given for them."""

from drx.fields import Duration, Moment
from drx.runbook.check.review import Place, Review
from drx.runbook.expressions import texts
from drx.runbook.model import Input, Runbook


def check_declared(review: Review, runbook: Runbook) -> None:
    """Check each input by itself, and that one moment at most starts the clock."""
    for name, spec in runbook.inputs.items():
        place = ("inputs", name)
        if review.is_unsure(place):
            continue
        if (spec.type == "choice") != bool(spec.choices):
            message = f"input '{name}' " + ("has no choices" if spec.type == "choice" else f"is of type {spec.type}")
            remedy = "Add `choices: [...]`" if spec.type == "choice" else "Make its type `choice`, or remove `choices`"
            review.error(place, message, remedy)
        if spec.starts_clock and spec.type != "datetime":
            message = f"input '{name}' starts the clock, but is no moment"
            review.error((*place, "starts_clock"), message, "Make its type `datetime`")
        if spec.default is not None:
            check_value(review, spec, spec.default, (*place, "default"))
    clocks = [name for name, spec in runbook.inputs.items() if spec.starts_clock]
    for name in clocks[1:]:
        message = f"the clock is started by '{clocks[0]}' already"
        review.error(("inputs", name, "starts_clock"), message, "Keep one of them")


def check_value(review: Review, spec: Input, value: object, place: Place) -> None:
    """Hold a value against the type of its input; what expressions give is not known yet."""
    if any(texts(value)):
        return
    if spec.type == "choice":
        if value not in spec.choices:
            review.unknown(place, f"{review.written(place)} is none of the choices", str(value), spec.choices)
        return
    from pydantic import TypeAdapter, ValidationError

    kinds = {"text": str, "datetime": Moment, "duration": Duration, "integer": int, "boolean": bool}
    try:
        TypeAdapter(kinds[spec.type]).validate_python(value, strict=spec.type in ("integer", "boolean"))
    except ValidationError:
        review.error(place, f"{review.written(place)} is no {spec.type}", EXAMPLES[spec.type])


EXAMPLES = {
    "text": "Write text in quotes",
    "datetime": "Write it like 2026-11-21T08:00:00Z (UTC)",
    "duration": "Write it like 30s, 5m, 1h30m or 7d",
    "integer": "Write a whole number, without quotes",
    "boolean": "Write true or false, without quotes",
}
