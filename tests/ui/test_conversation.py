"""Every way through a question ends in exactly one answer, with the reason it needs."""

import time
from dataclasses import replace

import pytest

from drx.engine.commands import Question
from drx.engine.events import AbortRequested, Answered, Fact, InputGiven, NoteAdded, PauseRequested
from drx.engine.terms import Choice, QuestionKind
from drx.ui.conversation import about, about_interrupt
from drx.ui.port import GoOn, Reply, StopSteps
from tests.ui.screens import Scripted

CONFIRM = Question(QuestionKind.STEP, "declare", 1, "Declare it", (Choice.DONE, Choice.WENT_WRONG, Choice.SKIP))
FAILURE = Question(
    QuestionKind.FAILURE, "restore", 2, "Restore failed", (Choice.RETRY, Choice.GOTO, Choice.DONE, Choice.SKIP),
    options=("find", "slice"), details=("no space left",),
)  # fmt: skip
NAME = Question(QuestionKind.NAME, "drop", 1, "Type its name", (Choice.NAMED, Choice.SKIP), details=("images",))
ASK = Question(QuestionKind.STEP, "which", 1, "Which region?", (Choice.ANSWER, Choice.SKIP), options=("eu", "us"))
APPROVE = Question(QuestionKind.STEP, "switch", 1, "Switch?", (Choice.APPROVE, Choice.REJECT))
TYPED = Question(QuestionKind.INPUT, "incident_time", 0, "When?", (Choice.ANSWER,))
CHOSEN = Question(QuestionKind.INPUT, "region", 0, "Where?", (Choice.ANSWER,), options=("eu", "us"))


def _answered(question: Question, choice: Choice, value: str | None = None, reason: str = "") -> Answered:
    return Answered(question.step, question.visit, question.kind, choice, value, reason)


@pytest.mark.parametrize(
    ("question", "answers", "facts"),
    [
        (CONFIRM, ["Done"], [_answered(CONFIRM, Choice.DONE)]),
        (CONFIRM, ["Skip", "", "Skip", "  ", "Skip", "no time"], [_answered(CONFIRM, Choice.SKIP, reason="no time")]),
        (CONFIRM, ["It went wrong", "no signal"], [_answered(CONFIRM, Choice.WENT_WRONG, reason="no signal")]),
        (CONFIRM, ["Write a note", "calm now", "Done"], [NoteAdded("calm now"), _answered(CONFIRM, Choice.DONE)]),
        (CONFIRM, ["Write a note", " ", "Done"], [_answered(CONFIRM, Choice.DONE)]),
        (CONFIRM, ["Pause", "Grace takes over"], [PauseRequested("Grace takes over")]),
        (CONFIRM, ["Abort", "No", "Done"], [_answered(CONFIRM, Choice.DONE)]),
        (CONFIRM, ["Abort", "Abort", "false alarm"], [AbortRequested("false alarm", "person")]),
        (FAILURE, ["Try again"], [_answered(FAILURE, Choice.RETRY)]),
        (FAILURE, ["Go on at", "slice"], [_answered(FAILURE, Choice.GOTO, "slice")]),
        (FAILURE, ["Go on at", "Back", "Try again"], [_answered(FAILURE, Choice.RETRY)]),
        (FAILURE, ["Done by hand", "with mongorestore"], [_answered(FAILURE, Choice.DONE, reason="with mongorestore")]),
        (NAME, ["Type its name", " images "], [_answered(NAME, Choice.NAMED, "images")]),
        (ASK, ["Answer", "us"], [_answered(ASK, Choice.ANSWER, "us")]),
        (APPROVE, ["Approve"], [_answered(APPROVE, Choice.APPROVE)]),
        (CONFIRM, ["It went wrong", "", "Done"], [_answered(CONFIRM, Choice.DONE)]),
        (FAILURE, ["Done by hand", " ", "Try again"], [_answered(FAILURE, Choice.RETRY)]),
        (NAME, ["Type its name", "", "Skip", "not ours"], [_answered(NAME, Choice.SKIP, reason="not ours")]),
        (APPROVE, ["Reject", "", "Approve"], [_answered(APPROVE, Choice.APPROVE)]),
        (APPROVE, ["Reject", "not yet"], [_answered(APPROVE, Choice.REJECT, reason="not yet")]),
        (TYPED, ["", "2026-11-21T08:00"], [InputGiven("incident_time", "2026-11-21T08:00")]),
        (CHOSEN, ["Answer", "eu"], [InputGiven("region", "eu")]),
    ],
)  # fmt: skip
def test_a_conversation_ends_in_facts(question: Question, answers: list[str], facts: list[Fact]) -> None:
    said: list[Reply] = []
    prompts = Scripted(list(answers))
    about(question, prompts, said.append, {})
    assert said == facts
    assert prompts.answers == []


