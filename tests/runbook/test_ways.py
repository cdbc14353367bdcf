"""Which steps a runbook takes where inputs are known, and what follows: its time, and whom a drill has to answer."""

import pytest

from drx.runbook.load import load_runbook
from drx.runbook.model import Runbook
from drx.runbook.timing import critical_path
from drx.runbook.ways import is_taken, ways

TEXT = """
runbook: x
title: x
inputs:
  way: {type: choice, choices: [near, far], default: near, ask: Which?}
  pace: {type: choice, choices: [fast, slow], default: fast, ask: How?}
  note: {ask: Why?}
steps:
  - {id: always, confirm: x, expect: 1m}
  - {id: near, confirm: x, expect: 10m, when: inputs.way == 'near'}
  - {id: far, confirm: x, expect: 7m, when: "{{ inputs.way == 'far' }}"}
  - {id: far-slow, confirm: x, expect: 30m, when: inputs.way == 'far' and inputs.pace == 'slow'}
  - {id: asks, confirm: x, expect: 2m, when: inputs.note == ''}
  - {id: waits, confirm: x, expect: 3m, when: steps.near.status == 'succeeded'}
"""


@pytest.fixture
def runbook() -> Runbook:
    read, problems = load_runbook(TEXT.encode(), "x.yaml")
    assert read is not None, problems
    return read


@pytest.mark.parametrize(
    ("inputs", "taken"),
    [
        ({}, "always near far far-slow asks waits"),
        ({"way": "near"}, "always near far-slow asks waits"),
        ({"way": "near", "pace": "slow"}, "always near asks waits"),
        ({"way": "far", "pace": "slow", "note": "because"}, "always far far-slow waits"),
    ],
)
def test_only_what_is_known_to_be_skipped_is_left_out(runbook: Runbook, inputs: dict[str, object], taken: str) -> None:
    assert " ".join(step.id for step in runbook.steps if is_taken(step.when, inputs)) == taken


def test_the_time_is_that_of_the_longest_way(runbook: Runbook) -> None:
    assert len(list(ways(runbook))) == 4
    timing = critical_path(runbook, lambda _: None)
    assert timing.path == ("always", "far", "far-slow", "asks", "waits")
    assert timing.expected.total_seconds() == (1 + 7 + 30 + 2 + 3) * 60


def test_too_many_ways_are_not_told_apart() -> None:
    many = "".join(f"  i{n}: {{type: choice, choices: [a, b], default: a, ask: x}}\n" for n in range(7))
    text = (
        f"runbook: x\ntitle: x\ninputs:\n{many}steps:\n  - {{id: s, confirm: x, expect: 1m, when: inputs.i0 == 'z'}}\n"
    )
    read, problems = load_runbook(text.encode(), "x.yaml")
    assert read is not None, problems
    assert list(ways(read)) == [{}]
    assert critical_path(read, lambda _: None).path == ("s",)
