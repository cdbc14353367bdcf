"""Facts that change no step: what was made and lost, what is to be done, when the clock began, what is only noted."""

from datetime import UTC, date, datetime

import pytest

from drx.engine.admit import admit
from drx.engine.events import (
    ActionItemAdded,
    ActionItemClosed,
    ClockStarted,
    Fact,
    InputGiven,
    MachineSlept,
    NoteAdded,
    NotificationFailed,
    NotificationSent,
    ReviewAnswered,
    RunFinished,
    TargetCreated,
    TargetLost,
)
from drx.engine.terms import Outcome
from tests.engine.script import ADA, A, script


def test_what_a_run_makes_and_what_it_loses_are_known_apart() -> None:
    run = script(A)
    run.tell(TargetCreated("mongo", "shop_recovered"))
    run.tell(TargetCreated("uploads", "shop"))
    run.tell(TargetCreated("mongo", "shop_recovered"))
    run.tell(TargetLost("mongo", "shop"))
    assert run.state.created == {("mongo", "shop_recovered"), ("uploads", "shop")}
    assert run.state.lost == {("mongo", "shop")}


def test_action_items_are_counted_and_closed_once_also_after_the_end() -> None:
    run = script(A)
    run.tell(ActionItemAdded("Test it", "ada", date(2026, 12, 1)))
    run.tell(ActionItemAdded("Write it", "ben", date(2026, 12, 1)))
    run.tell(RunFinished(Outcome.SUCCEEDED))
    assert run.state.open_items == {1, 2}
    assert admit(run.plan, run.state, ActionItemClosed(1, "done"), ADA) is None
    run.tell(ActionItemClosed(1, "done"))
    assert run.state.open_items == {2}
    assert admit(run.plan, run.state, ActionItemClosed(1, "done"), ADA) == "it has no open action item 1"
    run.tell(ActionItemAdded("Third", "ben", date(2026, 12, 1)))
    assert run.state.open_items == {2, 3}, "no number is given twice"


@pytest.mark.parametrize(
    "fact",
    [
        MachineSlept(9.0), NoteAdded("x"), ReviewAnswered("q", "a"), NotificationSent("c", "a"),
        NotificationFailed("c", "a", "e"),
    ],
)  # fmt: skip
def test_what_is_only_noted_changes_nothing(fact: Fact) -> None:
    run = script(A)
    run.started()
    before = run.state
    run.tell(fact)
    assert run.state == before


def test_the_clock_that_a_person_sets_is_the_runs_and_the_engine_sets_no_other() -> None:
    run = script(A)
    moment = datetime(2026, 11, 21, 7, tzinfo=UTC)
    run.tell(ClockStarted(moment, "person"))
    run.started()
    assert run.state.clock == ClockStarted(moment, "person")
    assert not any(isinstance(fact, ClockStarted) and fact.source == "run" for fact in run.facts)


@pytest.mark.parametrize(
    ("kind", "value", "refusal"),
    [
        ("integer", "7", None),
        ("integer", "7.5", "'7.5' is no whole number"),
        ("boolean", True, None),
        ("boolean", "yes", "'yes' is neither true nor false"),
        ("choice", "red", None),
        ("choice", "blue", "'blue' is none of: red, green"),
        ("text", " ", "it may not be empty"),
        ("duration", "5 bananas", "bananas"),
        ("datetime", "yesterday", "yesterday"),
    ],
)
def test_a_value_that_does_not_fit_its_input_is_refused(kind: str, value: object, refusal: str | None) -> None:
    spec = {"type": kind, "ask": "Which?"} | ({"choices": ["red", "green"]} if kind == "choice" else {})
    run = script(A, inputs={"it": spec})
    said = admit(run.plan, run.state, InputGiven("it", value), ADA)  # type: ignore[arg-type]
    assert said is None if refusal is None else refusal in str(said)
    assert admit(run.plan, run.state, InputGiven("other", value), ADA) == "there is no input 'other'"  # type: ignore[arg-type]
