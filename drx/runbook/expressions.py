"""Evaluate `{{ expressions }}`: sandboxed Jinja2 without statements, calls or loops. Pure: a scope in, a value out."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import isfinite
from typing import TYPE_CHECKING, Any

from drx.errors import DrxError

if TYPE_CHECKING:
    from jinja2 import Environment, nodes
    from jinja2.environment import TemplateExpression

SCOPE_NAMES = ("inputs", "steps", "target", "contacts", "run", "fault")
"""What expressions may begin with; `fault` in drills only."""
KNOWN_NAMES = f"Names begin with {', '.join(SCOPE_NAMES)}; write hyphens in them as underscores"
FILTERS = ("default", "int", "join", "length")
TESTS = ("defined", "none", "in")
MAX_CHARACTERS = 20_000
NEVER = "\0"
"""Begins the marks of Jinja2's statements and comments: `{#` and `{%` are text, as shells use them."""
LITERAL_BRACES = "Write it like \"{{ inputs.name }}\"; for literal braces write {{ '{{' }}"

Chain = tuple[str, ...]
"""A name with its attributes: `steps.find.outputs.ts`."""


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
    found: list[Chain] = []
    try:
        for node in _parse(text):
            _collect_names(node, found)
    except RecursionError:
        raise _failure(text, "it is nested too deeply", "Shorten it") from None
    return found


def as_expression(when: str) -> str:
    """Write the expression of a `when:` with its `{{ }}`."""
    return when if _has_expression(when) else "{{ " + when + " }}"


def _has_expression(text: str) -> bool:
    return "{" in text and ("{{" in text or "{%" in text)


def _collect_names(node: "nodes.Node", found: list[Chain]) -> None:
    chain = _chain(node)
    if chain:
        found.append(chain)
        return
    for child in node.iter_child_nodes():
        _collect_names(child, found)


def _chain(node: "nodes.Node") -> Chain | None:
    from jinja2 import nodes

    match node:
        case nodes.Name():
            return (node.name,)
        case nodes.Getattr():
            outer, name = _chain(node.node), node.attr
        case nodes.Getitem(arg=nodes.Const(value=str() as name)):
            outer = _chain(node.node)
        case _:
            return None
    return (*outer, name) if outer else None


