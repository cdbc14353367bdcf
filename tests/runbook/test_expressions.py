"""Expressions: what they give, what they refuse, and that nothing runs away."""

import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drx.runbook.expressions import ExpressionError, as_expression, evaluate, names, render
from drx.runbook.jinja import chains, parts

SCOPE = {
    "inputs": {"n": "5", "count": 3, "items": [1, 2], "none": None, "yes": True,
               "at": datetime(2026, 11, 21, tzinfo=UTC)},
    "steps": {
        "approve-switch": {"outputs": {"items": 7, "nested": {"a-b": "x"}}, "status": "succeeded"},
        "find": {"outputs": {}, "status": "skipped"},
    },
    "target": {"_y": {"": {"ü": 1, "a.b": 2}}, "mongo": {"database": "pixelcraft"}},
}  # fmt: skip

GIVEN = [
    ("no expression {here}", "no expression {here}"),
    ("${#array} {# text #}", "${#array} {# text #}"),
    ("{{ inputs.count }}", 3),
    ("{{ inputs.items }}", [1, 2]),
    ("{{ inputs.none }}", None),
    ("{{ target.mongo.database }}_recovered", "pixelcraft_recovered"),
    ("{{ inputs.count }}{{ inputs.n }}", "35"),
    ("{{ inputs.items }} and {{ inputs.yes }}", "[1, 2] and true"),
    ("{{ steps.approve_switch.outputs.items }}", 7),
    ("{{ steps['approve-switch'].outputs.items }}", 7),
    ("{{ steps.approve_switch.outputs.nested.a_b }}", "x"),
    ("{{ inputs.n | int + 1 }}", 6),
    ("{{ inputs.count * 2 % 4 }}", 2),
    ("{{ inputs.items[1] }}", 2),
    ("{{ inputs.items | length }}", 2),
    ("{{ inputs.items | join('-') }}", "1-2"),
    ("{{ steps.find.outputs.ts | default('never') }}", "never"),
    ("{{ 1 if inputs.other is defined else 2 }}", 2),
    ("{{ 'a' if inputs.none is none else 'b' }}", "a"),
    ("{{ '{{' }} and {{ '}}' }}", "{{ and }}"),
    ("{{ 2 in inputs.items and not inputs.count < 3 }}", True),
    ("line\n{{ inputs.count }}\n", "line\n3\n"),
]


@pytest.mark.parametrize(("text", "value"), GIVEN)
def test_value_of(text: str, value: object) -> None:
    assert render(text, SCOPE) == value
    assert type(render(text, SCOPE)) is type(value)


def test_values_are_rendered_through_lists_and_mappings_and_keys_are_not() -> None:
    value = {"{{ a }}": [{"b": "{{ inputs.count }}"}, 5], "c": ("{{ inputs.n }}",)}
    assert render(value, SCOPE) == {"{{ a }}": [{"b": 3}, 5], "c": ["5"]}


REFUSED = [
    ("{{ inputs.missing }}", "'missing' is not there. Known here: n, count"),
    ("{{ inputs.missing or 1 }}", "'missing' is not there"),
    ("{{ steps.nobody.outputs.x }}", "Known here: approve-switch, find"),
    ("{{ inputs.count.real }}", "'real' is not there"),
    ("{{ inputs.items.append }}", "'append' is not there"),
    ("{{ inputs.__class__ }}", "'__class__' is not there"),
    ("{{ ''.__class__ }}", "'__class__' is not there"),
    ("{{ nothing }}", "Names begin with inputs, steps, target"),
    ("{{ nothing.at.all }}", "'nothing' is undefined"),
    ("{{ self }}", "'self' is undefined"),
    ("x {{ inputs.none }}", "no value"),
    ("{{ 'a'.upper() }}", "cannot be called"),
    ("{{ range(9) }}", "cannot be called"),
    ("{{ inputs | attr('x') }}", "no filter 'attr'"),
    ("{{ inputs.n is divisibleby 3 }}", "no test 'divisibleby'"),
    ("{% for x in inputs %}{{ x }}{% endfor %}", "statements"),
    ("{% raw %}", "statements"),
    ("{{ 2 ** 3 }}", "powers"),
    ("{{ inputs.items[1:] }}", "powers and slices"),
    ("{{ 'a' * 1000000000 }}", "needs two numbers"),
    ("{{ '%999999999d' % 1 }}", "needs two numbers"),
    ("{{ 1 if inputs.yes }}", "has no `else`"),
    ("{{ 1 / 0 }}", "division by zero"),
    ("{{ inputs.at < 'x' }}", "not supported"),
    ("{{ 1e999 }}", "too large"),
    ("{{ 'x' | int }}", "whole number"),
    ("{{ inputs.n", "Write it like"),
    ("{{ }}", "Write it like"),
    ("{{ " + "9" * 5000 + " }}", "digits"),
    ("{{ " + "(" * 5000 + " }}", "nested too deeply"),
    ("{{ " + "1+" * 6000 + "1 }}", "nested too deeply"),
    ("{{ " + "not " * 4000 + "1 }}", "nested too deeply"),
    ("{{ inputs" + ".b" * 8000 + " | length }}", "nested too deeply"),
    ("{{ 1 }}" + "x" * 20_000, "at most 20,000 characters"),
]


