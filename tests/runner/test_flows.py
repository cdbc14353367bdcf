"""What a person goes through in an incident, screen by screen, on a small and on a large terminal."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drx.errors import ExitCode
from tests.runner.project import Project, steps_yaml
from tests.terminal import CTRL_C, DRX, ENTER, HUGE, LARGE, SMALL, Size, Terminal, drx, story

pytestmark = pytest.mark.slow
CONFIG = """
service: pixelcraft
objectives: {rto: 2h, rpo: 1h}
environments:
  production: {protected: true}
  lab: {}
"""
RECOVERY = """
runbook: recovery
title: The gallery is down
summary: |
  Images are not shown. This brings them back.
  It does not bring back what was uploaded today.
steps:
  - {id: tell, title: Tell everybody, confirm: "Tell everybody, and say when you write again", expect: 5m}
  - {id: mend, title: Mend it, action: shell.run, with: {command: [echo, mended]}, expect: 10s, recovered: true}
  - {id: agree, title: Agree to open, approve: Open the gallery again?, expect: 1m}
"""
TWO_WAYS = """
runbook: two-ways
title: Two ways out
inputs: {way: {type: choice, choices: [open, hidden], default: open}}
steps:
  - {id: look, title: Look, confirm: Look, expect: 1m}
  - {id: open, title: Do it in the open, confirm: Go, expect: 2m, when: inputs.way == 'open'}
  - {id: hidden, title: Do it in the hidden, confirm: Go, expect: 2m, when: inputs.way == 'hidden'}
  - id: perhaps
    title: Do this if it said so
    action: shell.run
    with: {command: [echo, done]}
    when: steps.look.outputs.answer is defined
    expect: 1m
    recovered: true
"""
DRILLED = (
    "{id: tell, confirm: Tell everybody, expect: 5m}",
    "{id: mend, title: Mend it, action: shell.run, with: {command: [echo, mended]}, expect: 10s, recovered: true}",
)
DRILL = """
drill: story
runbook: story
environment: lab
fault: {{action: shell.run, with: {{command: [echo, broken]}}}}
answers: {{tell: done}}
pass:
  - {{id: counted, title: All images are there, action: test.prove, with: {{file: '{}'}}, expect: 1s}}
