"""`drx run NAME --tabletop`: people talk a scenario through at a real terminal, and nothing is touched."""

import json
from pathlib import Path

import pytest

from drx.cli import app
from drx.cli.binder import read_binder
from drx.engine.events import Answered, Event, RunFinished, StepFailed, StepSucceeded
from drx.engine.terms import Choice, Outcome
from drx.errors import ExitCode
from drx.journal import JOURNAL, read_journal
from tests.terminal import ENTER, SMALL, Size, Terminal, drx

Capture = pytest.CaptureFixture[str]
ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
service: x
objectives: {rto: 1h, rpo: 1h}
environments: {production: {protected: true, mongo: {uri: "${NOT_SET}", database: shop}}}
"""
RUNBOOK = """
runbook: outage
title: It is down
steps:
  - {id: tell, confirm: Tell everybody, expect: 1m}
  - {id: mend, action: shell.run, with: {command: [touch, "{{ target.mongo.database }}"]}, expect: 100s}
  - id: look
    action: shell.run
    with: {command: [touch, looked]}
    when: steps.mend.outputs.exit_code is defined
    expect: 100s
    recovered: true
surprises:
  - {at: mend, text: The person on call is on a plane., ask: Whom do you call?}
  - {at: mend, text: "The disk is {{ full }}", fails: true}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "drx.yaml").write_text(CONFIG)
    (tmp_path / "runbooks" / "outage.yaml").write_text(RUNBOOK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def events(project: Path) -> list[Event]:
    (record,) = (project / "drills" / "records").iterdir()
    return read_journal(record / JOURNAL)


def begin(project: Path, size: Size = SMALL) -> Terminal:
    terminal = drx(project, "run", "outage", "--env", "production", "--tabletop", "--speed", "500", size=size)
    terminal.see("TABLETOP")
    terminal.see("Done - the run goes on")
    return terminal


@pytest.mark.slow
def test_people_are_surprised_and_nothing_is_touched(project: Path, size: Size) -> None:
    terminal = begin(project, size)
    terminal.type(ENTER)
    terminal.see("Whom do you call?")
    terminal.type(ENTER)
    terminal.see("on a plane")
    terminal.type("Anna", ENTER)
    terminal.see("The disk is")
    terminal.see("Try again")
    terminal.type(ENTER)
    terminal.see("report ")
    assert terminal.end() == ExitCode.OK
    facts = [event.fact for event in events(project)]
    assert [fact.error for fact in facts if isinstance(fact, StepFailed)] == ["surprise: The disk is {{ full }}"]
    assert "Anna" in [fact.value for fact in facts if isinstance(fact, Answered)]
    assert [fact.step for fact in facts if isinstance(fact, StepSucceeded)] == ["mend", "look"]
    assert not (project / "shop").exists()
    assert not (project / "looked").exists()
    (record,) = (project / "drills" / "records").iterdir()
    assert "-tabletop-outage-" in record.name
    report = (record / "report.md").read_text()
    assert report.startswith("# SUCCEEDED: TABLETOP: It is down")
    assert "nothing here proves that the runbook works" in report
    assert "TABLETOP" in (record / "report.html").read_text()
    assert json.loads((record / "report.json").read_text())["run"]["rto"]["actual"] is None


@pytest.mark.slow
def test_a_resumed_tabletop_still_touches_nothing(project: Path) -> None:
    terminal = begin(project)
    terminal.type("\x03")
    terminal.see("Pause")
    terminal.type("\x03")
    assert terminal.end() == ExitCode.INTERRUPTED
    terminal = drx(project, "resume")
    terminal.see("Done - the run goes on")
    terminal.type(ENTER)
    terminal.see("Whom do you call?")
    terminal.type(ENTER)
    terminal.see("on a plane")
    terminal.type("Bert", ENTER)
    terminal.see("Try again")
    terminal.type(ENTER)
    terminal.see("report ")
    assert terminal.end() == ExitCode.OK
    facts = [event.fact for event in events(project)]
    assert isinstance(facts[-2], RunFinished)
    assert facts[-2].outcome is Outcome.SUCCEEDED
    assert Choice.RETRY in [fact.choice for fact in facts if isinstance(fact, Answered)]
    assert not (project / "shop").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tabletop", "--unattended"], "a tabletop is for people"),
        (["--tabletop", "--dry-run"], "exclude each other"),
        (["--speed", "3"], "--speed is for a tabletop"),
        (["--tabletop", "--speed", "0"], "makes no sense"),
    ],
)
def test_what_makes_no_sense_is_refused(project: Path, capsys: Capture, arguments: list[str], said: str) -> None:
    assert app.run(["run", "outage", "--env", "production", *arguments]) == ExitCode.USAGE
    assert said in capsys.readouterr().err
    assert not (project / "drills").exists()


def test_a_tabletop_without_a_terminal_needs_a_person(project: Path) -> None:
    assert app.run(["run", "outage", "--env", "production", "--tabletop"]) == ExitCode.HUMAN_NEEDED


@pytest.mark.parametrize(
    ("surprise", "said"),
    [
        ("{at: mand, text: T}", "there is no step 'mand'. Did you mean 'mend'?"),
        ("{at: tell, text: T, fails: true}", "'tell' is not automated"),
        ("{at: mend, text: T, fails: true, ask: Q}", "a step that fails asks by itself"),
        ("{at: mend}", "text"),
        ("{at: mend, text: T, fails: true}", "'mend' fails already, once. Keep one of the two"),
    ],
)
def test_surprises_are_checked(project: Path, capsys: Capture, surprise: str, said: str) -> None:
    path = project / "runbooks" / "outage.yaml"
    path.write_text(path.read_text() + f"  - {surprise}\n")
    assert app.run(["check", "outage"]) == ExitCode.INVALID
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("name", ["db-drop", "server-failure", "s3-loss", "full-infra-loss"])
def test_every_shipped_scenario_holds_surprises(name: str) -> None:
    surprises = read_binder(ROOT).runbook(name).surprises
    assert any(surprise.ask for surprise in surprises)
    assert any(surprise.fails for surprise in surprises)
