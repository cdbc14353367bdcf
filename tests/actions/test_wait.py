"""`wait.*`: rounds are counted by the probe itself."""

import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from drx.actions.base import Result
from drx.errors import Cancelled, RefusedError, StepError
from tests.actions.context import FakeContext, params_of, run


def probe(name: str) -> dict[str, object]:
    return {"action": name, "with": {"collection": "images"}}


class Script:
    """Answers probes from a table: by name, one character a round, `+` holds and `-` fails; the last one stays."""

    def __init__(self, **rounds: str) -> None:
        self.rounds = rounds
        self.asked: dict[str, int] = dict.fromkeys(rounds, 0)

    def __call__(self, action: str, parameters: Mapping[str, object]) -> Result:
        assert parameters == {"collection": "images"}
        row, number = self.rounds[action], self.asked[action]
        self.asked[action] += 1
        if row[min(number, len(row) - 1)] == "-":
            raise StepError(f"{action} is broken", "Mend it")
        return Result()


@pytest.mark.parametrize(
    ("key", "until", "a", "b", "rounds"),
    [
        ("all_of", "holds", "+", "+", 1),
        ("all_of", "holds", "--+", "-+-+", 4),
        ("any_of", "holds", "--+", "---+", 3),
        ("all_of", "fails", "+-+-", "++--", 4),
        ("any_of", "fails", "+++-", "+++++-", 4),
    ],
)
def test_rounds_go_on_until_the_probes_agree(
    context: FakeContext, key: str, until: str, a: str, b: str, rounds: int
) -> None:
    context.answer = script = Script(a=a, b=b)
    before = datetime.now(UTC)
    result = run("wait.for", context, **{key: [probe("a"), probe("b")]}, until=until, within="5s", every="10ms")
    assert result.outputs["rounds"] == rounds
    assert script.asked == {"a": rounds, "b": rounds}
    assert result.outputs["reason"] == ("a is broken. Mend it" if until == "fails" else result.outputs["reason"])
    assert before - timedelta(milliseconds=1) <= datetime.fromisoformat(str(result.outputs["at"])) <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("until", "row", "words"),
    [
        ("holds", "-", r"after 0\.2s a did not hold: a is broken"),
        ("fails", "+", r"after 0\.2s a still held: nothing was noticed"),
    ],
)
def test_it_gives_up_in_time(context: FakeContext, until: str, row: str, words: str) -> None:
    context.answer = script = Script(a=row)
    began = time.monotonic()
    with pytest.raises(StepError, match=words):
        run("wait.for", context, any_of=[probe("a")], until=until, within="200ms", every="50ms")
    assert time.monotonic() - began >= 0.2
    assert 2 <= script.asked["a"] <= 5


def test_it_goes_on_until_its_time_is_over(context: FakeContext) -> None:
    """The last round begins when the time is over, and may still decide."""
    context.answer = Script(a="-+")
    result = run("wait.for", context, any_of=[probe("a")], within="200ms", every="10s")
    assert result.outputs["rounds"] == 2


@pytest.mark.parametrize("error", [Cancelled("stop"), RefusedError("not yours")])
def test_a_probe_that_was_stopped_or_refused_decides_nothing(context: FakeContext, error: Exception) -> None:
    def answer(*_: object) -> Result:
        raise error

    context.answer = answer
    with pytest.raises(type(error)):
        run("wait.for", context, any_of=[probe("a")], until="fails", within="5s")


def test_real_probes_are_run(context: FakeContext) -> None:
    good = {"action": "assert.that", "with": {"actual": 1, "equals": 1}}
    bad = {"action": "assert.that", "with": {"actual": 1, "equals": 2}}
    run("wait.for", context, all_of=[good], within="1s")
    result = run("wait.for", context, any_of=[good, bad], until="fails", within="1s")
    assert result.outputs["reason"] == "1 is not equal to 2"


@pytest.mark.parametrize("parameters", [{}, {"all_of": [probe("a")], "any_of": [probe("b")]}])
def test_exactly_one_list_of_probes(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=r"either in `all_of` or in `any_of`"):
        params_of("wait.for", within="1s", **parameters)


def test_a_moment_is_waited_for(context: FakeContext) -> None:
    at = datetime.now(UTC) + timedelta(seconds=0.3)
    run("wait.until", context, at=at)
    assert datetime.now(UTC) >= at


def test_a_moment_that_is_over_is_not(context: FakeContext) -> None:
    context.cancel()  # a wait, however short, would end in Cancelled
    run("wait.until", context, at="2020-01-01T00:00:00Z")


def test_a_while_is_waited_for_and_can_be_cut_short(context: FakeContext) -> None:
    began = time.monotonic()
    run("wait.until", context, **{"for": "200ms"})
    assert time.monotonic() - began >= 0.2
    threading.Timer(0.2, context.cancel).start()
    with pytest.raises(Cancelled):
        run("wait.until", context, **{"for": "1h"})


@pytest.mark.parametrize("parameters", [{}, {"for": "1s", "at": "2020-01-01T00:00:00Z"}])
def test_exactly_one_way_to_wait(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="either `at`"):
        params_of("wait.until", **parameters)
