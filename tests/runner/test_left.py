"""A run is left at a terminal, by Ctrl-C, Ctrl-Z, a signal or a closed window, and gone on with; the run is real."""

import os
import signal
import sys
import time

import pytest

from drx.engine.events import (
    PauseRequested,
    RunFinished,
    RunPaused,
    StepCancelled,
)
from drx.engine.terms import Outcome
from drx.errors import ExitCode
from tests.runner.project import CONFIRM, SLOW, Project, steps_yaml
from tests.terminal import CTRL_C, CTRL_Z, DOWN, ENTER, ROOT, Size, Terminal, story


def test_ctrl_c_asks_and_can_stop_the_step(project: Project) -> None:
    terminal = story(project.write(steps_yaml(SLOW)))
    terminal.see("▶ slow")
    terminal.type(CTRL_C)
    terminal.see("Interrupted. What now?")
    terminal.type(DOWN, DOWN, ENTER)
    terminal.see("Skip it (why)")
    assert any(isinstance(fact, StepCancelled) for fact in project.facts)
    terminal.type(DOWN, DOWN, ENTER)
    terminal.see("Why is it skipped?")
    terminal.type("no use", ENTER)
    assert terminal.end() == ExitCode.OK


def test_ctrl_c_twice_stops_at_once_and_resume_goes_on(project: Project, size: Size) -> None:
    file = project.root / "tally"
    tally = f"{{id: t, action: test.tally, with: {{file: '{file}'}}, expect: 1s}}"
    terminal = story(project.write(steps_yaml(tally, CONFIRM)), size=size)
    terminal.see("Done - the run goes on")
    terminal.type(CTRL_C)
    time.sleep(0.3)
    began = time.monotonic()
    terminal.type(CTRL_C)
    assert terminal.end() == ExitCode.INTERRUPTED
    assert time.monotonic() - began < 5
    terminal.see("the journal is whole")
    assert "elapsed" not in terminal.text
    assert not any(isinstance(fact, RunPaused | RunFinished) for fact in project.facts)
    again = story(project, "resume", size=size)
    again.see("✓ t ", "left by ada on bastion at ", "Done - the run goes on")
    again.type(ENTER)
    assert again.end() == ExitCode.OK
    assert file.read_text() == "x\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_hanging_up_pauses_an_attended_run(project: Project, number: signal.Signals, size: Size) -> None:
    terminal = story(project.write(steps_yaml(SLOW)), size=size)
    terminal.see("▶ slow")
    terminal.child.kill(number)
    assert terminal.end() == ExitCode.PAUSED
    terminal.see(f"pausing: {number.name}", "paused. Go on with: drx resume ")
    assert "elapsed" not in terminal.text
    assert PauseRequested(number.name) in project.facts
    assert isinstance(project.facts[-1], RunPaused)


@pytest.mark.slow
@pytest.mark.parametrize("term", ["xterm", "dumb"])
@pytest.mark.parametrize("asked", [False, True])
def test_ctrl_z_gives_the_shell_its_terminal_and_fg_takes_it_back(project: Project, term: str, asked: bool) -> None:
    file = project.root / "go"
    until = f"{{id: busy, action: test.until, with: {{file: '{file}'}}, expect: 1s}}"
    project.write(steps_yaml(CONFIRM, until, "{id: over, confirm: Say that it is over, expect: 5m}"))
    terminal = Terminal(("env", "PS1=here: ", "bash", "--norc", "-i"), ROOT, term=term)
    terminal.see("here:")
    terminal.type(f"clear; {sys.executable} -m tests.runner.attended {project.root}", ENTER)
    if not asked:
        terminal.answer("Done - the run goes on", *("1" if term == "dumb" else ""))
        terminal.see("▶ busy")
    terminal.see("Done - the run goes on" if asked else "expected 1s")
    terminal.type(CTRL_Z)
    terminal.see("Stopped")
    assert "elapsed" not in terminal.text
    assert "Abort" not in terminal.text or term == "dumb"
    assert not terminal.screen.cursor.hidden
    terminal.type("echo se''en; fg", ENTER)
    terminal.see("\nseen")
    assert "echo se''en" in terminal.text
    if asked:
        terminal.answer("Done - the run goes on", *("1" if term == "dumb" else ""))
    terminal.see("▶ busy")
    file.touch()
    terminal.answer("Say that it is over", *("1" if term == "dumb" else ""))
    terminal.see("RECOVERED")
    terminal.type("echo a''gain; exit", ENTER)
    terminal.see("\nagain")
    terminal.end()
    assert RunFinished(Outcome.SUCCEEDED) in project.facts


@pytest.mark.parametrize("asked", [False, True])
def test_ctrl_z_stops_nothing_where_no_shell_could_let_it_go_on(project: Project, asked: bool) -> None:
    file = project.root / "go"
    until = f"{{id: busy, action: test.until, with: {{file: '{file}'}}, expect: 1s}}"
    terminal = story(project.write(steps_yaml(*((CONFIRM, until) if asked else (until, CONFIRM)))))
    terminal.see("Done - the run goes on" if asked else "> busy")
    terminal.type(CTRL_Z, CTRL_Z)
    file.touch()
    terminal.see("Done - the run goes on")
    terminal.insist(ENTER)  # Ctrl-Z has the question put once more
    assert terminal.end() == ExitCode.OK


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_closed_terminal_pauses_the_run(project: Project, term: str, size: Size) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM)), term=term, size=size)
    terminal.see("Done - the run goes on")
    assert terminal.child.pid is not None
    os.close(terminal.child.child_fd)
    _, status = os.waitpid(terminal.child.pid, 0)
    assert os.waitstatus_to_exitcode(status) == ExitCode.PAUSED
    assert isinstance(project.facts[-1], RunPaused)
    again = story(project, "resume", term=term, size=size)
    again.see("left by ada on bastion at ", "Done - the run goes on")
    again.type("1" if term == "dumb" else "", ENTER)
    assert again.end() == ExitCode.OK


def test_a_paused_run_goes_on_from_its_question(project: Project) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM)))
    terminal.see("Pause or hand over")
    terminal.type(DOWN, DOWN, DOWN, DOWN, ENTER)
    terminal.see("who goes on?")
    terminal.type("Grace", ENTER)
    assert terminal.end() == ExitCode.PAUSED
    again = story(project, "resume")
    again.see("Done - the run goes on")
    again.type(ENTER)
    assert again.end() == ExitCode.OK
    assert RunFinished(Outcome.SUCCEEDED) in project.facts


def test_ctrl_c_takes_the_question_away_and_going_on_brings_it_back(project: Project) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM)))
    terminal.see("Done - the run goes on")
    terminal.type(CTRL_C)
    terminal.see("Interrupted. What now?")
    assert "Call the on-call engineer" not in terminal.text
    terminal.type(ENTER)
    terminal.see("Done - the run goes on")
    terminal.type(ENTER)
    assert terminal.end() == ExitCode.OK
