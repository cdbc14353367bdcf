"""Decide the next command. Pure: no clock, no I/O."""

from datetime import datetime

from drx.engine.advance import advance
from drx.engine.commands import CancelReason, Decision, Finish, Pause
from drx.engine.draft import Draft, Progress
from drx.engine.events import ClockStarted, StepFailed
from drx.engine.plan import CLEANUP, MAIN, Phase, Plan, call_of
from drx.engine.questions import failure_text
from drx.engine.state import State
from drx.engine.terms import FailureKind, Mode, Outcome, Part
from drx.engine.visit import BROKEN, Status, Undo, Visit
from drx.engine.walk import Walk, ends, give_up
from drx.units import parse_time, show_duration


def decide(plan: Plan, state: State, now: datetime) -> Decision:
    """Say what to do next: record facts, start or cancel attempts, ask, wait, pause or finish.

    Invariants, whatever the facts were: an attempt starts only where none of its step is in flight; while the run
    pauses or aborts nothing but rollback and cleanup starts; every visit whose work started is rolled back before
    the cleanup of an aborted run; the cleanup runs before every Finish.
    """
    here = Walk(plan, state, Draft(now))
    if state.pausing:
        return here.draft.next() if _stop_all(here) else Pause()
    _start_clock(here)
    if state.abort is not None:
        progress = _undo(here)
    elif _out_of_time(here):
        assert plan.timeout is not None, "only then time can be over"
        progress = here.draft.record(give_up(f"the run was not done after {show_duration(plan.timeout)}, its timeout"))
    else:
        progress = advance(here, MAIN, plan.main, owner=0)
        if progress is Progress.FAILED:
            here.draft.record(give_up(_reason_to_give_up(here)))
    if progress is Progress.DONE:
        progress = advance(here, CLEANUP, plan.cleanup, owner=0)
    if progress is not Progress.DONE or here.draft.facts:
        return here.draft.next()
    return _finish(plan, state)


def _out_of_time(here: Walk) -> bool:
    """Whether the time of a run that nobody attends is over before its steps are done; else look again then."""
    ends_at = ends(here.plan, here.state)
    if ends_at is None or here.state.cleaning:
        return False
    if here.draft.now < ends_at:
        here.draft.wake(ends_at)
        return False
    return True


def _start_clock(here: Walk) -> None:
    """The clock starts at the fault in a drill, else at the input that says so, else with the run."""
    plan, state = here.plan, here.state
    if state.clock is not None or state.started_at is None:
        return
    if plan.mode is Mode.DRILL:
        fault = state.latest("fault")
        if fault is not None and fault.status is Status.SUCCEEDED and fault.ended_at is not None:
            here.draft.record(ClockStarted(_moment(fault.outputs.get("at"), fault.ended_at), "fault"))
        return
    starters = [spec.name for spec in plan.inputs if spec.starts_clock and "/" not in spec.name]
    if not starters:
        here.draft.record(ClockStarted(state.started_at, "run"))
    elif starters[0] in state.inputs:
        here.draft.record(ClockStarted(_moment(state.inputs[starters[0]], state.started_at), "input"))


def _moment(value: object, otherwise: datetime) -> datetime:
    try:
        return parse_time(str(value))
    except ValueError:
        return otherwise


def _stop_all(here: Walk) -> bool:
    """Tell every running attempt to stop; whether any still runs."""
    since = here.state.stopping_since or here.draft.now
    for step in sorted(here.state.in_flight):
        for visit in here.state.visits[step]:
            if visit.in_flight:
                here.draft.stop(visit, CancelReason.STOPPING, since)
    return bool(here.state.in_flight)


def _undo(here: Walk) -> Progress:
    """Roll back, newest first, every visit whose work has started, however it ended; one at a time."""
    if here.state.cleaning:
        return Progress.DONE
    in_flight = [v for step in here.state.in_flight for v in here.state.visits[step] if v.in_flight]
    if any(visit.part is not Part.ROLLBACK for visit in in_flight):
        _stop_all(here)
        return Progress.BUSY
    if in_flight:
        return _running_rollback(here, in_flight[0])
    visits = [visit for all_visits in here.state.visits.values() for visit in all_visits if visit.affected]
    for visit in sorted(visits, key=lambda visit: visit.order, reverse=True):
        call = call_of(here.plan.steps[visit.step], Part.ROLLBACK)
        if call is None or visit.undo in (Undo.DONE, Undo.FAILED):
            continue
        if visit.undo is Undo.INTERRUPTED and not call.repeatable:
            error = "The rollback was interrupted, and nobody knows how it ended"
            return here.draft.record(
                StepFailed(visit.step, visit.number, visit.attempt, Part.ROLLBACK, error, kind=FailureKind.HUMAN_NEEDED)
            )
        return here.draft.start(visit, Part.ROLLBACK)
    return Progress.DONE


def _running_rollback(here: Walk, visit: Visit) -> Progress:
    timeout = here.plan.steps[visit.step].timeout
    if timeout is None or visit.began_at is None:
        return Progress.BUSY
    if here.draft.now < visit.began_at + timeout:
        return here.draft.wake(visit.began_at + timeout)
    return here.draft.stop(visit, CancelReason.TIMEOUT, visit.began_at + timeout)


def _reason_to_give_up(here: Walk) -> str:
    step = here.state.cursors[(MAIN, 0)]
    visit = here.state.latest(step)
    return f"{step}: {failure_text(here.plan.steps[step], visit)}" if visit else step


def _finish(plan: Plan, state: State) -> Finish:
    if state.abort is not None:
        by_hand = state.abort.source != "policy"
        return Finish(Outcome.ABORTED if by_hand else Outcome.FAILED, state.abort.reason)
    for step in plan.steps.values():
        visit = state.latest(step.id)
        if step.phase is Phase.PASS and visit is not None and visit.status in BROKEN:
            return Finish(Outcome.FAILED, f"{step.id}: {failure_text(step, visit)}")
    return Finish(Outcome.SUCCEEDED)
