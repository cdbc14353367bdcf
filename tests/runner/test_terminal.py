"""A person at a real terminal: prompts, Ctrl-C, hanging up. The terminal is emulated, the run is real."""

import os
import signal
import sys
import time
from pathlib import Path

import pexpect
import pyte
import pytest

from drx.engine.events import AbortRequested, Answered, NoteAdded, PauseRequested, RunFinished, RunPaused, StepCancelled
from drx.engine.terms import Choice, Outcome
from drx.errors import ExitCode
from tests.runner.project import Project, steps_yaml

ROOT = Path(__file__).resolve().parents[2]
CONFIRM = "{id: call, confirm: 'Call the {{ contacts.on_call }} engineer', expect: 5m}"
SLOW = "{id: slow, action: test.slow, with: {seconds: 60s}, expect: 1s}"
ENTER, UP, DOWN = "\r", "\x1b[A", "\x1b[B"


class Terminal:
    """80 columns, 24 lines, and what a person would see on them."""

    def __init__(self, project: Project, *arguments: str, term: str = "xterm") -> None:
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.Stream(self.screen)
        self.child = pexpect.spawn(
            sys.executable, ["-m", "tests.runner.attended", str(project.root), *arguments],
            cwd=str(ROOT), dimensions=(24, 80), timeout=20, encoding="utf-8",
            env={**os.environ, "TERM": term, "PROMPT_TOOLKIT_NO_CPR": "1"},
        )  # fmt: skip

    def see(self, text: str) -> None:
        """Wait until the text stands on the screen."""
        deadline = time.monotonic() + 20
        while text not in "\n".join(self.screen.display):
            assert time.monotonic() < deadline, "\n".join(self.screen.display)
            self._read()

    def type(self, *keys: str) -> None:
        for key in keys:
            time.sleep(0.15)
            self.child.send(key)

    def end(self) -> int:
        """Read to the end and give the exit code."""
        deadline = time.monotonic() + 20
        while self.child.isalive() and time.monotonic() < deadline:
            self._read()
        self._read()
        assert self.child.getecho(), "the terminal is left without echo"
        self.child.close()
        assert self.child.exitstatus is not None, f"ended by signal {self.child.signalstatus}"
        return int(self.child.exitstatus)

    def _read(self) -> None:
        try:
            self._stream.feed(self.child.read_nonblocking(4096, timeout=0.1))
        except (pexpect.TIMEOUT, pexpect.EOF):
            return


def _answers(project: Project) -> list[tuple[Choice, str]]:
    return [(fact.choice, fact.reason) for fact in project.facts if isinstance(fact, Answered)]


def test_a_person_says_done(project: Project) -> None:
    terminal = Terminal(project.write(steps_yaml(CONFIRM)))
    terminal.see("Done - the run goes on")
    terminal.see("Call the on-call engineer")
    terminal.type(ENTER)
    assert terminal.end() == ExitCode.OK
    assert _answers(project) == [(Choice.DONE, "")]


def test_a_note_then_a_skip_with_its_reason(project: Project) -> None:
    terminal = Terminal(project.write(steps_yaml(CONFIRM)))
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


def test_a_dumb_terminal_gets_numbers(project: Project) -> None:
    terminal = Terminal(project.write(steps_yaml(CONFIRM)), term="dumb")
    terminal.see("1) Done")
    terminal.type("9\n")
    terminal.see("Please give a number from 1 to 6:")
    terminal.type("1\n")
    assert terminal.end() == ExitCode.OK
    assert _answers(project) == [(Choice.DONE, "")]


def test_a_wrong_input_is_asked_again(project: Project) -> None:
    step = "{id: a, action: shell.run, with: {command: [echo, '{{ inputs.since }}']}, expect: 1s}"
    terminal = Terminal(project.write(steps_yaml(step, head="inputs: {since: {type: datetime, ask: Since when?}}")))
    terminal.see("please write it as 2026-11-21T08:00:00Z")
    terminal.type("yesterday", ENTER)
    terminal.see("not accepted from ada: 'yesterday' is not a time")
    terminal.type("2026-11-21T08:00", ENTER)
    assert terminal.end() == ExitCode.OK


