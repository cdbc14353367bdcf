"""`assert.that`, as a table."""

import pytest
from pydantic import ValidationError

from drx.errors import StepError
from drx.secrets import Masker
from tests.actions.context import FakeContext, params_of, run

HOLD: list[dict[str, object]] = [
    {"actual": 5, "equals": 5},
    {"actual": 5, "equals": 5.0},
    {"actual": None, "equals": None},
    {"actual": [1, {"a": 2}], "equals": [1, {"a": 2}]},
    {"actual": 5, "at_least": 5, "at_most": 5},
    {"actual": 5.1, "at_least": 5},
    {"actual": "2026-11-21T08:00:00.000Z", "at_least": "2026-11-21T07:59:59.999Z"},
    {"actual": "abc", "contains": "b"},
    {"actual": ["a", "b"], "contains": "b"},
    {"actual": {"b": 1}, "contains": "b"},
    {"actual": 1, "differs_from": 2},
    {"actual": True, "differs_from": 1},
]
FAIL: list[tuple[dict[str, object], str]] = [
    ({"actual": 5, "equals": 6}, "5 is not equal to 6"),
    ({"actual": 5, "equals": "5"}, "5 is not equal to '5'"),
    ({"actual": 1, "equals": True}, "1 is not equal to True"),
    ({"actual": 5, "at_least": 6, "at_most": 4}, "5 is not at least 6.0 and not at most 4.0"),
    ({"actual": "5", "at_least": 4}, "'5' is not at least 4.0"),
    ({"actual": True, "at_least": 0}, "True is not at least 0.0"),
    ({"actual": None, "at_most": 3}, "null is not at most 3.0"),
    ({"actual": float("nan"), "at_least": 0}, "nan is not at least 0.0"),
    ({"actual": 12, "contains": "1"}, "12 is not something that holds '1'"),
    ({"actual": 2, "differs_from": 2.0}, "2 is not different from 2.0"),
    ({"actual": 4, "equals": 5, "message": "Images are missing"}, "Images are missing: 4 is not equal to 5"),
]


@pytest.mark.parametrize("parameters", HOLD)
def test_what_holds(context: FakeContext, parameters: dict[str, object]) -> None:
    (line,) = run("assert.that", context, **parameters).lines
    assert " is " in line


@pytest.mark.parametrize(("parameters", "message"), FAIL)
def test_what_does_not_hold_shows_both_values(
    context: FakeContext, parameters: dict[str, object], message: str
) -> None:
    with pytest.raises(StepError) as raised:
        run("assert.that", context, **parameters)
    assert str(raised.value) == message


def test_a_secret_is_not_shown(context: FakeContext) -> None:
    context.masker = Masker(["swordfish"])
    with pytest.raises(StepError) as raised:
        run("assert.that", context, actual="swordfish", equals="x")
    assert str(raised.value) == "'***' is not equal to 'x'"


def test_a_comparison_says_what_to_compare() -> None:
    with pytest.raises(ValidationError, match="say what the value has to be"):
        params_of("assert.that", actual=1, message="so what")
