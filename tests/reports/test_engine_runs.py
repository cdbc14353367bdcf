"""Runs that the engine itself decided, whatever went wrong in them: the figures say what the engine says."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as some

from drx.engine.events import Event, RunResumed, StepCancelled, StepFailed, StepStarted, StepSucceeded, StepTimedOut
from drx.engine.state import replay
from drx.engine.visit import Status, Undo
from drx.reports.facts import gather
from drx.reports.markdown import report_markdown
from drx.reports.shapes import Split, Word
from drx.reports.timeline import Category
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


def _parts(found: Split) -> list[timedelta]:
    return [getattr(found, category.value) for category in Category]


def _stretches(world: World) -> tuple[timedelta, timedelta]:
    """Give by the slow way how long nobody held the run, and how long an attempt went on while somebody did."""
    held, gone, working = set[tuple[str, int, str]](), timedelta(), timedelta()
    for before, event in pairwise(world.events):
        match before.fact:
            case StepStarted() as fact if not world.plan.steps[fact.step].is_group:
                held.add((fact.step, fact.visit, fact.part))
            case StepSucceeded() | StepFailed() | StepTimedOut() | StepCancelled() as fact:
                held.discard((fact.step, fact.visit, fact.part))
            case RunResumed():
                held.clear()
            case _:
                pass
        if isinstance(event.fact, RunResumed):
            gone += event.at - before.at
        elif held:
            working += event.at - before.at
    return gone, working


def _jumping(events: Sequence[Event], random: Random) -> list[Event]:
    """Set the clock, by seconds or by days, ahead or back, somewhere in a run."""
    found, shift = [], timedelta()
    for event in events:
        if random.random() < 0.1:
            shift += timedelta(seconds=random.choice([-86400, -61, -0.5, 0.5, 7, 86400]))
        found.append(replace(event, at=event.at + shift))
    return found


@settings(max_examples=80, deadline=None)
@given(some.integers(0, 2**32 - 1).map(Random), some.booleans(), some.sampled_from([0.0, 0.2, 0.6]))
def test_every_moment_of_a_run_counts_once_whatever_becomes_of_it(
    random: Random, unattended: bool, trouble: float
) -> None:
    """Branches side by side, retries, rollbacks, pauses, other hands, kills in each; and the clock set meanwhile."""
    world = World(random_plan(random), random, unattended=unattended, trouble=trouble)
    world.begin()
    world.run()
    whole = gather(world.plan, world.events).whole
    gone, working = _stretches(world)
    assert sum(_parts(whole), timedelta()) == whole.total == world.events[-1].at - world.events[0].at
    assert whole.gaps == gone
    assert whole.automation + whole.verification + whole.retries + whole.detection >= working
    assert whole.people <= whole.total - gone - working

    found = gather(world.plan, _jumping(world.events, random))
    for span in (found.whole, found.until_recovered):
        if span is not None:
            assert sum(_parts(span), timedelta()) == span.total
            assert min(_parts(span)) >= timedelta()
