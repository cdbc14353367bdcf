"""Lines for people and programs: nothing harmful gets through, and a closed terminal stops nothing."""

import io
import json
import os
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drx.engine.events import (
    AbortRequested,
    Answered,
    ClockDiverged,
    ClockStarted,
    Fact,
    InputGiven,
    NoteAdded,
    PauseRequested,
    RetryScheduled,
    ReviewAnswered,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStarted,
    StepCancelled,
    StepFailed,
    StepIgnored,
    StepSkipped,
    StepStarted,
    StepSucceeded,
    StepTimedOut,
    StepWaiting,
    TargetIdentified,
    TargetLost,
)
from drx.engine.terms import Choice, Mode, Outcome, Part, QuestionKind
from drx.journal import encode_event
from drx.ui.choose import choose_ui
from drx.ui.jsonl import JsonlUi
from drx.ui.lines import DONE, Line, fit
from drx.ui.plain import PlainUi
from drx.ui.terminal import TerminalUi
from tests.ui.screens import AT, PLAN, event

WORK = ("restore", 1, 1, Part.WORK)
ANSWERED_SKIP = Answered("restore", 1, QuestionKind.STEP, Choice.SKIP, reason="why")


def _shown(*facts: Fact) -> list[str]:
    screen = io.StringIO()
    ui = PlainUi(screen)
    ui.begin(PLAN)
    for fact in facts:
        ui.show(event(fact))
    return screen.getvalue().splitlines()


@pytest.mark.parametrize(
    ("fact", "line"),
    [
        (RunStarted("r1", Mode.DRILL, "b", "lab", True, "0", {}, "story"), "-- drill story in lab   r1"),
        (RunStarted("r1", Mode.INCIDENT, "b", "lab", True, "0", {}), "-- incident b in lab   r1"),
        (RunResumed(61, True), "-- ada on bastion goes on; what is done above is not done again"),
        (PauseRequested("lunch"), "-- pausing: lunch"),
        (AbortRequested("enough", "person"), "!! aborting: enough"),
        (InputGiven("since", "08:00"), "-- since            = 08:00"),
        (ClockStarted(AT, "input"), "-- the clock runs from 2026-11-21T08:00:12.000Z (input)"),
        (ClockDiverged(-3.21), "-- the wall clock moved by -3.2 s"),
        (TargetIdentified("mongo", "rs0", "how"), "-- mongo is rs0"),
        (TargetLost("mongo", "images"), "-- lost: mongo images"),
        (NoteAdded("a\nb"), "-- note by ada: a b"),
        (ReviewAnswered("What?", "That."), "-- What? That."),
        (StepSkipped("restore", 1, "no need"), "-- restore          skipped: no need"),
        (StepSkipped("restore", 1, "unattended: skip"), "-- restore          skipped: nobody is there (unattended)"),
        (StepWaiting("restore", 1), "? restore          waits for a person"),
        (StepIgnored("restore", 1, "far"), "-- restore          failed; the run goes on at far"),
        (StepIgnored("restore", 1), "-- restore          failed; the run goes on all the same"),
        (RetryScheduled("restore", 1, AT + timedelta(seconds=30)), "-- restore          tried again in 30s"),
        (ANSWERED_SKIP, "-- restore          skipped (ada): why"),
        (Answered("restore", 1, QuestionKind.STEP, Choice.REJECT), "!! restore          rejected (ada)"),
        (
            Answered("restore", 1, QuestionKind.STEP, Choice.ANSWER, 7, "x", scripted=True),
            "ok restore          answered: 7 (the drill's script)",
        ),
        (StepTimedOut(*WORK), "!! restore          took too long: 0s"),
        (
            StepCancelled(*WORK, abandoned=True),
            "!! restore          was stopped after 0s, did not end and may still be going on",
        ),
        (StepSucceeded(*WORK), "ok restore          Restore the images   0s"),
        (StepSucceeded("restore", 1, 1, Part.VERIFY), "ok restore          verified   0s"),
        (StepSucceeded("restore", 1, 1, Part.ROLLBACK), "ok restore          rolled back   0s"),
        (StepStarted("restore", 1, 1, Part.ROLLBACK), ".. restore          is rolled back"),
    ],
)  # fmt: skip
def test_each_event_is_one_line(fact: Fact, line: str) -> None:
    assert _shown(fact) == [f"08:00:12  {line}"]