def test_a_failure_offers_ways_on(project: Project) -> None:
    file = project.root / "tally"
    terminal = Terminal(
        project.write(steps_yaml(f"{{id: a, action: test.tally, with: {{file: '{file}', fail: 1}}, expect: 1s}}"))
    )
    terminal.see("this was attempt 1")
    terminal.see("Try again")
    terminal.type(ENTER)
    assert terminal.end() == ExitCode.OK
    assert file.read_text() == "x\nx\n"


def test_ctrl_c_asks_and_can_stop_the_step(project: Project) -> None:
    terminal = Terminal(project.write(steps_yaml(SLOW)))
    terminal.see("incident story")
    terminal.type("\x03")
    terminal.see("Interrupted. What now?")
    terminal.type(DOWN, DOWN, ENTER)
    terminal.see("Skip it (why)")
    assert any(isinstance(fact, StepCancelled) for fact in project.facts)
    terminal.type(DOWN, DOWN, ENTER)
    terminal.see("Why is it skipped?")
    terminal.type("no use", ENTER)
    assert terminal.end() == ExitCode.OK


def test_ctrl_c_twice_stops_at_once_and_resume_goes_on(project: Project) -> None:
    file = project.root / "tally"
    tally = f"{{id: t, action: test.tally, with: {{file: '{file}'}}, expect: 1s}}"
    terminal = Terminal(project.write(steps_yaml(tally, CONFIRM)))
    terminal.see("Done - the run goes on")
    terminal.type("\x03")
    time.sleep(0.3)
    began = time.monotonic()
    terminal.type("\x03")
    assert terminal.end() == ExitCode.INTERRUPTED
    assert time.monotonic() - began < 5
    terminal.see("the journal is whole")
    assert not any(isinstance(fact, RunPaused | RunFinished) for fact in project.facts)
    again = Terminal(project, "resume")
    again.see("Done - the run goes on")
    again.type(ENTER)
    assert again.end() == ExitCode.OK
    assert file.read_text() == "x\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_hanging_up_pauses_an_attended_run(project: Project, number: signal.Signals) -> None:
    terminal = Terminal(project.write(steps_yaml(SLOW)))
    terminal.see("incident story")
    terminal.child.kill(number)
    assert terminal.end() == ExitCode.PAUSED
    assert PauseRequested(number.name) in project.facts
    assert isinstance(project.facts[-1], RunPaused)


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_closed_terminal_pauses_the_run(project: Project, term: str) -> None:
    terminal = Terminal(project.write(steps_yaml(CONFIRM)), term=term)
    terminal.see("Done - the run goes on")
    assert terminal.child.pid is not None
    os.close(terminal.child.child_fd)
    _, status = os.waitpid(terminal.child.pid, 0)
    assert os.waitstatus_to_exitcode(status) == ExitCode.PAUSED
    assert isinstance(project.facts[-1], RunPaused)


def test_a_paused_run_goes_on_from_its_question(project: Project) -> None:
    terminal = Terminal(project.write(steps_yaml(CONFIRM)))
    terminal.see("Pause or hand over")
    terminal.type(DOWN, DOWN, DOWN, DOWN, ENTER)
    terminal.see("who goes on?")
    terminal.type("Grace", ENTER)
    assert terminal.end() == ExitCode.PAUSED
    again = Terminal(project, "resume")
    again.see("Done - the run goes on")
    again.type(ENTER)
    assert again.end() == ExitCode.OK
    assert RunFinished(Outcome.SUCCEEDED) in project.facts


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_keys_typed_while_a_step_runs_answer_nothing(project: Project, term: str) -> None:
    busy = "{id: busy, action: test.slow, with: {seconds: 2s}, expect: 1s}"
    terminal = Terminal(project.write(steps_yaml(busy, CONFIRM)), term=term)
    terminal.see("busy")
    terminal.type(UP, ENTER, DOWN, ENTER, "1", ENTER, "stray words", ENTER, "1", ENTER)
    terminal.see("Done - the run goes on")
    time.sleep(0.5)
    assert not any(isinstance(fact, Answered | AbortRequested) for fact in project.facts)
    seen = "\n".join(terminal.screen.display)
    assert "stray" not in seen
    assert "^[" not in seen
    terminal.type("1\r" if term == "dumb" else ENTER)
    assert terminal.end() == ExitCode.OK
    assert _answers(project) == [(Choice.DONE, "")]


