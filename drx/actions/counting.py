"""Hold a count against bounds, for every action that counts something."""

from typing import Self

from pydantic import Field, model_validator

from drx.actions.base import Params, Result
from drx.errors import StepError


class Bounds(Params):
    at_least: int | None = Field(default=None, ge=0)
    """Fail where there are fewer."""
    at_most: int | None = Field(default=None, ge=0)
    """Fail where there are more."""
    equals: int | None = Field(default=None, ge=0)
    """Fail where there are not exactly so many."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is more than at_most: no count could be both")
        return self


def judge(bounds: Bounds, found: int, subject: str, unit: str) -> Result:
    """Give the count as a result.

    Raises StepError where it lies outside the bounds, with both numbers.
    """
    wanted = [
        f"{words} {bound:,}"
        for words, bound, wrong in (
            ("exactly", bounds.equals, bounds.equals is not None and found != bounds.equals),
            ("at least", bounds.at_least, bounds.at_least is not None and found < bounds.at_least),
            ("at most", bounds.at_most, bounds.at_most is not None and found > bounds.at_most),
        )
        if wrong
    ]
    if wanted:
        raise StepError(f"{subject} {found:,} {unit}, not {' and '.join(wanted)}", "Find out where the others are")
    return Result({"count": found}, (f"{subject} {found:,} {unit}",))