"""
CONSEQUENCES = (
    "Write a note - it goes into the report, then this is asked again",
    "Pause or hand over - ",
    "Abort - roll back what was done, newest first, clean up, and end the run",
)


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    """A project whose runbook needs no server."""
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "drx.yaml").write_text(CONFIG)
    (tmp_path / "runbooks" / "recovery.yaml").write_text(RECOVERY)
    return tmp_path


@pytest.fixture
def shared(gallery: Path) -> Iterator[Path]:
    """The same project, where other accounts find it; the service is opened again only if another person agrees."""
    folder = Path(tempfile.mkdtemp(prefix="drx-shared-"))
    shutil.copytree(gallery, folder, dirs_exist_ok=True)
    with (folder / "drx.yaml").open("a") as config:
        config.write("records: {group: games}\n")
    recovery = folder / "runbooks" / "recovery.yaml"
    recovery.write_text(RECOVERY.replace("again?,", "again?, approvers: {not_operator: true},"))
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    yield folder
    shutil.rmtree(folder)


def report(folder: Path) -> str:
    """The report of the only run."""
    (found,) = folder.rglob("report.md")
    return found.read_text()


def tidy(terminal: Terminal) -> None:
    """The clocks stand on the screen once, at its foot; nothing that was asked before is left."""
    assert terminal.text.count("elapsed 00:") == 1, terminal.text
    assert terminal.text.count("(arrow keys, Enter)") <= 1, terminal.text


@pytest.mark.parametrize("size", [SMALL, LARGE, HUGE], indirect=True, ids=str)
def test_before_anything_it_says_what_it_will_do_where_and_how_long_it_takes(gallery: Path, size: Size) -> None:
    terminal = drx(gallery, "run", "recovery", "--env", "production", size=size)
    terminal.see("Done - the run goes on")
    assert terminal.scrolled.startswith("The gallery is down\n  Images are not shown. This brings them back.")
    terminal.see(
        "1 tell             Tell everybody   (you, 5m)",
        "2 mend             Mend it   (10s, then recovered)",
        "3 agree            Agree to open   (somebody approves, 1m)",
        "where     this machine",
        "how long  about 5m 10s, 5m of it for people (as planned); the RTO is 2h",
        "to stop   Ctrl-C asks what to do",
    )
    terminal.see("INCIDENT recovery in *** PRODUCTION (protected) ***", "RTO 2h  elapsed 00:00:0", "left 01:59:5")
    assert terminal.reversed.startswith("INCIDENT recovery in *** PRODUCTION (protected) ***")
    terminal.see("forecast ", "UTC (as planned)", "> tell ", "(expected 5m)  waits for a person")
    terminal.see(
        "Tell everybody, and say when you write again",
        "Done - the run goes on",
        "It went wrong (what) - the step counts as failed",
        "Skip it (why) - the run goes on without it; the report says so",
        *CONSEQUENCES,
    )
    tidy(terminal)
    terminal.choose("Skip it (why)")
    terminal.answer("Why is it skipped? (Enter: back)", " ")
    terminal.see("Tell everybody, and say when")
    terminal.choose("Skip it (why)")
    terminal.answer("Why is it skipped?", "they know")
    terminal.see("recovered after 00:00:", "Open the gallery again?")
    terminal.choose("Approve - ")
    assert terminal.end() == ExitCode.OK
    terminal.see("RECOVERED", "RTA 00:00:", "(RTO 2h)")
    assert "they know" in report(gallery)


@pytest.mark.parametrize("size", [SMALL, LARGE, HUGE], indirect=True, ids=str)
@pytest.mark.parametrize("lost", [False, True])
def test_a_drill_tells_each_step_in_a_line_and_ends_with_its_verdict(
    project: Project, monkeypatch: pytest.MonkeyPatch, size: Size, lost: bool
) -> None:
    monkeypatch.delenv("CI", raising=False)  # drx says first that a record on such a machine does not last
    missing = project.root / "missing"
    project.write(steps_yaml(*DRILLED), DRILL.format(missing))
    if lost:
        missing.touch()
    terminal = story(project, "drill", size=size)
    assert terminal.end() == (ExitCode.FAILED if lost else ExitCode.OK)
    lines = [re.sub(r"\d\d:\d\d:\d\d|(?<=  )[\d.]+s", "T", line) for line in terminal.text.splitlines() if line]
    (record,) = project.records.iterdir()
    assert lines[0] == f"T  · drill story in lab   {record.name}"
    assert [line for line in lines if line.startswith("T  ✓")] == [
        "T  ✓ fault            The disaster strikes   T",
        "T  ✓ tell             done (the drill's script)",
        "T  ✓ mend             Mend it   T   recovered",
        *(() if lost else ("T  ✓ counted          All images are there   T",)),
    ]
    shown = " ".join(line.strip() for line in lines)
    if lost:
        assert "T  ✗ counted          11 of 12 images are there   T" in lines
        assert "FAILED   counted: 11 of 12 images are there What to do: Look for the other one. RTA T (RTO 2h)" in shown
    else:
        assert "PASSED   RTA T (RTO 2h)   RPA T (RPO 1h)   12 of 12 images" in lines
    assert "".join(lines).endswith(f"report   {record / 'report.md'}"), "a path is broken by the terminal alone"
    assert "elapsed" not in terminal.text


@pytest.mark.parametrize(("given", "left_out"), [((), "hidden"), (("--input", "way=hidden"), "open")])
def test_steps_of_another_way_are_left_out_of_what_it_will_do(
    gallery: Path, size: Size, given: tuple[str, ...], left_out: str
) -> None:
    (gallery / "runbooks" / "two-ways.yaml").write_text(TWO_WAYS)
    terminal = drx(gallery, "run", "two-ways", "--env", "lab", *given, size=size)
    terminal.see("Done - the run goes on")
    way = "open" if left_out == "hidden" else "hidden"
    shown = terminal.scrolled
    assert f"   2 {way:<16} Do it in the {way}   (you, 2m)" in shown
    ahead = "   3 perhaps          Do this if it said so   (1m, if needed, then recovered)"
    assert f"{ahead}\nleft out  1 step, since way is {way}\n" in shown
    assert f"Do it in the {left_out}" not in shown
    terminal.choose("Done - the run goes on")
    terminal.see("Go (arrow keys, Enter)")
    terminal.choose("Done - the run goes on")
    terminal.see("perhaps          skipped: when: steps.look.outputs.answer is defined", "RECOVERED")
    assert f"· {left_out} " not in terminal.scrolled


def test_a_dry_run_shows_each_step_and_leaves_nothing(gallery: Path, size: Size) -> None:
    before = sorted(gallery.rglob("*"))
    terminal = drx(gallery, "run", "recovery", "--env", "lab", "--dry-run", size=size)
    assert terminal.end() == ExitCode.OK
    terminal.see(
        "DRY RUN   recovery - The gallery is down   in lab",
        "Nothing is written, and nothing but the prechecks is run.",
        "tell           Tell everybody   (expected 5m)",
        "a person: Tell everybody, and say when you write again",
        'shell.run command=["echo", "mended"]',
        "the service is recovered after it",
        "one person must approve: Open the gallery again?",
        "Every precheck holds.",
    )
    assert sorted(gallery.rglob("*")) == before


def test_what_went_wrong_can_be_done_by_hand_with_a_reason(gallery: Path, size: Size) -> None:
    terminal = drx(gallery, "run", "recovery", "--env", "lab", size=size)
    terminal.choose("It went wrong (what)")
    terminal.answer("What went wrong?", "nobody picks up")
    terminal.see(
        "Tell everybody failed",
        "went wrong (",
        "nobody picks up",
        "Try again - the same step, from its start",
        "Go on at another step - you choose which",
        "Done by hand (why) - the run goes on after it",
        "Skip it (why) - the run goes on without it; the report says so",
        *CONSEQUENCES,
    )
    tidy(terminal)
    terminal.choose("Write a note")
    terminal.answer("Note:", "the phone list is old")
    terminal.see("the phone list is old")
    terminal.choose("Done by hand (why)")
    terminal.answer("What was done by hand, and why? (Enter: back)")
    terminal.see("Tell everybody failed")
    terminal.choose("Done by hand (why)")
    terminal.answer("What was done by hand, and why?", "wrote a mail")
    terminal.choose("Reject (why)")
    terminal.answer("Why is it rejected?", "not yet")
    terminal.see("Agree to open failed")
    terminal.choose("Abort - roll back")
    terminal.choose("No - go back")
    terminal.see("Agree to open failed")
    terminal.choose("Abort - roll back")
    terminal.see("Abort the run?")
    terminal.choose("Abort - roll back")
    terminal.answer("Why?", "tomorrow")
    assert terminal.end() == ExitCode.FAILED
    terminal.see("aborting: tomorrow")
    said = report(gallery)
    for words in ("nobody picks up", "the phone list is old", "wrote a mail", "not yet", "tomorrow"):
        assert words in said


def test_a_failure_shows_its_output_and_going_back_asks_before_it_repeats(project: Project, size: Size) -> None:
    once, again = project.root / "once", project.root / "again"
    project.write(
        steps_yaml(
            f"{{id: add, title: Add it, action: test.once, with: {{file: '{once}'}}, expect: 1s}}",
            f"{{id: use, title: Use it, action: test.tally, with: {{file: '{again}', fail: 1}}, expect: 1s}}",
        )
    )
    terminal = story(project, size=size)
    terminal.see("✗ use", "this was attempt 1", "Wait", "| first", "| last")
    terminal.see("Use it failed. It has no rollback; trying it again does no harm")
    terminal.choose("Go on at another step")
    terminal.see("Which one?", "Back")
    terminal.choose("add")
    terminal.see(
        "Add it has run before, and is not repeatable. What now?",
        "Do not run it again (why) - what it did before stands; the run goes on",
        "Run it again - what it does is done a second time",
        *CONSEQUENCES,
    )
    tidy(terminal)
    terminal.choose("Run it again")
    assert terminal.end() == ExitCode.OK
    assert (once.read_text(), again.read_text()) == ("x\nx\n", "x\nx\n")


def test_ctrl_c_while_a_step_runs_offers_four_ways_and_resume_tells_who_left_it(project: Project, size: Size) -> None:
    slow = "{id: slow, title: Copy it, action: test.slow, with: {seconds: 60s}, expect: 1m}"
    quick = f"{{id: quick, title: Begin, action: test.tally, with: {{file: '{project.root / 'tally'}'}}, expect: 1s}}"
    terminal = story(project.write(steps_yaml(quick, slow)), size=size)
    terminal.see("✓ quick", "> slow ", "(expected 1m)", " / 60,000 rounds", "/s  00:00:5", " left")
    tidy(terminal)
    terminal.type(CTRL_C)
    terminal.see(
        "Interrupted. What now? (Ctrl-C again stops at once)",
        "Go on - as if nothing had happened",
        "Pause or hand over - the running step is stopped; `drx resume` goes on",
        "Stop slow - end it now and decide what follows",
        CONSEQUENCES[-1],
    )
    tidy(terminal)
    terminal.type(ENTER)
    terminal.see_no_more("Interrupted.")
    terminal.see("> slow ")
    time.sleep(2.0)  # sooner, it would be the second one of two
    terminal.type(CTRL_C)
    terminal.see("Interrupted.")
    terminal.choose("Pause or hand over")
    assert terminal.end() == ExitCode.PAUSED
    terminal.see("paused. Go on with: drx resume ")
    again = story(project, "resume", size=size)
    again.see("✓ quick", "left by ada on bastion at ", " UTC, ")
    again.see("ada on bastion goes on; what is done above is not done again", "> slow ")
    again.type(CTRL_C)
    again.see("Interrupted.")
    again.type(CTRL_C)
    assert again.end() == ExitCode.INTERRUPTED
    assert (project.root / "tally").read_text() == "x\n"


def test_a_second_terminal_follows_approves_and_writes_notes(gallery: Path, size: Size) -> None:
    first = drx(gallery, "run", "recovery", "--env", "lab", size=size)
    first.choose("Done - the run goes on")
    first.see("Open the gallery again?")
    second = drx(gallery, "show", "--follow", size=size)
    second.see("✓ mend", "? agree", "waits for a person", "Open the gallery again?", "drx approve 20")
    third = drx(gallery, "note", "the lights are on", size=size)
    assert third.end() == ExitCode.OK
    for terminal in (first, second):
        terminal.see("the lights are on")
    run = next((gallery / "drills" / "records").iterdir()).name
    third = drx(gallery, "approve", run, "agree", size=size)
    third.see("It is taken up within a second, or when the run is resumed.")
    assert third.end() == ExitCode.OK
    assert first.end() == ExitCode.OK
    assert second.end() == ExitCode.OK
    for terminal in (first, second):
        terminal.see("✓ agree", "RECOVERED")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as two people")
def test_whoever_runs_it_cannot_approve_and_a_second_account_can(shared: Path, size: Size) -> None:
    first = drx(shared, "run", "recovery", "--env", "production", size=size)
    first.choose("Done - the run goes on")
    run = next((shared / "drills" / "records").iterdir()).name[-4:]
    first.see(
        "Open the gallery again?",
        f"who may approve: anybody but root, who runs it, by drx approve {run} agree",
        "Reject (why) - the step counts as failed",
    )
    assert "Approve - " not in first.text
    own = drx(shared, "approve", run, "agree", size=size)
    assert own.end() == ExitCode.USAGE
    own.see("root runs this runbook")
    daemon = ("setpriv", "--reuid=daemon", "--regid=games", "--clear-groups", str(DRX))
    second = Terminal((*daemon, "approve", run, "agree"), shared, size=size)
    assert second.end() == ExitCode.OK
    second.see("It is taken up within a second, or when the run is resumed.")
    assert first.end() == ExitCode.OK
    first.see("✓ agree", "daemon", "RECOVERED")
    assert re.search(r"agree.*daemon", report(shared))