def test_keys_typed_before_a_prompt_that_follows_another_answer_nothing(project: Project) -> None:
    terminal = Terminal(project.write(steps_yaml(CONFIRM, "{id: agree, approve: 'Switch over?', expect: 1m}")))
    terminal.see("Done - the run goes on")
    terminal.type(ENTER * 3)
    terminal.see("Approve - ")
    time.sleep(0.5)
    assert _answers(project) == [(Choice.DONE, "")]
    terminal.type(ENTER)
    assert terminal.end() == ExitCode.OK


def test_letters_move_nothing_in_a_menu(project: Project) -> None:
    terminal = Terminal(project.write(steps_yaml(CONFIRM)))
    terminal.see("Done - the run goes on")
    terminal.type("jkjj clear; drx run", ENTER)
    assert terminal.end() == ExitCode.OK
    assert _answers(project) == [(Choice.DONE, "")]


def test_an_answered_question_leaves_only_its_line(project: Project) -> None:
    file = project.root / "tally"
    terminal = Terminal(
        project.write(steps_yaml(f"{{id: a, action: test.tally, with: {{file: '{file}', fail: 1}}, expect: 1s}}"))
    )
    terminal.see("Try again")
    assert "\n".join(terminal.screen.display).count("this was attempt 1") == 1
    terminal.type(ENTER)
    assert terminal.end() == ExitCode.OK
    seen = "\n".join(terminal.screen.display)
    assert "try again (ada)" in seen
    assert "arrow keys" not in seen
    assert "Abort -" not in seen


def test_ctrl_c_takes_the_question_away_and_going_on_brings_it_back(project: Project) -> None:
    terminal = Terminal(project.write(steps_yaml(CONFIRM)))
    terminal.see("Done - the run goes on")
    terminal.type("\x03")
    terminal.see("Interrupted. What now?")
    assert "Call the on-call engineer" not in "\n".join(terminal.screen.display)
    terminal.type(ENTER)
    terminal.see("Done - the run goes on")
    terminal.type(ENTER)
    assert terminal.end() == ExitCode.OK


@pytest.mark.slow
def test_the_clock_ticks_on_while_a_person_thinks_and_while_a_step_runs(project: Project) -> None:
    terminal = Terminal(project.write(steps_yaml(CONFIRM, SLOW)))
    terminal.see("Done - the run goes on")
    terminal.see("elapsed 00:00:01")
    terminal.see("elapsed 00:00:02")
    terminal.see("> call ")
    terminal.type(ENTER)
    terminal.see("> slow ")
    seconds = _elapsed(terminal)
    terminal.see(f"elapsed 00:00:{seconds + 2:02d}")
    terminal.child.setwinsize(40, 120)
    terminal.screen.resize(40, 120)
    terminal.see(f"elapsed 00:00:{seconds + 4:02d}")
    terminal.child.sendintr()
    terminal.see("Interrupted. What now?")
    terminal.see("elapsed")
    terminal.type(DOWN, ENTER)
    assert terminal.end() == ExitCode.PAUSED
    assert "elapsed" not in "\n".join(terminal.screen.display)


def test_a_screen_without_cursor_tricks_has_no_clock(project: Project) -> None:
    terminal = Terminal(project.write(steps_yaml(CONFIRM)), term="dumb")
    terminal.see("Number:")
    assert "elapsed" not in "\n".join(terminal.screen.display)
    terminal.type("1\r")
    assert terminal.end() == ExitCode.OK


def _elapsed(terminal: Terminal) -> int:
    """The seconds that the clock shows."""
    terminal.see("elapsed 00:00:")
    return int("\n".join(terminal.screen.display).partition("elapsed 00:00:")[2][:2])