@pytest.mark.parametrize(("text", "expected"), REFUSED, ids=lambda text: text[:30])
def test_refused(text: str, expected: str) -> None:
    began = time.process_time()
    with pytest.raises(ExpressionError) as caught:
        render(text, SCOPE)
    assert expected in str(caught.value)
    assert caught.value.remedy
    assert len(caught.value.message) < 300
    assert time.process_time() - began < 1


@pytest.mark.parametrize("text", ["{{ 'secret-value' | int }}", "{{ inputs.password | int }}"])
def test_an_error_quotes_the_expression_and_never_a_value(text: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        render(text, {"inputs": {"password": "hunter2"}})
    assert "hunter2" not in str(caught.value)


def test_conditions_are_written_with_or_without_braces() -> None:
    assert evaluate("inputs.count == 3", SCOPE) is True
    assert evaluate("{{ inputs.count == 4 }}", SCOPE) is False
    assert as_expression("a") == "{{ a }}"
    with pytest.raises(ExpressionError):
        evaluate("inputs.count = 3", SCOPE)


def test_names_used_are_listed_with_their_attributes() -> None:
    value = {"a": "{{ inputs.x }} {{ inputs.y }}", "b": ["{{ steps['s-t'].outputs[inputs.z] | default(run.id) }}", 5]}
    assert names(value) == [
        ("inputs", "x"), ("inputs", "y"), ("steps", "s-t", "outputs"), ("inputs", "z"), ("run", "id"),
    ]  # fmt: skip
    with pytest.raises(ExpressionError):
        names({"a": "{{ inputs."})


def test_steps_may_be_an_object_that_only_looks_up() -> None:
    class View:
        def __getitem__(self, name: str) -> object:
            if name != "a-b":
                raise KeyError(name)
            return {"outputs": {"x": 1}}

    assert render("{{ steps.a_b.outputs.x }}", {"steps": View()}) == 1
    assert render("{{ steps.a_b.outputs.x + 1 }}", {"steps": View()}) == 2


WORDS = ["inputs", "steps", "count", "n", "find", "outputs", "approve_switch", "x", "_y", "nested", "a_b"]
ATTRIBUTES = st.sampled_from(
    [f".{word}" for word in WORDS] + [f"['{word}']" for word in (*WORDS, "a-b", "", "ü", "a.b")]
)
NAMES = st.tuples(
    st.sampled_from(["inputs", "steps", "target"]), st.lists(ATTRIBUTES, min_size=1, max_size=5).map("".join)
)


@settings(deadline=None)
@given(NAMES.map("".join))
def test_plain_names_mean_the_same_with_and_without_jinja(dotted: str) -> None:
    text = "{{ " + dotted + " }}"
    try:
        plain: object = render(text, SCOPE)
    except ExpressionError:
        with pytest.raises(ExpressionError):
            parts(text, SCOPE)
    else:
        assert parts(text, SCOPE) == [plain]
    assert names(text) == list(chains(text))


PIECES = [
    *".|()[]+*~,:{}-'1x ",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "inputs",
    "n",
    " if ",
    " else ",
    "default",
    "self",
    "not ",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_any_text_gives_a_value_or_an_expression_error(text: str) -> None:
    for wrapped in (text, "{{ " + text + " }}"):
        with suppress(ExpressionError):
            render(wrapped, SCOPE)


def test_jinja_is_not_loaded_for_plain_names() -> None:
    code = (
        "import sys; from drx.runbook.expressions import render, names; v = '{{ inputs.x }} and {{ run.id }}'; "
        "names(v); print(render(v, {'inputs': {'x': 1}, 'run': {'id': 2}}), 'jinja2' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "1 and 2 False\n"