def test_every_choice_says_what_happens_next() -> None:
    for question in (CONFIRM, FAILURE, NAME, ASK, APPROVE):
        prompts = Scripted(["Pause", "later"])
        about(question, prompts, lambda reply: None, {})
        assert len(prompts.labels) == len(question.choices) + 3
        assert all(" - " in label for label in prompts.labels)
        assert question.text in prompts.asked[0]


def test_a_failure_stands_in_the_lines_above_and_is_not_said_twice() -> None:
    prompts = Scripted(["Try again"])
    about(FAILURE, prompts, lambda reply: None, {})
    assert prompts.asked == ["Restore failed"]


def test_an_approver_sees_what_is_missing() -> None:
    prompts = Scripted(["Approve"])
    about(replace(APPROVE, details=("1 of 2 approvals", "grace")), prompts, lambda reply: None, {})
    assert prompts.asked == ["Switch?\n  1 of 2 approvals\n  grace"]


@pytest.mark.parametrize(
    ("input_type", "asked"),
    [
        ("duration", "When? (please write it as 30s, 5m or 1h30m; Ctrl-C for more)"),
        ("text", "When? (Ctrl-C for more)"),
    ],
)
def test_a_question_shows_how_to_write_the_answer(input_type: str, asked: str) -> None:
    prompts = Scripted(["now"])
    about(TYPED, prompts, lambda reply: None, {"incident_time": input_type})
    assert prompts.asked == [asked]


def test_a_moment_is_shown_in_full_before_it_counts_and_can_be_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    said: list[Reply] = []
    prompts = Scripted(["half past two", "9999-12-31 23:00", "2020-01-01 02:14", "No", "2030-01-01T02:14:00Z", "Yes"])
    about(TYPED, prompts, said.append, {"incident_time": "datetime"})
    monkeypatch.undo()
    time.tzset()
    form = "When? (in UTC, like 02:14, yesterday 23:50, 20m ago or 2026-11-21 02:14; Ctrl-C for more)"
    first, refused, last, past, again, coming = prompts.asked
    assert (first, again) == (form, form)
    assert refused.startswith("'half past two' is not a time. Write it like 02:14, yesterday 23:50")
    assert refused.endswith(form)
    assert last.endswith(form)
    assert past.startswith("2020-01-01 02:14:00 UTC, 11:14 JST, ")
    assert past.endswith(" ago?")
    assert coming.endswith(", which is still to come?")
    assert said == [InputGiven("incident_time", "2030-01-01T02:14:00.000Z")]


def test_a_question_that_names_the_zone_is_not_told_it_again() -> None:
    prompts = Scripted(["2020-01-01 02:14", "Yes"])
    about(replace(TYPED, text="When? (UTC)"), prompts, lambda reply: None, {"incident_time": "datetime"})
    assert prompts.asked[0].startswith("When? (UTC) (like 02:14, ")


def test_there_is_no_way_to_another_step_where_there_is_none() -> None:
    question = Question(QuestionKind.FAILURE, "a", 1, "It failed", (Choice.RETRY, Choice.GOTO))
    prompts = Scripted(["Try again"])
    about(question, prompts, lambda reply: None, {})
    assert not any(label.startswith("Go on at") for label in prompts.labels)


@pytest.mark.parametrize(
    ("running", "answers", "replies"),
    [
        (["a"], ["Go on"], [GoOn()]),
        (["a"], ["Pause"], [PauseRequested("Ctrl-C")]),
        (["a", "b"], ["Stop a, b"], [StopSteps()]),
        ([], ["Abort", "Abort", "enough"], [AbortRequested("enough", "person")]),
        (["a"], ["Abort", "No"], [GoOn()]),
    ],
)
def test_ctrl_c_asks_what_was_meant(running: list[str], answers: list[str], replies: list[Reply]) -> None:
    said: list[Reply] = []
    about_interrupt(running, Scripted(answers), said.append)
    assert said == replies


def test_a_pause_says_that_the_running_step_is_stopped() -> None:
    prompts = Scripted(["Pause"])
    about_interrupt(["a"], prompts, lambda reply: None)
    assert prompts.labels[1] == "Pause or hand over - the running step is stopped; `drx resume` goes on"
