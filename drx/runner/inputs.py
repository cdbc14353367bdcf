"""Read the values of a run's inputs as people type them. Pure."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime

from drx.engine.admit import wrong_value
from drx.engine.events import InputGiven
from drx.engine.plan import InputSpec, Plan
from drx.errors import HumanNeeded, UsageError
from drx.units import parse_time, read_moment, show_time
from drx.values import Json
from drx.yaml_source.problems import suggest

_WORDS = {"yes": True, "true": True, "y": True, "no": False, "false": False, "n": False}


def typed(plan: Plan, fact: InputGiven) -> InputGiven:
    """The same fact with its value in the input's own type; unchanged where it does not fit."""
    spec = next((spec for spec in plan.inputs if spec.name == fact.name), None)
    return fact if spec is None else InputGiven(fact.name, _typed(spec, fact.value))


def given(plan: Plan, values: Mapping[str, str], now: datetime) -> list[InputGiven]:
    """The facts for values from a command line; moments may be said as at a prompt, and are recorded in full.

    Raises UsageError for an unknown input, or a value that does not fit.
    """
    specs = {spec.name: spec for spec in plan.inputs if "/" not in spec.name}
    facts = []
    for name, text in values.items():
        if name not in specs:
            raise UsageError(f"{plan.runbook} has no input '{name}'", suggest(name, specs, "Its inputs"))
        value = _in_full(text, now) if specs[name].type == "datetime" else _typed(specs[name], text)
        wrong = wrong_value(specs[name], value)
        if wrong:
            raise UsageError(f"input {name}: {wrong}", "Correct the value")
        if specs[name].starts_clock and parse_time(str(value)) > now:
            raise UsageError(f"input {name}: {value} is still to come", "Say when it began, in UTC")
        facts.append(InputGiven(name, value))
    return facts


def require_inputs(plan: Plan, values: Iterable[InputGiven]) -> None:
    """See that a run which nobody attends has every input. Raises HumanNeeded with what to give."""
    known = {fact.name for fact in values} | plan.answers.keys()
    missing = [s.name for s in plan.inputs if "/" not in s.name and s.default is None and s.name not in known]
    if missing:
        message = f"{plan.runbook} asks for {', '.join(missing)}, and nobody is there to answer"
        raise HumanNeeded(message, f"Give it: {' '.join(f'--input {name}=...' for name in missing)}")


def _in_full(text: str, now: datetime) -> str:
    try:
        parse_time(text)
    except ValueError:
        with suppress(ValueError):
            return show_time(read_moment(text, now))
    return text


def _typed(spec: InputSpec, value: Json) -> Json:
    if not isinstance(value, str):
        return value
    text = value.strip()
    if spec.type == "boolean":
        return _WORDS.get(text.lower(), value)
    if spec.type == "integer" and text.removeprefix("-").isdecimal():
        return int(text)
    return text
