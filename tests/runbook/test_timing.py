"""The critical path: sums in sequence, the longest branch, nested runbooks, retries."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drx.runbook.load import load_runbook
from drx.runbook.model import Retry, Runbook
from drx.runbook.timing import LONGEST, critical_path, wait_after, waits


def runbook(*steps: str, prechecks: str = "[]") -> Runbook:
    text = f"runbook: x\ntitle: x\nprechecks: {prechecks}\nsteps:\n" + "".join(f"  - {step}\n" for step in steps)
    read, problems = load_runbook(text.encode(), "x.yaml")
    assert read is not None, problems
    return read


def minutes(value: timedelta) -> float:
    return value.total_seconds() / 60


def test_the_path_runs_from_the_prechecks_to_the_step_that_recovers() -> None:
    timing = critical_path(
        runbook(
            "{id: a, confirm: x, expect: 1m}",
            "{id: b, parallel: {x: [{id: c, confirm: x, expect: 5m}], y: [{id: d, confirm: x, expect: 2m}]}}",
            "{id: e, confirm: x, expect: 1m, recovered: true}",
            "{id: f, confirm: x, expect: 50m}",
            prechecks="[{id: p, confirm: x, expect: 3m}]",
        ),
        lambda _: None,
    )
    assert minutes(timing.expected) == 10
    assert timing.path == ("p", "a", "c", "e")
    assert timing.recovers


def test_the_branch_that_recovers_decides_even_where_another_is_longer() -> None:
    timing = critical_path(
        runbook(
            "{id: b, parallel: {x: [{id: c, confirm: x, expect: 5m}], "
            "y: [{id: d, confirm: x, expect: 2m, recovered: true}, {id: e, confirm: x, expect: 9m}]}}",
            "{id: f, confirm: x, expect: 1m}",
        ),
        lambda _: None,
    )
    assert (minutes(timing.expected), timing.path, timing.recovers) == (2, ("d",), True)


def test_retries_count_with_their_waits() -> None:
    timing = critical_path(
        runbook("{id: a, action: x, expect: 10m, retry: {attempts: 3, wait: 1m, backoff: 2}}"), lambda _: None
    )
    assert (minutes(timing.expected), minutes(timing.with_retries)) == (10, 33)


def test_a_nested_runbook_counts_whole_and_a_circle_ends() -> None:
    inner = runbook("{id: i, confirm: x, expect: 4m, recovered: true}", "{id: j, confirm: x, expect: 3m}",
                    "{id: again, runbook: inner}")  # fmt: skip
    outer = runbook("{id: n, runbook: inner}", "{id: missing, runbook: other}", "{id: z, confirm: x, expect: 1m}")
    timing = critical_path(outer, {"inner": inner}.get)
    assert minutes(timing.expected) == 8
    assert timing.path == ("n/i", "n/j", "n/again", "missing", "z")
    assert not timing.recovers


def test_absurd_times_do_not_overflow() -> None:
    retry = "retry: {attempts: 100, wait: 36000d, backoff: 10}"
    steps = [f"{{id: s{number}, action: x, expect: 36000d, {retry}}}" for number in range(4)]
    timing = critical_path(runbook(*steps), lambda _: None)
    assert timing.expected == timing.with_retries == LONGEST


def test_a_wait_grows_up_to_a_bound() -> None:
    assert wait_after(1, timedelta(seconds=5), 10) == timedelta(seconds=5)
    assert wait_after(3, timedelta(seconds=5), 2) == timedelta(seconds=20)
    assert wait_after(99, timedelta(days=36_000), 10) == LONGEST


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 0), (2, 10), (3, 30), (4, 70)])
def test_waits_grow_by_the_factor(attempts: int, seconds: int) -> None:
    assert waits(Retry(attempts=attempts, wait=timedelta(seconds=10), backoff=2)) == timedelta(seconds=seconds)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 600), min_size=1, max_size=4), min_size=1, max_size=4))
def test_a_group_takes_as_long_as_its_longest_branch(branches: list[list[int]]) -> None:
    def step(branch: int, place: int, seconds: int) -> str:
        return f"{{id: s{branch}-{place}, confirm: x, expect: {seconds}s}}"

    text = ", ".join(
        f"b{number}: [{', '.join(step(number, place, seconds) for place, seconds in enumerate(branch))}]"
        for number, branch in enumerate(branches)
    )
    timing = critical_path(runbook(f"{{id: g, parallel: {{{text}}}}}"), lambda _: None)
    assert timing.expected == timedelta(seconds=max(map(sum, branches)))
    assert timing.with_retries == timing.expected
