"""What a run's events amount to: the clock, the objectives, the verdict, the deviations."""

import time
from dataclasses import replace

import pytest

from drx.engine.events import (
    AbortRequested,
    ClockStarted,
    Event,
    NoteAdded,
    PauseRequested,
    RetryScheduled,
    RunFinished,
    RunPaused,
    RunResumed,
    StepSkipped,
)
from drx.engine.plan import Phase
from drx.engine.terms import Choice, Mode, Outcome, QuestionKind
from drx.engine.visit import Status
from drx.reports.document import report_json
from drx.reports.facts import gather
from drx.reports.markdown import report_markdown
from drx.reports.shapes import DeviationKind, RunFacts, Word
from drx.reports.verdict import verdict_lines
from tests.reports.builder import ANNA, BEN, START, Journal, automated, drill_plan, human, incident_plan, seconds

SERVED = automated("served", recovered=True)
SUCCEEDED = RunFinished(Outcome.SUCCEEDED)


def drill(*, took: float = 10, lost: float | None = 1, rto: float | None = 20, rpo: float | None = 5) -> RunFacts:
    """A drill that recovers after so many seconds and loses so many seconds of writes."""
    plan = drill_plan(automated("fault", phase=Phase.FAULT), SERVED, rto=rto, rpo=rpo)
    journal = Journal(plan).start("fault")
    struck = journal.now
    journal.ends("fault").add(ClockStarted(struck, "fault")).start("served").after(took)
    journal.ends("served", proven_until=None if lost is None else struck - seconds(lost))
    return gather(plan, journal.add(SUCCEEDED).events)


@pytest.mark.parametrize(
    ("found", "word", "reason", "missed"),
    [
        (drill(), Word.PASSED, "", False),
        (drill(took=20, lost=5), Word.PASSED, "", False),
        (drill(took=21), Word.FAILED, "the RTA of 00:00:21 is over the RTO of 20s", True),
        (drill(lost=6), Word.FAILED, "the RPA of 00:00:06 is over the RPO of 5s", True),
        (drill(lost=None), Word.FAILED, "the RPA was not measured", True),
        (drill(lost=None, rpo=None), Word.PASSED, "", False),
        (drill(took=999, lost=99, rto=None, rpo=None), Word.PASSED, "", False),
        (
            drill(took=21, lost=6),
            Word.FAILED,
            "the RTA of 00:00:21 is over the RTO of 20s; the RPA of 00:00:06 is over the RPO of 5s",
            True,
        ),
    ],
)
def test_a_drill_passes_only_within_its_objectives(found: RunFacts, word: Word, reason: str, missed: bool) -> None:
    assert (found.verdict.word, found.verdict.reason, found.objective_missed) == (word, reason, missed)
    assert bool(found.verdict.remedy) == bool(reason)


def test_a_drill_without_a_marked_recovery_has_not_measured_its_rta() -> None:
    journal = Journal(drill_plan(automated("a"), rpo=None)).does("a", 1).add(SUCCEEDED)
    assert gather(journal.plan, journal.events).verdict.reason == "the RTA was not measured"


def test_writes_proven_past_the_incident_are_no_negative_loss() -> None:
    assert drill(lost=-3).rpo.actual == seconds(0)


def test_an_incident_is_recovered_even_where_an_objective_was_missed() -> None:
    journal = Journal(incident_plan(SERVED, rto=5, rpo=60)).start("served").after(6)
    found = gather(journal.plan, journal.ends("served", proven_until=START).add(SUCCEEDED).events)
    assert (found.verdict.word, found.objective_missed) == (Word.RECOVERED, True)
    assert verdict_lines(found)[-1].endswith("RTA 00:00:06 (RTO 5s, missed)   RPA 00:00:00 (RPO 1m)")


def test_an_incident_that_never_measured_its_rpa_says_so() -> None:
    journal = Journal(incident_plan(SERVED)).does("served", 6).add(SUCCEEDED)
    found = gather(journal.plan, journal.events)
    assert (found.verdict.word, found.objective_missed) == (Word.RECOVERED, False)
    assert "RPA not measured (RPO 1h)" in verdict_lines(found)[-1]


@pytest.mark.parametrize(
    ("mode", "outcome", "word"),
    [
        (Mode.OPERATION, Outcome.SUCCEEDED, Word.SUCCEEDED),
        (Mode.OPERATION, Outcome.FAILED, Word.FAILED),
        (Mode.TABLETOP, Outcome.SUCCEEDED, Word.SUCCEEDED),
    ],
)
def test_routine_work_succeeds_or_fails(mode: Mode, outcome: Outcome, word: Word) -> None:
    plan = replace(incident_plan(automated("a")), mode=mode)
    found = gather(plan, Journal(plan).does("a", 1).add(RunFinished(outcome)).events)
    assert (found.verdict.word, found.objective_missed) == (word, False)


