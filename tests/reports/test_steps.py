"""Steps as a report shows them: how they ended, who answered, how they differed from the runbook."""

from dataclasses import replace

import pytest

from drx.engine.events import AbortRequested, PauseRequested, RunResumed, StepCancelled
from drx.engine.terms import Choice, Part
from drx.engine.visit import Status
from drx.reports.facts import gather
from drx.reports.shapes import DeviationKind
from tests.reports import runs
from tests.reports.builder import BEN, Journal, automated, drill_plan, human, incident_plan


@pytest.mark.parametrize(("took", "deviates"), [(14.9, False), (15.1, True)])
def test_short_steps_overrun_by_seconds(took: float, deviates: bool) -> None:
    journal = Journal(incident_plan(automated("a", expect=10))).does("a", took)
    assert [one.kind for one in gather(journal.plan, journal.events).deviations] == [DeviationKind.OVERRUN] * deviates


@pytest.mark.parametrize(("took", "deviates"), [(119.9, False), (120.1, True)])
def test_long_steps_overrun_by_their_share(took: float, deviates: bool) -> None:
    journal = Journal(incident_plan(automated("a", expect=100))).does("a", took)
    assert [one.kind for one in gather(journal.plan, journal.events).deviations] == [DeviationKind.OVERRUN] * deviates


def test_a_scripted_skip_is_part_of_the_plan() -> None:
    journal = Journal(drill_plan(human("a", "Do it."))).waits("a").answers("a", Choice.SKIP, scripted=True)
    assert gather(journal.plan, journal.events).deviations == ()


def test_what_is_rolled_back_keeps_how_it_ended() -> None:
    found = gather(runs.INCIDENT, runs.aborted_incident().events)
    rows = [(step.step, step.rollback, step.status) for step in found.steps if step.step in ("restore", "switch")]
    assert rows == [
        ("restore", False, Status.SUCCEEDED),
        ("switch", False, Status.CANCELLED),
        ("switch", True, Status.ROLLED_BACK),
        ("restore", True, Status.FAILED),
    ]


def test_an_interrupted_rollback_is_shown_as_such() -> None:
    plan = incident_plan(automated("a", rollback=True), human("b", "Wait."))
    journal = Journal(plan).does("a", 1).waits("b").add(AbortRequested("", "person"))
    journal.start("a", part=Part.ROLLBACK).after(1).add(RunResumed(1, unattended=False))
    statuses = [step.status for step in gather(plan, journal.events).steps]
    assert statuses == [Status.SUCCEEDED, Status.CANCELLED, Status.INTERRUPTED]
    journal.start("a", part=Part.ROLLBACK).add(PauseRequested("")).add(StepCancelled("a", 1, 1, Part.ROLLBACK))
    assert gather(plan, journal.events).steps[-1].status is Status.INTERRUPTED


def test_what_the_run_never_came_to_is_named() -> None:
    journal = Journal(runs.INCIDENT).does("reachable", 1)
    found = gather(runs.INCIDENT, journal.events)
    assert found.not_reached[:4] == ("declare", "dns", "save", "find")


def test_approvals_name_people_and_scripts() -> None:
    plan = replace(drill_plan(human("a", "Go?", kind="approve")), answers={"a": "approve"})
    found = gather(plan, Journal(plan).waits("a").ends("a", attempt=0).events)
    assert [(one.by, one.scripted) for one in found.approvals] == [("drill script", True)]
    plan = incident_plan(human("a", "Go?", kind="approve"))
    journal = Journal(plan).waits("a").answers("a", Choice.REJECT, reason="too early", by=BEN)
    found = gather(plan, journal.events)
    assert [(one.by, one.approved, one.reason) for one in found.approvals] == [("ben", False, "too early")]
    assert found.failures[0].error == "ben rejected it: too early"