def test_what_took_too_long_says_how_long_was_allowed() -> None:
    step = replace(PLAN.steps["restore"], timeout=timedelta(minutes=90))
    screen = io.StringIO()
    ui = PlainUi(screen)
    ui.begin(replace(PLAN, main=(step,)))
    ui.show(event(StepTimedOut(*WORK, abandoned=True)))
    said = "took too long: 0s (1h 30m allowed), did not end and may still be going on"
    assert screen.getvalue() == f"08:00:12  !! restore          {said}\n"


@pytest.mark.parametrize("fact", [RunPaused(), RunFinished(Outcome.FAILED, "restore: no")])
def test_the_end_is_said_once_by_the_verdict(fact: Fact) -> None:
    assert _shown(fact) == []


@pytest.mark.parametrize("choice", [Choice.RETRY, Choice.GOTO, Choice.SKIP, Choice.NAMED])
def test_an_answer_that_is_no_success_has_a_neutral_mark(choice: Choice) -> None:
    (line,) = _shown(Answered("restore", 1, QuestionKind.FAILURE, choice, "x", "why"))
    assert line.startswith("08:00:12  -- restore")


def _timed(unattended: bool, seconds: int) -> list[str]:
    began, ended = StepStarted(*WORK), StepSucceeded(*WORK, lines=("one", "two", "three", "four"))
    screen = io.StringIO()
    ui = PlainUi(screen)
    ui.begin(PLAN)
    ui.show(event(RunStarted("r1", Mode.INCIDENT, "b", "lab", unattended, "0", {})))
    ui.show(event(began))
    ui.show(replace(event(ended), at=AT + timedelta(seconds=seconds)))
    return [line[10:] for line in screen.getvalue().splitlines()[1:]]


def test_a_person_sees_each_start_and_the_last_lines() -> None:
    assert _timed(False, 4) == [
        ".. restore          Restore the images   (expected 5m)",
        "ok restore          Restore the images   4s",
        "    | two",
        "    | three",
        "    | four",
    ]


def test_with_nobody_there_a_step_is_one_line() -> None:
    assert _timed(True, 4) == ["ok restore          Restore the images   4s"]
    assert _timed(True, 301) == ["ok restore          Restore the images   5m 01s   (expected 5m)"]


def test_another_attempt_says_so() -> None:
    assert _shown(StepStarted("restore", 1, 2, Part.WORK)) == [
        "08:00:12  .. restore          Restore the images   attempt 2   (expected 5m)"
    ]


@given(
    st.text("abc /é", max_size=200), st.sampled_from(["", "   4s", "   5m 01s   (expected 5m)"]),
    st.booleans(), st.integers(80, 200),
)  # fmt: skip
def test_lines_fit_the_terminal_and_words_stay_whole(text: str, figures: str, is_title: bool, columns: int) -> None:
    line = Line(DONE, text, "restore          ", figures, is_title)
    first, *others = fit(line, columns, 12)
    words = [word for part in (first, *others) for word in part.split()]
    if is_title:
        assert not others
        assert 12 + len(first) <= columns
        assert first.endswith(figures)
    else:
        assert words == (line.head + text + figures).split()
    room = columns - 12 - len(line.head)
    if all(len(word) <= room for word in words):
        assert all(len(part) <= columns for part in (" " * 12 + first, *others))


@pytest.mark.parametrize("length", [60, 90])
def test_a_path_is_never_cut_and_begins_at_the_margin_where_it_is_long(length: int) -> None:
    path = "/records/" + "x" * length + "/output.txt"
    assert fit(Line("", f"Read its output: {path}", "  "), 80, 12) == ["  Read its output:", path]


def test_a_failure_shows_why_what_to_do_and_the_last_lines() -> None:
    lines = tuple(f"line {number}" for number in range(30))
    shown = _shown(StepFailed(*WORK, error="no space left", remedy="Make room", lines=lines))
    assert shown[0] == "08:00:12  !! restore          no space left   0s"
    assert shown[1].endswith("  Make room")
    assert [line.split("| ")[1] for line in shown[2:]] == list(lines[-10:])


