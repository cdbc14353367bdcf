"""Evaluate `{{ expressions }}`: sandboxed Jinja2 without statements, calls or loops. Pure: a scope in, a value out."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from drx.errors import DrxError

SCOPE_NAMES = ("inputs", "steps", "target", "contacts", "run", "fault")
"""What expressions may begin with; `fault` in drills only."""
KNOWN_NAMES = "Names begin with inputs, steps, target, contacts or run, in drills also fault; hyphens as underscores"

Chain = tuple[str, ...]
"""A name with its attributes: `steps.find.outputs.ts`."""

_ATTRIBUTE = r"\.([A-Za-z_]\w*)|\['([^'\\]*)'\]"
_PLAIN = re.compile(
    r"\{\{ *((?:" + "|".join(SCOPE_NAMES) + ")(?:" + _ATTRIBUTE.replace("(", "(?:") + r")+) *\}\}", re.ASCII
)
"""An expression that only names something: nearly all do, and are read without loading Jinja2."""
_MARKS = ("{{", "}}", "{%")


class ExpressionError(DrxError):
    """An expression cannot be read or evaluated; the message quotes it."""


def render(value: object, scope: Mapping[str, object]) -> object:
    """Evaluate every expression inside of a value, through lists and mappings.

    Text that is exactly one `{{ expression }}` becomes the expression's own value; anything else stays text.
    Raises ExpressionError.
    """
    if isinstance(value, str):
        return _render_text(value, scope) if _has_expression(value) else value
    if isinstance(value, Mapping):
        return {key: render(entry, scope) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [render(entry, scope) for entry in value]
    return value


def evaluate(expression: str, scope: Mapping[str, object]) -> object:
    """Evaluate the expression of a `when:`, written with or without `{{ }}`.

    Raises ExpressionError.
    """
    return _render_text(expression if _has_expression(expression) else "{{ " + expression + " }}", scope)


def names(value: object) -> list[Chain]:
    """List the names that the expressions inside of a value use.

    Raises ExpressionError where one of them cannot be read.
    """
    return [chain for _, text in texts(value) for chain in names_in(text)]


def texts(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield every text that holds expressions, with the way to it."""
    if isinstance(value, str):
        if _has_expression(value):
            yield path, value
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from texts(entry, (*path, key))
    elif isinstance(value, list | tuple):
        for position, entry in enumerate(value):
            yield from texts(entry, (*path, position))


def names_in(text: str) -> list[Chain]:
    """List the names used in one text that holds expressions.

    Raises ExpressionError.
    """
    plain = _plain_parts(text)
    if plain is not None:
        return [part for part in plain if isinstance(part, tuple)]
    from drx.runbook.jinja import chains

    return list(chains(text))


def as_expression(when: str) -> str:
    """Write the expression of a `when:` with its `{{ }}`."""
    return when if _has_expression(when) else "{{ " + when + " }}"


def _has_expression(text: str) -> bool:
    return "{" in text and ("{{" in text or "{%" in text)


def _plain_parts(text: str) -> list[str | Chain] | None:
    """Split a text into literal parts and names; None where it holds more than names."""
    pieces = _PLAIN.split(text)
    if any(mark in piece for piece in pieces[::2] for mark in _MARKS):
        return None
    return [_plain_chain(piece) if position % 2 else piece for position, piece in enumerate(pieces) if piece]


def _plain_chain(written: str) -> Chain:
    attributes = re.findall(_ATTRIBUTE, written, re.ASCII)
    return (re.split(r"[.\[]", written, maxsplit=1)[0], *(dotted or quoted for dotted, quoted in attributes))


def _render_text(text: str, scope: Mapping[str, object]) -> object:
    plain = _plain_parts(text)
    try:
        parts = [_look_up(part, scope) for part in plain] if plain is not None else _evaluate(text, scope)
        return parts[0] if len(parts) == 1 else "".join(map(_as_text, parts))
    except (LookupError, ValueError) as error:
        raise failure(text, *remedy_of(str(error.args[0]))) from None


def _evaluate(text: str, scope: Mapping[str, object]) -> list[object]:
    from drx.runbook.jinja import parts

    return parts(text, scope)


def _look_up(part: str | Chain, scope: Mapping[str, object]) -> object:
    if isinstance(part, str):
        return part
    value: object = scope
    for name in part:
        value = entry(value, name)
    return value


def entry(value: Any, name: object) -> Any:
    """Reach an entry of a mapping or list; hyphens of a name may be written as underscores.

    Raises LookupError, which says what there is. Attributes of Python objects are out of reach.
    """
    for written in (name, name.replace("_", "-") if isinstance(name, str) else name):
        try:
            return value[written]
        except (LookupError, TypeError):
            continue
    known = f"Known here: {', '.join(map(str, list(value)[:20]))}" if isinstance(value, Mapping) and value else ""
    raise LookupError(f"'{name}' is not there. {known}")


def remedy_of(error: str) -> tuple[str, str]:
    message, _, remedy = error.partition(". ")
    otherwise = KNOWN_NAMES if message.endswith("is undefined") else "Correct the expression, or what it uses"
    return message, remedy or otherwise


def _as_text(value: object) -> str:
    """Write a value inside of a longer text as YAML and JSON would."""
    if value is None:
        raise ValueError("a part of the text has no value. Give it one, or add `| default('...')`")
    if isinstance(value, bool | Mapping | list | tuple):
        import json

        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def failure(text: str, message: str, remedy: str) -> ExpressionError:
    quoted = text if len(text) <= 80 else text[:77] + "..."
    return ExpressionError(f"{quoted!r}: {message.rstrip('.')}", remedy)
