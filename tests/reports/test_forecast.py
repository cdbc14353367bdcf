"""Which steps a forecast counts, before anybody knows which of them will be needed."""

from datetime import timedelta

import pytest

from drx.engine.events import ClockStarted, Fact, StepStarted, StepSucceeded
from drx.engine.plan import Plan
from drx.engine.terms import Part
from drx.reports.facts import gather
from drx.reports.forecast import Earlier, forecast
from tests.engine.plans import compile_steps
from tests.ui.screens import AT, event
from tests.ui.test_header import STARTED


@pytest.mark.parametrize(
    ("when", "minutes"),
    [
        ("inputs.way == 'beside'", 15),
        ("inputs.way == 'atlas'", 10),
        ("steps.first.outputs.count > 0", 10),
        ("inputs.nosuch", 10),
    ],
)
def test_a_step_counts_where_the_defaults_of_the_inputs_need_it(when: str, minutes: int) -> None:
    plan = compile_steps(
        [
            {"id": "first", "action": "do-once", "expect": "10m"},
            {"id": "second", "action": "do-once", "expect": "5m", "when": when},
        ],
        inputs={"way": {"default": "beside"}},
    )
    facts = gather(plan, [event(STARTED), event(ClockStarted(AT, "run"))], "")
    assert forecast(plan, facts, AT, {}).likely == timedelta(minutes=minutes)


SIDE_BY_SIDE = compile_steps(
    [
        {"id": "first", "action": "do-once", "expect": "10m"},
        {
            "id": "both",
            "parallel": {
                "database": [{"id": "load", "action": "do-once", "expect": "30m"}],
                "uploads": [
                    {"id": "copy", "action": "do-once", "expect": "20m"},
                    {"id": "check", "action": "do-once", "expect": "5m"},
                ],
            },
        },
        {"id": "last", "action": "do-once", "expect": "1m", "recovered": True},
        {"id": "after", "action": "do-once", "expect": "1h"},
    ]
)


def likely(plan: Plan, *facts: Fact, later: int = 0, earlier: Earlier | None = None) -> int:
    """Minutes that are left, so many minutes after the last event."""
    gathered = gather(plan, [event(fact) for fact in (STARTED, ClockStarted(AT, "run"), *facts)], "")
    found = forecast(plan, gathered, AT + timedelta(minutes=later), earlier or {})
    return round(found.likely.total_seconds() / 60)


def started(step: str) -> StepStarted:
    return StepStarted(step, 1, 1, Part.WORK, {})


def done(step: str) -> StepSucceeded:
    return StepSucceeded(step, 1, 1, Part.WORK, {})


@pytest.mark.parametrize(
    ("facts", "later", "minutes"),
    [
        ((), 0, 10 + 30 + 1),
        ((started("first"), done("first")), 0, 30 + 1),
        ((started("load"), started("copy")), 10, 10 + 20 + 1),
        ((started("load"), done("load"), started("copy")), 10, 10 + 15 + 1),
        ((started("load"), started("copy"), done("copy")), 28, 10 + 5 + 1),
    ],
)
def test_of_branches_side_by_side_the_longest_counts(facts: tuple[Fact, ...], later: int, minutes: int) -> None:
    assert likely(SIDE_BY_SIDE, *facts, later=later) == minutes


def test_earlier_runs_decide_which_branch_is_the_longest() -> None:
    assert likely(SIDE_BY_SIDE, earlier={"load": [60.0], "copy": [1800.0]}) == 10 + 35 + 1


def test_a_branch_that_recovers_is_not_waited_for_by_the_others() -> None:
    plan = compile_steps(
        [
            {
                "id": "both",
                "parallel": {
                    "serve": [{"id": "serve", "action": "do-once", "expect": "5m", "recovered": True}],
                    "tidy": [{"id": "tidy", "action": "do-once", "expect": "50m"}],
                },
            }
        ]
    )
    assert likely(plan) == 5


def test_people_are_counted_on_the_longest_branch_alone() -> None:
    side_by_side = {
        "id": "both",
        "parallel": {
            "phone": [{"id": "call", "confirm": "Call", "expect": "10m"}],
            "write": [
                {"id": "mail", "confirm": "Write", "expect": "6m"},
                {"id": "send", "action": "do-once", "expect": "5m"},
            ],
        },
    }
    look = {"id": "look", "confirm": "Look", "expect": "2m", "recovered": True}
    late = {"id": "late", "confirm": "Tidy up", "expect": "1h"}
    plan = compile_steps([side_by_side, look, late])
    facts = gather(plan, [event(STARTED), event(ClockStarted(AT, "run"))], "")
    assert forecast(plan, facts, AT, {}).people == timedelta(minutes=6 + 2)
    assert forecast(plan, facts, AT, {"mail": [60.0]}).people == timedelta(minutes=10 + 2)
