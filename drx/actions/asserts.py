"""`assert.that`: hold a value against what it has to be. Touches nothing."""

from pydantic import model_validator

from drx.actions.base import Context, Params, Result, action
from drx.errors import StepError


class AssertThat(Params):
    actual: object
    """The value: mostly an expression, such as `{{ steps.count.outputs.count }}`."""
    equals: object = None
    """It has to be equal to this."""
    differs_from: object = None
    """It must not be equal to this."""
    at_least: float | str | None = None
    """It has to be this or more; texts compare by character, as times written in UTC do."""
    at_most: float | str | None = None
    """It has to be this or less."""
    contains: str | None = None
    """It has to hold this text, or, being a list or a mapping, this item."""
    message: str = ""
    """What it means when it does not hold, for a reader under stress."""

    @model_validator(mode="after")
    def _says_something(self) -> "AssertThat":
        if not self.model_fields_set - {"actual", "message"}:
            raise ValueError("say what the value has to be: equals, differs_from, at_least, at_most or contains")
        return self


def _by_hand(params: AssertThat) -> str:
    return f"# compare: {_shown(params.actual)} has to be {_conditions(params)}"


@action("assert.that", effect="read", repeatable=True, by_hand=_by_hand)
def assert_that(params: AssertThat, context: Context) -> Result:
    """Fail unless a value is what it has to be.

    Several conditions have to hold all at once. A number and a text are never equal: 5 is not "5".
    """
    failed = [condition for condition, holds in _judge(params) if not holds]
    if failed:
        meaning = f"{params.message}: " if params.message else ""
        raise StepError(context.mask(f"{meaning}{_shown(params.actual)} is not {' and not '.join(failed)}"))
    return Result(lines=(context.mask(f"{_shown(params.actual)} is {_conditions(params)}"),))


def _conditions(params: AssertThat) -> str:
    return " and ".join(condition for condition, _ in _judge(params))


def _judge(params: AssertThat) -> list[tuple[str, bool]]:
    given, actual = params.model_fields_set, params.actual
    found = []
    if "equals" in given:
        found.append((f"equal to {_shown(params.equals)}", _equal(actual, params.equals)))
    if "differs_from" in given:
        found.append((f"different from {_shown(params.differs_from)}", not _equal(actual, params.differs_from)))
    if params.at_least is not None:
        found.append((f"at least {_shown(params.at_least)}", _ordered(params.at_least, actual)))
    if params.at_most is not None:
        found.append((f"at most {_shown(params.at_most)}", _ordered(actual, params.at_most)))
    if params.contains is not None:
        found.append((f"something that holds {_shown(params.contains)}", _holds(actual, params.contains)))
    return found


def _equal(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _ordered(low: object, high: object) -> bool:
    if isinstance(low, str) and isinstance(high, str):
        return low <= high
    return _is_number(low) and _is_number(high) and low <= high  # type: ignore[operator]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _holds(actual: object, item: str) -> bool:
    return isinstance(actual, str | list | tuple | dict) and item in actual


def _shown(value: object) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 200 else f"{text[:199]}…"