def test_an_operation_has_no_incident_to_count_from() -> None:
    plan = replace(incident_plan(SERVED), mode=Mode.OPERATION)
    journal = Journal(plan).start("served").after(9).ends("served", proven_until=START - seconds(99999))
    found = gather(plan, journal.add(SUCCEEDED).events)
    assert verdict_lines(found) == ("SUCCEEDED",)
    assert "Proof: step `served`" in report_markdown(found)


def test_a_phrase_longer_than_a_line_is_broken() -> None:
    plan = drill_plan(automated("judge", phase=Phase.PASS), rto=None, rpo=None)
    journal = Journal(plan).does("judge", 1, {"summary": "word " * 40})
    lines = verdict_lines(gather(plan, journal.add(SUCCEEDED).events))
    assert len(lines) == 3
    assert "".join(lines).split() == ["PASSED", *["word"] * 40]


def test_what_was_measured_is_shown_without_a_target_too() -> None:
    assert verdict_lines(drill(rto=None, rpo=None)) == ("PASSED   RTA 00:00:10   RPA 00:00:01",)


def test_skipping_the_recovery_is_no_recovery() -> None:
    journal = Journal(incident_plan(automated("a"), SERVED)).does("a", 1)
    journal.add(StepSkipped("served", 1, "when: false"), SUCCEEDED)
    found = gather(journal.plan, journal.events)
    assert (found.verdict.word, found.verdict.step) == (Word.NOT_RECOVERED, "served")
    assert found.objective_missed
    assert found.rto.actual is None


def test_the_newest_visit_of_the_recovery_counts() -> None:
    plan = incident_plan(automated("a"), SERVED)
    journal = Journal(plan).does("a", 1).does("served", 2).start("a", visit=2).after(3).ends("a", visit=2)
    journal.start("served", visit=2).after(4)
    assert gather(plan, journal.events).recovered_at is None
    assert gather(plan, journal.ends("served", visit=2).events).rto.actual == seconds(10)


def test_the_clock_follows_its_newest_correction() -> None:
    journal = Journal(incident_plan(SERVED)).add(ClockStarted(START, "run")).does("served", 5)
    journal.add(ClockStarted(START - seconds(60), "person"), SUCCEEDED)
    found = gather(journal.plan, journal.events)
    assert (found.rto.actual, found.clock.source) == (seconds(65), "person")
    assert [deviation.kind for deviation in found.deviations] == [DeviationKind.CLOCK_CORRECTED]


def test_only_checks_after_the_incident_prove_writes() -> None:
    plan = drill_plan(automated("base", phase=Phase.SETUP), automated("judge", phase=Phase.PASS), SERVED)
    journal = Journal(plan).start("base").ends("base", proven_until=START)
    assert gather(plan, journal.events).proof is None
    journal.start("judge", {"collection": "images", "limit": 3}).ends("judge", proven_until=START - seconds(2))
    proof = gather(plan, journal.events).proof
    assert proof is not None
    assert (proof.step, proof.parameters) == ("judge", {"collection": "images", "limit": "3"})


@pytest.mark.parametrize(
    ("source", "word", "reason"),
    [
        ("person", Word.ABORTED, "by anna: enough"),
        ("signal", Word.ABORTED, "by a signal: enough"),
    ],
)
def test_an_aborted_run_says_who_wanted_it(source: str, word: Word, reason: str) -> None:
    journal = Journal(incident_plan(SERVED)).add(AbortRequested("enough", "person"))
    journal.events[-1] = replace(journal.events[-1], fact=AbortRequested("enough", source))  # type: ignore[arg-type]
    found = gather(journal.plan, journal.add(RunFinished(Outcome.ABORTED, "enough")).events)
    assert (found.verdict.word, found.verdict.reason) == (word, reason)


def test_a_failure_after_the_recovery_is_not_hidden() -> None:
    journal = Journal(incident_plan(SERVED, automated("later"))).does("served", 1).start("later").fails("later", "no")
    journal.add(AbortRequested("later: no", "policy"), RunFinished(Outcome.FAILED, "later: no"))
    found = gather(journal.plan, journal.events)
    assert (found.verdict.word, found.verdict.reason) == (Word.FAILED, "recovered, but then later: no")


