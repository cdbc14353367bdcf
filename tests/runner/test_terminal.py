"""A person at a real terminal: prompts, answers, the clock. The terminal is emulated, the run is real."""

import time

import pytest

from drx.engine.events import (
    AbortRequested,
    Answered,
    InputGiven,
    NoteAdded,
)
from drx.engine.terms import Choice
from drx.errors import ExitCode
from tests.runner.project import CONFIRM, SLOW, Project, steps_yaml
from tests.terminal import CTRL_D, DOWN, ENTER, LARGE, UP, Terminal, story


def _answers(project: Project) -> list[tuple[Choice, str]]:
    return [(fact.choice, fact.reason) for fact in project.facts if isinstance(fact, Answered)]


def test_a_person_says_done(project: Project) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM)))
    terminal.see("Done - the run goes on")
    terminal.see("Call the on-call engineer")
    terminal.type(ENTER)
    assert terminal.end() == ExitCode.OK
    assert _answers(project) == [(Choice.DONE, "")]


def test_a_note_then_a_skip_with_its_reason(project: Project) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM)))
    terminal.see("Skip it (why)")
    terminal.type(DOWN, DOWN, DOWN, ENTER)
    terminal.see("Note:")
    terminal.type("it rings", ENTER)
    terminal.see("note by ada: it rings")
    terminal.type(DOWN, DOWN, ENTER)
    terminal.see("Why is it skipped?")
    terminal.type("nobody answers", ENTER)
    assert terminal.end() == ExitCode.OK
    assert _answers(project) == [(Choice.SKIP, "nobody answers")]
    assert NoteAdded("it rings") in project.facts


@pytest.mark.parametrize("term", ["dumb", "unknown", ""])
def test_a_terminal_of_which_nothing_is_known_gets_numbers(project: Project, term: str) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM)), term=term)
    terminal.see("1) Done")
    terminal.type("9\n")
    terminal.see("Please give a number from 1 to 6:")
    terminal.type("1\n")
    assert terminal.end() == ExitCode.OK
    assert _answers(project) == [(Choice.DONE, "")]


def test_a_wrong_input_is_asked_again(project: Project) -> None:
    step = "{id: a, action: shell.run, with: {command: [echo, '{{ inputs.since }}']}, expect: 1s}"
    terminal = story(project.write(steps_yaml(step, head="inputs: {since: {type: datetime, ask: Since when?}}")))
    terminal.see("in UTC, like 02:14")
    terminal.type("yesterday", ENTER)
    terminal.see("'yesterday' is not a time")
    terminal.type("2026-11-21 08:05", ENTER)
    terminal.see("2026-11-21 08:05:00 UTC")
    terminal.type(DOWN, ENTER)
    terminal.see("in UTC, like 02:14")
    terminal.type("2026-11-21 08:00", ENTER)
    terminal.see("2026-11-21 08:00:00 UTC")
    terminal.type(ENTER)
    assert terminal.end() == ExitCode.OK
    (given,) = (fact for fact in project.facts if isinstance(fact, InputGiven))
    assert given.value == "2026-11-21T08:00:00.000Z"


def test_a_failure_offers_ways_on(project: Project) -> None:
    file = project.root / "tally"
    terminal = story(
        project.write(steps_yaml(f"{{id: a, action: test.tally, with: {{file: '{file}', fail: 1}}, expect: 1s}}"))
    )
    terminal.see("this was attempt 1")
    terminal.see("Try again")
    terminal.type(ENTER)
    assert terminal.end() == ExitCode.OK
    assert file.read_text() == "x\nx\n"


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_keys_typed_while_a_step_runs_answer_nothing(project: Project, term: str) -> None:
    go = project.root / "go"
    command = f"until [ -e '{go}' ]; do sleep 0.05; done"
    busy = f'{{id: busy, action: shell.run, with: {{shell: true, command: "{command}"}}, expect: 1s}}'
    terminal = story(project.write(steps_yaml(busy, CONFIRM)), term=term)
    terminal.see("▶ busy")
    terminal.type(UP, ENTER, DOWN, ENTER, "1", ENTER, "stray words", ENTER, "1", ENTER)
    go.touch()
    terminal.see("Done - the run goes on")
    time.sleep(0.5)
    assert not any(isinstance(fact, Answered | AbortRequested) for fact in project.facts)
    seen = terminal.text
    assert "stray" not in seen
    assert "^[" not in seen
    terminal.type("1\r" if term == "dumb" else ENTER)
    assert terminal.end() == ExitCode.OK
    assert _answers(project) == [(Choice.DONE, "")]