def _render_text(text: str, scope: Mapping[str, object]) -> object:
    from jinja2 import TemplateError, Undefined

    try:
        parts = [part if isinstance(part, str) else part(dict(scope)) for part in _compile(text)]
        for part in parts:
            if isinstance(part, Undefined):
                str(part)  # raises: StrictUndefined says what is missing
        return parts[0] if len(parts) == 1 else "".join(map(_as_text, parts))
    except (TemplateError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        message, _, remedy = str(error).partition(". ")
        otherwise = KNOWN_NAMES if message.endswith("is undefined") else "Correct the expression, or what it uses"
        raise _failure(text, message, remedy or otherwise) from None


def _as_text(value: object) -> str:
    """Write a value inside of a longer text as YAML and JSON would."""
    if value is None:
        raise ValueError("a part of the text has no value. Give it one, or add `| default('...')`")
    if isinstance(value, bool | Mapping | list | tuple):
        import json

        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def _failure(text: str, message: str, remedy: str) -> ExpressionError:
    quoted = text if len(text) <= 80 else text[:77] + "..."
    return ExpressionError(f"{quoted!r}: {message.rstrip('.')}", remedy)


@lru_cache(maxsize=2048)
def _compile(text: str) -> "tuple[str | TemplateExpression, ...]":
    from jinja2 import TemplateError, nodes
    from jinja2.environment import TemplateExpression

    parts: list[str | TemplateExpression] = []
    try:
        for node in _parse(text):
            if isinstance(node, nodes.TemplateData):
                parts.append(node.data)
                continue
            assign = nodes.Assign(nodes.Name("result", "store"), node, lineno=1)
            template = _environment().from_string(nodes.Template([assign], lineno=1))
            parts.append(TemplateExpression(template, undefined_to_none=False))
    except (TemplateError, SyntaxError, RecursionError, MemoryError):
        raise _failure(text, "it is nested too deeply", "Shorten it") from None
    return tuple(parts)


def _parse(text: str) -> "list[nodes.Expr]":
    """Split a text into literal parts and expressions, and refuse what drx leaves out of Jinja2."""
    from jinja2 import TemplateSyntaxError, nodes

    if len(text) > MAX_CHARACTERS:
        raise _failure(text, f"text with expressions has at most {MAX_CHARACTERS:,} characters", "Shorten it")
    try:
        body = _environment().parse(text).body
    except (TemplateSyntaxError, ValueError) as error:
        raise _failure(text, str(error), LITERAL_BRACES) from None
    parts = [part for output in body if isinstance(output, nodes.Output) for part in output.nodes]
    for part in parts:
        _refuse(text, part)
    return parts


def _refuse(text: str, part: "nodes.Expr") -> None:
    """Leave no way to run long, to reach Python, or to change anything."""
    from jinja2 import nodes

    if isinstance(part, nodes.TemplateData):
        if "{%" in part.data:
            raise _failure(text, "statements ({% %}) are not read", "Use `when:` on a step, or `a if b else c`")
        return
    for node in (part, *part.find_all(nodes.Expr)):
        refused = _reason(node)
        if refused:
            raise _failure(text, *refused)


def _reason(node: "nodes.Node") -> tuple[str, str] | None:
    from jinja2 import nodes

    match node:
        case nodes.Call():
            return "functions and methods cannot be called", f"Filters are: {', '.join(FILTERS)}"
        case nodes.Filter() if node.name not in FILTERS:
            return f"there is no filter '{node.name}'", f"Filters are: {', '.join(FILTERS)}"
        case nodes.Test() if node.name not in TESTS:
            return f"there is no test '{node.name}'", f"Tests are: {', '.join(TESTS)}"
        case nodes.CondExpr(expr2=None):
            return "an `if` has no `else`", "Add what holds otherwise: `a if b else c`"
        case nodes.Const(value=float()) if not isfinite(node.value):
            return "a number is too large", "Write a smaller one"
        case nodes.Name(name="self"):
            return "'self' is undefined", KNOWN_NAMES
        case nodes.Pow() | nodes.Slice():
            return "powers and slices are not read", "Leave them out"
    return None


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    """Make the one environment, in which a dot reaches entries of mappings and nothing of Python."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Expressions(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset({"*", "%"})

        def getattr(self, obj: Any, attribute: str) -> Any:
            return self.getitem(obj, attribute)

        def getitem(self, obj: Any, argument: Any) -> Any:
            if isinstance(obj, StrictUndefined):
                str(obj)
            for name in (argument, argument.replace("_", "-") if isinstance(argument, str) else argument):
                try:
                    return obj[name]
                except (LookupError, TypeError):
                    continue
            return self.undefined(f"'{argument}' is not there. {_known(obj)}")

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            if not (isinstance(left, int | float) and isinstance(right, int | float)):
                raise TypeError(f"{operator} needs two numbers")
            return super().call_binop(context, operator, left, right)

    environment = Expressions(
        block_start_string=NEVER + "{%", comment_start_string=NEVER + "{#", undefined=StrictUndefined,
        keep_trailing_newline=True,
    )  # fmt: skip
    environment.globals.clear()
    environment.filters["int"] = _whole_number
    return environment


def _known(value: object) -> str:
    if isinstance(value, Mapping) and value:
        return f"There is: {', '.join(map(str, list(value)[:20]))}"
    return "Check the name"


def _whole_number(value: object) -> int:
    """Read a whole number, and fail where there is none: a silent 0 would hide it."""
    text = str(value)
    if not text.removeprefix("-").isdecimal():
        raise ValueError("`int` needs a whole number")
    return int(text)
