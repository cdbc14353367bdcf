"""Wait for something: until probes hold or fail, until a moment, for a while. Touches nothing itself."""

import time
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field, model_validator

from drx.actions.base import Context, Params, Result, action
from drx.errors import Cancelled, StepError, StoreError
from drx.fields import Duration, Moment
from drx.runbook.model import ActionCall
from drx.units import show_duration, show_time

_LONGEST_SLEEP = 60.0


class WaitFor(Params):
    all_of: tuple[ActionCall, ...] = ()
    """Probes, actions that only read: `[{action: mongo.ping}]`; all have to hold, or to fail, in the same round."""
    any_of: tuple[ActionCall, ...] = ()
    """Probes of which one is enough."""
    until: Literal["holds", "fails"] = "holds"
    """Wait until the probes succeed, or until they fail, as symptoms of a fault do."""
    within: Duration
    """Give up after this long."""
    every: Duration = Field(default="1s", validate_default=True)
    """Time from the start of one round to the start of the next; the last one begins when `within` is over."""

    @model_validator(mode="after")
    def _one_list(self) -> "WaitFor":
        if bool(self.all_of) == bool(self.any_of):
            raise ValueError("give probes either in `all_of` or in `any_of`")
        return self

    @property
    def probes(self) -> tuple[ActionCall, ...]:
        """All probes, of whichever list."""
        return self.all_of or self.any_of


def _wait_by_hand(params: WaitFor) -> str:
    return f"# repeat until it {params.until}: {', '.join(probe.action for probe in params.probes)}"


@action(
    "wait.for",
    effect="read",
    repeatable=True,
    by_hand=_wait_by_hand,
    outputs={
        "rounds": "How often the probes were run.",
        "seconds": "How long it took.",
        "at": "When the round began that decided it.",
        "reason": "With `fails`: what the first failing probe said.",
    },
    accepts_probes=True,
)
def wait_for(params: WaitFor, context: Context) -> Result:
    """Run probes until they hold, or until they fail.

    A drill detects its fault with it: the symptom's probes are run until they fail.
    """
    began = time.monotonic()
    rounds = 0
    while True:
        rounds += 1
        round_began = time.monotonic()
        at = datetime.now(UTC)
        said = [_probe(probe, context) for probe in params.probes]
        decided = [(text is None) == (params.until == "holds") for text in said]
        if all(decided) if params.all_of else any(decided):
            reason = next((text for text in said if text is not None), "")
            seconds = round(time.monotonic() - began, 3)
            return Result({"rounds": rounds, "seconds": seconds, "at": show_time(at), "reason": reason})
        now = time.monotonic()
        left = params.within.total_seconds() - (now - began)
        if left <= 0:
            raise StepError(*_gave_up(params, said, decided))
        wait = params.every.total_seconds() - (now - round_began)
        context.sleep(min(max(wait, 0.0), left))


def _probe(probe: ActionCall, context: Context) -> str | None:
    """Run a probe once; None when it holds, else why it does not."""
    context.check()
    try:
        context.call(probe.action, probe.with_)
    except Cancelled:
        raise
    except (StepError, StoreError) as error:
        return context.mask(str(error))
    return None


def _gave_up(params: WaitFor, said: list[str | None], decided: list[bool]) -> tuple[str, str]:
    after = show_duration(params.within)
    open_probes = [(probe, text) for probe, text, done in zip(params.probes, said, decided, strict=True) if not done]
    names = ", ".join(probe.action for probe, _ in open_probes)
    if params.until == "fails":
        return f"after {after} {names} still held: nothing was noticed", "Make the probe look at what was lost"
    return f"after {after} {names} did not hold: {open_probes[-1][1]}", "Find out why, then run the step again"


class WaitUntil(Params):
    at: Moment | None = None
    """Wait until this moment, in UTC; one in the past is over at once."""
    for_: Duration | None = Field(default=None, alias="for")
    """Wait this long."""

    @model_validator(mode="after")
    def _one_of_both(self) -> "WaitUntil":
        if (self.at is None) == (self.for_ is None):
            raise ValueError("say either `at`, a moment, or `for`, a duration")
        return self


def _sleep_by_hand(params: WaitUntil) -> str:
    if params.at is not None:
        return f'sleep $(( $(date -d "{show_time(params.at)}" +%s) - $(date +%s) ))'
    return f"sleep {params.for_.total_seconds():g}" if params.for_ else "true"


@action("wait.until", effect="read", repeatable=True, by_hand=_sleep_by_hand)
def wait_until(params: WaitUntil, context: Context) -> Result:
    """Wait until a moment, or for a while."""
    if params.for_ is not None:
        context.sleep(params.for_.total_seconds())
    elif params.at is not None:
        while (left := (params.at - datetime.now(UTC)).total_seconds()) > 0:
            context.sleep(min(left, _LONGEST_SLEEP))
    return Result()
