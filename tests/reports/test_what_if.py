"""What another RPO takes, for any schedules: less loss never costs less, and what is advised is enough."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from drx.cli.plan.plan import make_plan
from drx.cli.project import load_project
from drx.reports.plan.shapes import RecoveryPlan
from drx.reports.plan.what_if import Cadence, what_if_rpo, what_if_rto

MINUTES = some.integers(0, 3000).map(lambda minutes: timedelta(minutes=minutes))
WANTED = some.one_of(MINUTES, some.timedeltas(timedelta(), timedelta(days=40)))
RUNBOOKS = {"slices": "hourly-incremental", "copies": "hourly-incremental", "bases": "nightly-backup"}
PAUSES = some.integers(1, 1500).map(lambda minutes: timedelta(minutes=minutes))


def cadences() -> some.SearchStrategy[dict[str, Cadence]]:
    """Slices and copies of one runbook, perhaps bases of another."""

    def made(pause: timedelta, limit: timedelta, copied: timedelta, bases: bool) -> dict[str, Cadence]:
        slices = Cadence(RUNBOOKS["slices"], "", pause, limit)
        found = {"slices": slices, "copies": replace(slices, limit=limit + copied)}
        return found | ({"bases": Cadence(RUNBOOKS["bases"], "", timedelta(days=1), limit)} if bases else {})

    return some.builds(made, PAUSES, MINUTES, MINUTES, some.booleans())


@pytest.fixture(scope="module")
def plan() -> RecoveryPlan:
    """This repository's own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(Path(__file__).parents[2])
        return make_plan(load_project(), None)


def _cost(answer: str) -> tuple[int, int]:
    """Give how dear the way is, 0 the dearest, and how many minutes lie between two runs."""
    ways = answer.partition("Ways, and what they cost:")[2].strip().splitlines()[2:]
    (way,) = [place for place, line in enumerate(ways) if "| this one" in line]
    pauses = [60 if cron == "0 *" else int(cron[2:]) for cron in re.findall(r'cron: "(\*/\d+|0 \*) ', answer)]
    return way, min(pauses, default=10**6)


@given(cadences(), WANTED, WANTED)
def test_a_smaller_rpo_never_costs_less(
    plan: RecoveryPlan, scheduled: dict[str, Cadence], one: timedelta, other: timedelta
) -> None:
    small, large = sorted((one, other))
    less, more = (what_if_rpo(plan, wanted, scheduled) for wanted in (small, large))
    assert _cost(less)[0] <= _cost(more)[0]
    if small >= timedelta(minutes=2):  # below, no schedule is advised
        assert _cost(less)[1] <= _cost(more)[1]
    assert less.count("| NO ") >= more.count("| NO ")


@given(WANTED, WANTED)
def test_a_smaller_rto_never_costs_less(plan: RecoveryPlan, one: timedelta, other: timedelta) -> None:
    small, large = sorted((one, other))
    less, more = what_if_rto(plan, small), what_if_rto(plan, large)
    assert _cost(less)[0] <= _cost(more)[0]
    assert less.count("| NO ") >= more.count("| NO ")
    assert less.count(" too long. ") >= more.count(" too long. ")
    assert ("- Nothing." in more) >= ("- Nothing." in less)


@given(cadences(), WANTED.filter(lambda wanted: wanted >= timedelta(minutes=2)))
def test_what_is_advised_is_enough(plan: RecoveryPlan, scheduled: dict[str, Cadence], wanted: timedelta) -> None:
    answer = what_if_rpo(plan, wanted, scheduled)
    pause = timedelta(minutes=_cost(answer)[1])
    assert pause <= wanted / 2 or "Run " not in answer  # half of it is left for the work
    allowed = wanted - min(pause, scheduled["slices"].pause)
    followed = {
        made: replace(each, pause=min(each.pause, pause), limit=min(each.limit, allowed))
        for made, each in scheduled.items()
    }
    assert ("- Nothing." in answer) is all(scheduled[made].worst <= wanted for made in ("slices", "copies"))
    assert "- Nothing." in what_if_rpo(plan, wanted, followed)