@given(st.text())
def test_no_control_character_reaches_the_screen(text: str) -> None:
    facts = (
        StepFailed(*WORK, error=text, remedy=text, lines=(text, "\x1b[2J\x1b]0;pwned\x07")),
        NoteAdded(text),
        Answered("restore", 1, QuestionKind.STEP, Choice.ANSWER, text, text),
    )
    for line in _shown(*facts):
        assert not [sign for sign in line if ord(sign) < 0x20 or 0x7F <= ord(sign) < 0xA0]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_narrow_encoding_breaks_nothing(encoding: str) -> None:
    data = io.BytesIO()
    ui = PlainUi(io.TextIOWrapper(data, encoding=encoding, write_through=True))
    ui.begin(PLAN)
    ui.show(event(StepFailed(*WORK, error="Größe ✓ 写", lines=("✗",))))
    assert ("✗" if encoding == "utf-8" else "!!") in data.getvalue().decode(encoding)


def test_a_reader_who_left_stops_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w", buffering=1)
    ui = PlainUi(stream)
    for _ in range(3):
        ui.say("is anybody there?")
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_json_lines_are_the_events_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    ui = JsonlUi(encode_event)
    ui.begin(PLAN)
    ui.show(event(NoteAdded("é\n\x1b")))
    ui.progress("restore", 1, 2, "docs")
    ui.say("a word to people\x1b")
    ui.verdict(["PASSED"])
    out, err = capsys.readouterr()
    (line,) = out.splitlines()
    assert json.loads(line) == {
        "seq": 1, "at": "2026-11-21T08:00:12.000Z", "elapsed": 0.0, "by": {"user": "ada", "host": "bastion", "pid": 1},
        "type": "NoteAdded", "data": {"text": "é\n\x1b"},
    }  # fmt: skip
    assert err == "a word to people␛\n"


def test_progress_is_shown_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("drx.ui.plain.time.monotonic", lambda: now)
    screen = io.StringIO()
    ui = PlainUi(screen)
    ui.begin(PLAN)
    for done in range(35):
        now += 1
        ui.progress("restore", done * 1000, 50_000, "docs")
    ui.progress("other", 1, None, "files")
    assert [line[10:] for line in screen.getvalue().splitlines()] == [
        ".. restore          10,000 of 50,000 docs",
        ".. restore          20,000 of 50,000 docs",
        ".. restore          30,000 of 50,000 docs",
    ]


@pytest.mark.parametrize(
    ("part", "words"),
    [(Part.WORK, ""), (Part.VERIFY, "verifying: "), (Part.ROLLBACK, "rolling back: ")],
)
def test_progress_says_in_which_part_it_is(part: Part, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((100.0, 111.0))
    monkeypatch.setattr("drx.ui.plain.time.monotonic", lambda: next(times))
    screen = io.StringIO()
    ui = PlainUi(screen)
    ui.begin(PLAN)
    ui.show(event(RunResumed(0, True)))
    ui.show(event(StepStarted("restore", 1, 1, Part.WORK)))
    if part is not Part.WORK:
        ui.show(event(StepSucceeded(*WORK)))
        ui.show(event(StepStarted("restore", 1, 1, part)))
    for _ in range(2):
        ui.progress("restore", 9, 10, "docs")
    assert screen.getvalue().splitlines()[-1].endswith(f".. restore          {words}9 of 10 docs")


@pytest.mark.parametrize(
    ("environ", "colour"),
    [({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({}, False)],
)
def test_colour_and_prompts_follow_the_terminal(
    environ: dict[str, str], colour: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    ui = choose_ui(unattended=False, environ=environ)
    assert isinstance(ui, TerminalUi)
    assert ui.attended
    ui.begin(PLAN)
    ui.show(event(StepSucceeded(*WORK)))
    assert ("\x1b[32m" in capsys.readouterr().out) is colour


def test_without_a_terminal_nobody_is_asked() -> None:
    assert not choose_ui(unattended=False, environ={"TERM": "xterm"}).attended
    assert not choose_ui(unattended=True).attended
    assert isinstance(choose_ui(unattended=True, encode=encode_event), JsonlUi)
