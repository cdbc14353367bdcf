"""Which steps a forecast counts, before anybody knows which of them will be needed."""

from datetime import timedelta

import pytest

from drx.engine.events import ClockStarted
from drx.reports.facts import gather
from drx.reports.forecast import forecast
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
