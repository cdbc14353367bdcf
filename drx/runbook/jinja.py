"""Evaluate what goes beyond plain names: Jinja2 in a sandbox without statements, calls or loops. Loaded on demand."""

from collections.abc import Mapping
from functools import lru_cache
from math import isfinite
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, nodes
from jinja2.environment import TemplateExpression
from jinja2.sandbox import ImmutableSandboxedEnvironment

from drx.runbook.expressions import KNOWN_NAMES, Chain, entry, failure, remedy_of

FILTERS = ("default", "int", "join", "length")
TESTS = ("defined", "none", "in")
MAX_CHARACTERS = 20_000
LITERAL_BRACES = "Write it like \"{{ inputs.name }}\"; for literal braces write {{ '{{' }}"
NEVER = "\0"
"""Begins the marks of Jinja2's statements and comments: `{#` and `{%` are text, as shells use them."""


@lru_cache(maxsize=2048)
def chains(text: str) -> tuple[Chain, ...]:
    """List the names that the expressions in a text use.

    Raises ExpressionError.
    """
    found: list[Chain] = []
    try:
        for node in _parse(text):
            _collect_names(node, found)
    except RecursionError:
        raise failure(text, "it is nested too deeply", "Shorten it") from None
    return tuple(found)


def parts(text: str, scope: Mapping[str, object]) -> list[object]:
    """Evaluate a text piece by piece.

    Raises ExpressionError.
    """
    try:
        parts = [part if isinstance(part, str) else part(dict(scope)) for part in _compile(text)]
        for part in parts:
            if isinstance(part, Undefined):
                str(part)  # raises: StrictUndefined says what is missing
    except (TemplateError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise failure(text, *remedy_of(str(error))) from None
    return parts


def _collect_names(node: nodes.Node, found: list[Chain]) -> None:
    chain = _chain(node)
    if chain:
        found.append(chain)
        return
    for child in node.iter_child_nodes():
        _collect_names(child, found)


def _chain(node: nodes.Node) -> Chain | None:
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


@lru_cache(maxsize=2048)
def _compile(text: str) -> tuple[str | TemplateExpression, ...]:
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
        raise failure(text, "it is nested too deeply", "Shorten it") from None
    return tuple(parts)


def _parse(text: str) -> list[nodes.Expr]:
    """Split a text into literal parts and expressions, and refuse what drx leaves out of Jinja2."""
    if len(text) > MAX_CHARACTERS:
        raise failure(text, f"text with expressions has at most {MAX_CHARACTERS:,} characters", "Shorten it")
    try:
        body = _environment().parse(text).body
    except (TemplateSyntaxError, ValueError) as error:
        raise failure(text, str(error), LITERAL_BRACES) from None
    parts = [part for output in body if isinstance(output, nodes.Output) for part in output.nodes]
    for part in parts:
        _refuse(text, part)
    return parts


def _refuse(text: str, part: nodes.Expr) -> None:
    """Leave no way to run long, to reach Python, or to change anything."""
    if isinstance(part, nodes.TemplateData):
        if "{%" in part.data:
            raise failure(text, "statements ({% %}) are not read", "Use `when:` on a step, or `a if b else c`")
        return
    for node in (part, *part.find_all(nodes.Expr)):
        refused = _reason(node)
        if refused:
            raise failure(text, *refused)


def _reason(node: nodes.Node) -> tuple[str, str] | None:
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


class _Expressions(ImmutableSandboxedEnvironment):
    """Here a dot reaches entries of mappings and nothing of Python."""

    intercepted_binops = frozenset({"*", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, StrictUndefined):
            str(obj)
        try:
            return entry(obj, argument)
        except LookupError as error:
            return self.undefined(error.args[0])

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise TypeError(f"{operator} needs two numbers")
        return super().call_binop(context, operator, left, right)


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    """Make the one environment."""
    environment = _Expressions(
        block_start_string=NEVER + "{%", comment_start_string=NEVER + "{#", undefined=StrictUndefined,
        keep_trailing_newline=True,
    )  # fmt: skip
    environment.globals.clear()
    environment.filters["int"] = _whole_number
    return environment


def _whole_number(value: object) -> int:
    """Read a whole number, and fail where there is none: a silent 0 would hide it."""
    text = str(value)
    if not text.removeprefix("-").isdecimal():
        raise ValueError("`int` needs a whole number")
    return int(text)
