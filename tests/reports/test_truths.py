"""What a report may say of a bad night: who stopped it, what nobody did, what still makes sense."""

from datetime import timedelta

import pytest

from drx.engine.events import (
    AbortRequested,
    PauseRequested,
    RetryScheduled,
    RunFinished,
    RunResumed,
    StepSkipped,
)
from drx.engine.terms import Choice, Outcome, Part, QuestionKind
from drx.reports.facts import gather
from drx.reports.markdown import report_markdown
from drx.reports.shapes import DeviationKind, RunFacts, Word
from drx.reports.text import show_measured
from tests.reports.builder import BEN, Journal, automated, human, incident_plan, seconds


def facts_of(journal: Journal) -> RunFacts:
    """The figures of a journal."""
    return gather(journal.plan, journal.events)


@pytest.mark.parametrize(("reason", "deviates"), [("unattended: skip", True), ("when: false", False)])
def test_what_nobody_was_there_to_do_is_a_deviation(reason: str, deviates: bool) -> None:
    journal = Journal(incident_plan(human("declare", "Declare it."))).waits("declare")
    found = facts_of(journal.add(StepSkipped("declare", 1, reason)))
    assert [(one.kind, one.text) for one in found.deviations] == [
        (DeviationKind.SKIPPED, "nobody was there")
    ] * deviates


def test_a_stop_while_a_person_was_awaited_is_neither_a_kill_nor_a_gap() -> None:
    journal = Journal(incident_plan(human("look", "Look."))).waits("look").after(1200)
    journal.add(PauseRequested("stopped at once, by Ctrl-C twice")).after(30)
    journal.add(RunResumed(30, unattended=False), by=BEN).after(5).answers("look", Choice.DONE)
    found = facts_of(journal.add(RunFinished(Outcome.SUCCEEDED)))
    assert (found.whole.people, found.whole.gaps) == (seconds(1205), seconds(30))
    stop, overrun = found.deviations
    assert overrun.kind is DeviationKind.OVERRUN
    assert (stop.kind, stop.by, stop.text) == (DeviationKind.PAUSED, "anna", "stopped at once, by Ctrl-C twice")


@pytest.mark.parametrize(("source", "by"), [("person", "by anna"), ("signal", "by a signal")])
def test_an_abort_is_listed_with_who_and_why(source: str, by: str) -> None:
    journal = Journal(incident_plan(automated("a"))).does("a", 1)
    journal.add(AbortRequested("wrong server", source)).add(RunFinished(Outcome.ABORTED))  # type: ignore[arg-type]
    assert f"aborted {by}: wrong server." in report_markdown(facts_of(journal))


def test_the_engines_own_giving_up_is_no_deviation() -> None:
    journal = Journal(incident_plan(automated("a"))).start("a").fails("a", "no")
    journal.add(AbortRequested("a: no", "policy"), RunFinished(Outcome.FAILED))
    assert facts_of(journal).deviations == ()


def test_a_recovery_that_was_rolled_back_is_none() -> None:
    """The application was switched back with everything else: who reads 'recovered' then goes to bed."""
    plan = incident_plan(automated("switch", rollback=True), automated("served", recovered=True), automated("later"))
    journal = Journal(plan).does("switch", 1).does("served", 1).start("later").fails("later", "no")
    journal.add(AbortRequested("later: no", "policy"))
    assert facts_of(journal).rto.actual is not None
    journal.start("switch", part=Part.ROLLBACK).ends("switch", part=Part.ROLLBACK).add(RunFinished(Outcome.FAILED))
    found = facts_of(journal)
    assert (found.rto.actual, found.recovered_at) == (None, None)
    assert (found.verdict.word, found.verdict.reason) == (Word.NOT_RECOVERED, "later: no")


def _tried(journal: Journal, *errors: str) -> Journal:
    for attempt, error in enumerate(errors, 1):
        journal.start("a", attempt=attempt).after(1)
        journal.fails("a", error, "Take a base", "much output", attempt=attempt, artifacts=(f"a/{attempt}.txt",))
        if attempt < len(errors):
            journal.add(RetryScheduled("a", 1, journal.now))
    return journal


def test_the_same_failure_of_further_attempts_is_told_once() -> None:
    found = facts_of(_tried(Journal(incident_plan(automated("a"))), "no", "no", "no", "other", "no"))
    assert [(one.error, one.attempt, one.again) for one in found.failures] == [
        ("no", 1, (2, 3)),
        ("other", 4, ()),
        ("no", 5, ()),
    ]
    assert found.failures[0].artifacts == ("a/1.txt", "a/2.txt", "a/3.txt")
    report = report_markdown(found)
    assert "The same again: attempts 2, 3." in report
    assert report.count("much output") == 3


def test_advice_is_given_while_it_makes_sense() -> None:
    failed = _tried(Journal(incident_plan(automated("a"))), "no", "no")
    assert "What to do: Take a base." in report_markdown(facts_of(failed.add(RunFinished(Outcome.FAILED))))
    mended = _tried(Journal(incident_plan(automated("a"))), "no", "no").start("a", attempt=3).ends("a", attempt=3)
    assert "Take a base" not in report_markdown(facts_of(mended))
    aborted = _tried(Journal(incident_plan(automated("a"))), "no")
    aborted.add(AbortRequested("enough", "person"), RunFinished(Outcome.ABORTED))
    assert "Take a base" not in report_markdown(facts_of(aborted))


def test_a_step_is_not_late_because_a_person_thought() -> None:
    journal = Journal(incident_plan(automated("a", expect=1))).start("a").after(2).fails("a", "no").after(140)
    journal.answers("a", Choice.RETRY, question=QuestionKind.FAILURE).start("a", attempt=2).after(1).ends(
        "a", attempt=2
    )
    found = facts_of(journal)
    assert (found.steps[0].actual, found.steps[0].waited) == (seconds(3), seconds(140))
    assert DeviationKind.OVERRUN not in [one.kind for one in found.deviations]
    assert "waited 2m 20s for a person" in report_markdown(found)


def test_a_gap_before_the_answer_is_no_wait() -> None:
    journal = Journal(incident_plan(automated("a"))).start("a").after(2).fails("a", "no").after(3)
    journal.add(PauseRequested("stopped")).after(100).add(RunResumed(100, unattended=False)).after(7)
    journal.answers("a", Choice.SKIP, question=QuestionKind.FAILURE)
    step = facts_of(journal).steps[0]
    assert (step.actual, step.waited) == (seconds(2), seconds(10))


def test_figures_are_rounded_in_one_way() -> None:
    journal = Journal(incident_plan(automated("a", recovered=True))).does("a", 49.986)
    report = report_markdown(facts_of(journal.add(RunFinished(Outcome.SUCCEEDED))))
    assert "RTA 00:00:50 (RTO 2h)" in report
    assert "00:00:49.986" in report
    assert " 50.0s" in report


def test_nothing_looks_faster_than_it_was() -> None:
    """Neither a recovery that was too late by a moment, nor a loss of less than a second."""
    plan = incident_plan(automated("a", recovered=True))
    late = facts_of(Journal(plan).does("a", 7200.2).add(RunFinished(Outcome.SUCCEEDED)))
    assert "RTA 02:00:01 (RTO 2h, missed)" in report_markdown(late)
    assert show_measured(timedelta(milliseconds=376)) == "00:00:01"
    assert show_measured(timedelta(0)) == "00:00:00"
