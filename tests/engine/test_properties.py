"""Whatever happens, a run ends, does nothing twice unasked, and forgets no rollback and no cleanup."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from drx.engine.decide import decide
from drx.engine.events import (
    AbortRequested,
    Answered,
    RetryScheduled,
    RunFinished,
    RunResumed,
    StepFailed,
    StepStarted,
    StepSucceeded,
)
from drx.engine.plan import Automated, Phase, Plan, call_of
from drx.engine.state import replay
from drx.engine.terms import Choice, Outcome, Part
from drx.engine.visit import Status, Undo
from tests.engine.plans import random_plan
from tests.engine.world import World, attempts_of

randoms = st.integers(min_value=0, max_value=2**32 - 1).map(Random)
many = settings(max_examples=300, deadline=None)


def finished(random: Random, *, unattended: bool, trouble: float) -> World:
    world = World(random_plan(random), random, unattended=unattended, trouble=trouble)
    world.begin()
    world.run()
    return world


@many
@given(randoms, st.booleans(), st.sampled_from([0.0, 0.2, 0.6]))
def test_every_run_ends_and_its_journal_says_the_same(random: Random, unattended: bool, trouble: float) -> None:
    world = finished(random, unattended=unattended, trouble=trouble)
    assert isinstance(world.events[-1].fact, RunFinished)
    assert replay(world.plan, world.events) == world.state
    assert not world.state.in_flight


@many
@given(randoms, st.booleans(), st.sampled_from([0.2, 0.6]))
def test_nothing_runs_twice_without_being_told_to(random: Random, unattended: bool, trouble: float) -> None:
    world = finished(random, unattended=unattended, trouble=trouble)
    told: set[str] = set()
    worked: set[str] = set()
    again = set(world.plan.steps)
    for event in world.events:
        match event.fact:
            case RetryScheduled(step=step):
                told.add(step)
            case Answered(step=step, choice=Choice.RETRY):
                told |= {step} | {each for each in again if _inside(world.plan, each, step)}
            case Answered(choice=Choice.GOTO, value=value):
                told |= again - {"fault"}
                assert value in world.plan.steps
            case StepSucceeded(part=Part.WORK, step=step) | Answered(choice=Choice.DONE, step=step):
                again -= {step} - {each for each in worked if _may_repeat(world.plan, each)}
            case RunResumed():
                told |= {step for step in worked if _may_repeat(world.plan, step)}
            case StepStarted(part=Part.WORK, step=step) if isinstance(world.plan.steps[step].work, Automated):
                assert step not in worked or step in told, f"{step} ran twice unasked"
                told.discard(step)
                worked.add(step)
                again.add(step)  # until this attempt has succeeded, what an earlier one did was not enough


def _inside(plan: Plan, step: str, group: str) -> bool:
    place = plan.places[step].group
    return place is not None and (place == group or _inside(plan, place, group))


def _may_repeat(plan: Plan, step: str) -> bool:
    call = call_of(plan.steps[step], Part.WORK)
    return call is not None and call.repeatable


@many
@given(randoms, st.booleans(), st.sampled_from([0.2, 0.6]))
def test_an_aborted_run_rolls_back_everything_newest_first_and_then_cleans_up(
    random: Random, unattended: bool, trouble: float
) -> None:
    world = finished(random, unattended=unattended, trouble=trouble)
    plan, state = world.plan, world.state
    assert {step.id for step in plan.cleanup} <= set(state.visits), "a cleanup step was left out"
    undone = [(fact.step, fact.visit) for fact in attempts_of(world.events, Part.ROLLBACK)]
    if state.abort is None:
        assert undone == []
        return
    owed = [visit for visits in state.visits.values() for visit in visits if visit.affected and _owed(plan, visit.step)]
    assert all(visit.undo in (Undo.DONE, Undo.FAILED) for visit in owed)
    newest_first = [(v.step, v.number) for v in sorted(owed, key=lambda visit: visit.order, reverse=True)]
    assert list(dict.fromkeys(undone)) == [pair for pair in newest_first if pair in undone]
    aborted = next(index for index, event in enumerate(world.events) if isinstance(event.fact, AbortRequested))
    for event in world.events[aborted:]:
        if isinstance(event.fact, StepStarted) and event.fact.part is not Part.ROLLBACK:
            assert _in_cleanup(plan, event.fact.step)


def _owed(plan: Plan, step: str) -> bool:
    return call_of(plan.steps[step], Part.ROLLBACK) is not None and not _in_cleanup(plan, step)


def _in_cleanup(plan: Plan, step: str) -> bool:
    return plan.steps[step].phase is Phase.CLEANUP


@settings(max_examples=60, deadline=None)
@given(randoms, st.booleans())
def test_a_run_resumed_from_any_prefix_of_its_journal_ends(random: Random, unattended: bool) -> None:
    whole = finished(random, unattended=unattended, trouble=0.3)
    for length in range(1, len(whole.events), max(1, len(whole.events) // 12)):
        prefix = World(whole.plan, Random(length), unattended=unattended, trouble=0.1)
        for event in whole.events[:length]:
            prefix.now = max(prefix.now, event.at)
            prefix.tell(event.fact, event.by.user)
        if prefix.state.outcome is None:
            prefix.resume()
            prefix.run()


@many
@given(randoms)
def test_deciding_again_at_the_same_moment_gives_the_same(random: Random) -> None:
    world = World(random_plan(random), random, unattended=random.random() < 0.5)
    world.begin()
    while world.state.outcome is None:
        assert decide(world.plan, world.state, world.now) == decide(world.plan, world.state, world.now)
        world.step()


@many
@given(randoms)
def test_a_run_without_trouble_succeeds_and_every_step_has_its_visit(random: Random) -> None:
    world = World(random_plan(random), random, unattended=True, trouble=0.0)
    world.begin()
    world.run()
    if any(isinstance(event.fact, StepFailed) for event in world.events):
        return
    if world.state.abort is not None:
        assert world.state.abort.reason.startswith("input moment")
        return
    assert world.state.outcome is Outcome.SUCCEEDED
    reachable = {step.id for step in world.plan.steps.values() if not _under_skipped(world, step.id)}
    assert reachable <= set(world.state.visits)


def _under_skipped(world: World, step: str) -> bool:
    group = world.plan.places[step].group
    if group is None:
        return False
    visits = world.state.visits.get(group)
    return _under_skipped(world, group) or (visits is not None and visits[-1].status is Status.SKIPPED)