def test_a_failed_run_names_every_failed_check_but_not_what_was_mended() -> None:
    plan = drill_plan(automated("a"), SERVED, *(automated(name, phase=Phase.PASS) for name in ("one", "two", "three")))
    journal = Journal(plan).start("a").fails("a", "at first").add(RetryScheduled("a", 1, START))
    journal.start("a", attempt=2).ends("a", attempt=2).does("served", 1).start("one").fails("one", "3 missing", "Look")
    journal.does("two", 1, {"orphans": 0}).start("three").fails("three", "1 differs")
    found = gather(plan, journal.add(RunFinished(Outcome.FAILED, "one: 3 missing")).events)
    assert found.verdict.reason == "one: 3 missing (and 1 more)"
    assert found.verdict.remedy == "Look"
    assert [check.status for check in found.checks] == [Status.FAILED, Status.SUCCEEDED, Status.FAILED]
    assert verdict_lines(found)[-1].endswith("0 orphans")


def test_a_run_that_failed_without_a_failing_step_gives_the_runs_own_reason() -> None:
    journal = Journal(drill_plan(SERVED)).add(AbortRequested("the input x has no value", "policy"))
    found = gather(journal.plan, journal.add(RunFinished(Outcome.FAILED, "the input x has no value")).events)
    assert found.verdict.reason == "the input x has no value"


def test_a_paused_run_says_who_left_it_where_and_how_to_go_on() -> None:
    journal = Journal(incident_plan(automated("a"), human("b", "Do it."))).does("a", 1).waits("b").after(5)
    journal.add(PauseRequested("lunch"), RunPaused()).after(900).add(NoteAdded("still at lunch"), by=BEN)
    found = gather(journal.plan, journal.events)
    assert verdict_lines(found)[0] == "PAUSED   anna left it at b"
    assert found.verdict.remedy == "Go on: drx resume 2026-11-21T0800Z-db-drop-7f3a"
    assert found.whole.total == seconds(6)


def test_a_killed_run_is_unfinished_and_its_resume_is_a_deviation() -> None:
    journal = Journal(incident_plan(automated("a"))).start("a")
    assert gather(journal.plan, journal.events).verdict.reason == "the journal ends at a"
    journal.after(30).add(RunResumed(30, unattended=False), by=BEN)
    found = gather(journal.plan, journal.events)
    assert found.steps[0].status is Status.INTERRUPTED
    (ended,) = found.deviations
    assert (ended.kind, ended.by) == (DeviationKind.KILLED, ""), "nobody knows who ended it"
    assert ended.text == "the last sign of life is 30s older; ben went on"


def test_nothing_but_a_start_is_unfinished() -> None:
    journal = Journal(incident_plan(SERVED))
    found = gather(journal.plan, journal.events)
    assert found.verdict.reason == "the journal ends before the first step"
    assert "\n## Steps\n" in report_markdown(found)


def test_a_journal_without_a_start_is_refused() -> None:
    journal = Journal(incident_plan(SERVED))
    for events in ([], [Event(1, START, 0, ANNA, NoteAdded("x"))]):
        with pytest.raises(ValueError, match="begin with RunStarted"):
            gather(journal.plan, events)


def test_an_answer_to_an_input_is_no_step() -> None:
    journal = Journal(incident_plan(SERVED)).answers("incident_time", Choice.ANSWER, question=QuestionKind.INPUT)
    assert gather(journal.plan, journal.events).steps == ()


def _effort(number_of_steps: int) -> float:
    """Seconds of processor time for both reports of a run in which each step is killed, resumed and retried."""
    names = [f"s{number}" for number in range(number_of_steps)]
    journal = Journal(incident_plan(*(automated(name, f"Step {name}") for name in names)))
    for name in names:
        journal.start(name).after(1).add(RunResumed(1, unattended=True))
        journal.start(name, attempt=2).fails(name, "no", attempt=2)
        journal.add(RetryScheduled(name, 1, journal.now)).start(name, attempt=3).after(1).ends(name, attempt=3)
    began = time.process_time()
    found = gather(journal.plan, journal.events)
    text, document = report_markdown(found), report_json(found)
    spent = time.process_time() - began
    assert text.count("\n| ") > number_of_steps
    assert document.count('"kind": "retried"') == number_of_steps
    return spent


@pytest.mark.slow
def test_the_effort_grows_with_the_journal_and_no_faster() -> None:
    """Ten times the steps may cost some ten times as much; one quadratic walk would make it a hundred times."""
    _effort(10)
    assert _effort(3000) < 30 * max(_effort(300), 0.02)