def test_keys_typed_before_a_prompt_that_follows_another_answer_nothing(project: Project) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM, "{id: agree, approve: 'Switch over?', expect: 1m}")))
    terminal.see("Done - the run goes on")
    terminal.type(ENTER * 3)
    terminal.see("Approve - ")
    time.sleep(0.5)
    assert _answers(project) == [(Choice.DONE, "")]
    terminal.type(ENTER)
    assert terminal.end() == ExitCode.OK


def test_letters_move_nothing_in_a_menu(project: Project) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM)))
    terminal.see("Done - the run goes on")
    terminal.type("jkjj clear; drx run", ENTER)
    assert terminal.end() == ExitCode.OK
    assert _answers(project) == [(Choice.DONE, "")]


def test_ctrl_d_on_a_terminal_without_cursor_tricks_is_an_empty_line(project: Project) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM)), term="dumb")
    terminal.see("Number:")
    terminal.type(CTRL_D)
    terminal.see("Please give a number from 1 to 6:")
    terminal.type("3", ENTER)
    terminal.see("Why is it skipped? (Enter: back)")
    terminal.type(CTRL_D)
    terminal.see("(Enter: back)\nCall the on-call engineer")
    terminal.type("1", ENTER)
    assert terminal.end() == ExitCode.OK
    assert _answers(project) == [(Choice.DONE, "")]


def test_lines_pasted_into_an_answer_become_one_and_ctrl_d_ends_nothing(project: Project) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM)))
    terminal.choose("Skip it (why)")
    terminal.see("Why is it skipped?")
    terminal.type(CTRL_D, "nobody ", "\x1b[200~answers\r\n\tat \x1b[31mnight\n\x1b[201~", ENTER)
    assert terminal.end() == ExitCode.OK
    assert _answers(project) == [(Choice.SKIP, "nobody answers at \x1b[31mnight")]
    assert "\x1b" not in terminal.text


def test_an_answered_question_leaves_only_its_line(project: Project) -> None:
    file = project.root / "tally"
    terminal = story(
        project.write(steps_yaml(f"{{id: a, action: test.tally, with: {{file: '{file}', fail: 1}}, expect: 1s}}"))
    )
    terminal.see("Try again")
    assert terminal.text.count("this was attempt 1") == 1
    terminal.type(ENTER)
    assert terminal.end() == ExitCode.OK
    seen = terminal.text
    assert "try again (ada)" in seen
    assert "arrow keys" not in seen
    assert "Abort -" not in seen


@pytest.mark.slow
def test_the_clock_ticks_on_while_a_person_thinks_and_while_a_step_runs(project: Project) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM, SLOW)))
    terminal.see("Done - the run goes on")
    terminal.see("elapsed 00:00:01")
    terminal.see("elapsed 00:00:02")
    terminal.see("> call ")
    terminal.type(ENTER)
    terminal.see("> slow ")
    seconds = _elapsed(terminal)
    terminal.see(f"elapsed 00:00:{seconds + 2:02d}")
    terminal.resize(LARGE)
    terminal.see(f"elapsed 00:00:{seconds + 4:02d}")
    terminal.child.sendintr()
    terminal.see("Interrupted. What now?")
    terminal.see("elapsed")
    terminal.type(DOWN, ENTER)
    assert terminal.end() == ExitCode.PAUSED
    assert "elapsed" not in terminal.text


def test_a_screen_without_cursor_tricks_has_no_clock(project: Project) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM)), term="dumb")
    terminal.see("Number:")
    assert "elapsed" not in terminal.text
    terminal.type("1\r")
    assert terminal.end() == ExitCode.OK


def _elapsed(terminal: Terminal) -> int:
    """The seconds that the clock shows."""
    terminal.see("elapsed 00:00:")
    return int(terminal.text.partition("elapsed 00:00:")[2][:2])
