"""A run as spans: nested as its steps are, whole over a resume, with every attempt as an event."""

from drx.engine.events import RetryScheduled, RunFinished, RunResumed, StepFailed, StepSkipped
from drx.engine.plan import Plan
from drx.engine.terms import Mode, Outcome, Part
from drx.reports.facts import gather
from drx.reports.trace import Stretch, trace_of
from tests.reports.builder import BEN, Journal, automated, group, seconds

PLAN = Plan(
    runbook="outage",
    title="Nothing answers",
    mode=Mode.INCIDENT,
    main=(automated("look"), group("both", one=(automated("both/a"),), two=(automated("both/b", rollback=True),))),
    cleanup=(automated("tidy"),),
)


def _trace(journal: Journal) -> dict[str, Stretch]:
    events = journal.events
    return {each.name: each for each in trace_of(PLAN, "shop", gather(PLAN, events), events)}


def _told() -> Journal:
    """A retry, a kill in the middle of a group, a resume an hour later, a failure, a rollback."""
    journal = Journal(PLAN)
    journal.start("look").after(1).add(StepFailed("look", 1, 1, Part.WORK, "no route", "Look at the cable"))
    journal.add(RetryScheduled("look", 1, journal.now + seconds(5))).after(5)
    journal.start("look", attempt=2).after(1).ends("look", attempt=2)
    journal.start("both").start("both/a").start("both/b").after(2).ends("both/a")
    journal.after(3600).add(RunResumed(3600.0, unattended=True), by=BEN)
    journal.start("both/b", attempt=2).after(1).add(StepFailed("both/b", 1, 2, Part.WORK, "it broke"))
    journal.add(StepFailed("both", 1, 1, Part.WORK, "both/b failed"))
    journal.start("both/b", part=Part.ROLLBACK).after(1).ends("both/b", part=Part.ROLLBACK)
    journal.add(StepSkipped("tidy", 1, "nothing to tidy"))
    return journal.add(RunFinished(Outcome.FAILED))


def test_spans_are_nested_as_steps_are() -> None:
    trace = _trace(_told())
    names = list(trace)
    parents = {name: None if each.parent is None else names[each.parent] for name, each in trace.items()}
    assert parents == {
        "outage": None,
        "look": "outage",
        "both": "outage",
        "both/a": "both",
        "both/b": "both",
        "both/b (rollback)": "both",
        "tidy": "outage",
    }


def test_every_attempt_is_an_event_and_only_what_ended_badly_an_error() -> None:
    trace = _trace(_told())
    look = trace["look"]
    assert [moment.name for moment in look.moments] == ["attempt", "exception", "retry", "attempt", "succeeded"]
    assert look.moments[1].attributes["exception.message"] == "no route"
    assert look.moments[2].attributes == {"drx.wait_seconds": 5.0}
    errors = {name: each.error for name, each in trace.items() if each.error}
    assert errors.pop("outage")
    assert errors == {"both": "both/b failed", "both/b": "it broke"}
    assert [moment.name for moment in trace["tidy"].moments] == ["skipped"]


def test_a_resumed_run_is_one_trace() -> None:
    journal = _told()
    trace = _trace(journal)
    root, step = trace["outage"], trace["both/b"]
    assert root.began == journal.events[0].at
    assert root.ended - root.began == seconds(3611)
    assert [(moment.name, dict(moment.attributes)) for moment in root.moments] == [
        ("resumed", {"drx.gap_seconds": 3600.0, "drx.by": "ben"})
    ]
    assert step.ended - step.began == seconds(3603), "it began before the kill and ended after it"


def test_neither_parameters_nor_outputs_are_told() -> None:
    journal = Journal(PLAN).start("look", {"query": "by-parameter"}).after(1).ends("look", {"found": "by-output"})
    shown = repr(_trace(journal.add(RunFinished(Outcome.SUCCEEDED))))
    assert "by-parameter" not in shown
    assert "by-output" not in shown
    assert "look" in shown
