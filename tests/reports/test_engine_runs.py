"""Runs that the engine itself decided, whatever went wrong in them: the figures say what the engine says."""

from datetime import datetime
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as some

from drx.engine.state import replay
from drx.engine.visit import Status, Undo
from drx.reports.facts import gather
from drx.reports.markdown import report_markdown
from drx.reports.shapes import Word
from tests.engine.plans import random_plan
from tests.engine.world import World

GOOD = frozenset({Word.PASSED, Word.RECOVERED, Word.SUCCEEDED})


@settings(max_examples=200, deadline=None)
@given(some.integers(0, 2**32 - 1).map(Random), some.booleans(), some.sampled_from([0.0, 0.2, 0.6]))
def test_the_figures_agree_with_the_engine(random: Random, unattended: bool, trouble: float) -> None:
    world = World(random_plan(random), random, unattended=unattended, trouble=trouble)
    world.begin()
    world.run()
    found, state = gather(world.plan, world.events), replay(world.plan, world.events)
    assert found.outcome is state.outcome
    assert (found.verdict.word in GOOD) <= (state.outcome == "succeeded")
    assert found.verdict.reason or found.verdict.word in GOOD
    shown = {(step.step, step.visit): step.status for step in found.steps if not step.rollback}
    visits = {(visit.step, visit.number): visit for every in state.visits.values() for visit in every}
    assert shown.keys() == visits.keys()
    for key, visit in visits.items():
        assert visit.status in (shown[key], Status.ROLLED_BACK)
    rolled_back = {(step.step, step.visit) for step in found.steps if step.status is Status.ROLLED_BACK}
    assert rolled_back == {key for key, visit in visits.items() if visit.status is Status.ROLLED_BACK}
    assert found.recovered_at == _recovered_at(world)
    assert report_markdown(found).startswith(f"# {found.verdict.word.value}: ")


def _recovered_at(world: World) -> datetime | None:
    """When the marked step last succeeded, unless it was come to again since, or anything was undone."""
    every = [visit for visits in world.state.visits.values() for visit in visits]
    marked = [visit for visit in every if world.plan.steps[visit.step].recovered]
    if not marked or any(visit.undo is not Undo.NONE for visit in every):
        return None
    newest = max(marked, key=lambda visit: visit.order)
    return newest.ended_at if newest.status is Status.SUCCEEDED else None
