"""Servers that are silent, closed, locked or dying: one clear sentence, the right exit code, no secret anywhere."""

import os
import signal
from pathlib import Path

import pytest
from pymongo import MongoClient

from drx.backup.format.catalog import list_bases, list_slices
from drx.engine.events import StepSucceeded
from drx.errors import ExitCode
from drx.reports.shapes import Word
from drx.sandbox import servers as sandboxes
from drx.sandbox.state import MONGO, SandboxState, s3_name
from drx.units import show_time
from tests import servers
from tests.drills.harness import Outcome, Project, silent
from tests.drills.sabotage import SERVICE, store_of

CANARY = "Kanarienvogel@7/x"
ENCODED = "Kanarienvogel%407%2Fx"
CONFIG = """
service: pixelcraft
objectives: {rto: 2h, rpo: 1h}
environments:
  production: {protected: true, mongo: {uri: "${DATABASE_URL}", database: pixelcraft}}
  lab: {mongo: {uri: "${LAB_URL}", database: pixelcraft}, health_url: "http://127.0.0.1:9/", app_url: "http://127.0.0.1:9"}
backups: {primary: {directory: store}}
contacts: {channel: "#ops"}
"""
TALKATIVE = """
runbook: talkative
kind: operation
title: A step that tells all it knows
steps:
  - {id: tell, action: shell.run, with: {command: [/usr/bin/printenv, LAB_URL]}, expect: 1s}
  - id: decoded
    action: shell.run
    with: {shell: true, command: "printenv LAB_URL | sed 's/%40/@/; s,%2F,/,; s/.*drx:/is /'; exit 3"}
    expect: 1s
    on_failure: continue
  - {id: ping, action: mongo.ping, expect: 1s, on_failure: abort}
"""
RUN = ("run", "db-drop", "--env", "lab", "--unattended", "--input", "incident_time=2020-11-21T08:00:00Z")


@pytest.fixture
def lab(tmp_path: Path) -> Project:
    project = Project(tmp_path, tmp_path / "no-sandbox")
    project.write("drx.yaml", CONFIG)
    project.write("runbooks/talkative.yaml", TALKATIVE)
    return project


def fails_clearly(outcome: Outcome, code: ExitCode, *texts: str) -> None:
    """Hold a failure against its exit code and what it has to say; it may give nothing away."""
    assert outcome.code == code, outcome.screen
    said = " ".join(outcome.screen.split())
    for text in texts:
        assert text in said
    everything = outcome.everything_written
    assert "Traceback" not in everything
    assert CANARY not in everything
    assert ENCODED not in everything
    assert "Kanarienvogel" not in everything


@pytest.mark.slow
@pytest.mark.parametrize("answers", [True, False], ids=["listening", "closed"])
def test_a_database_that_does_not_answer(lab: Project, answers: bool) -> None:
    with silent(answers=answers) as port:
        lab.environ["LAB_URL"] = f"mongodb://drx:{ENCODED}@127.0.0.1:{port}/?directConnection=true"
        outcome = lab.drx(*RUN)
    fails_clearly(
        outcome, ExitCode.FAILED, f"server: the MongoDB server 127.0.0.1:{port} does not answer", "What to do"
    )
    assert outcome.report.verdict.word is Word.NOT_RECOVERED
    assert outcome.report.verdict.step == "server"


@pytest.mark.slow
def test_wrong_credentials(lab: Project, tmp_path: Path) -> None:
    with servers.mongo(tmp_path / "locked", "--auth") as uri:
        lab.environ["LAB_URL"] = uri.replace("mongodb://", f"mongodb://drx:{ENCODED}@")
        outcome = lab.drx(*RUN)
    fails_clearly(outcome, ExitCode.FAILED, "refuses the user or the password", "mongo.uri of this environment")
    assert outcome.report.verdict.step == "server"


@pytest.mark.slow
def test_a_command_that_prints_the_password(lab: Project) -> None:
    with silent(answers=False) as port:
        lab.environ["LAB_URL"] = f"mongodb://drx:{ENCODED}@127.0.0.1:{port}/?directConnection=true"
        outcome = lab.drx("run", "talkative", "--env", "lab", "--unattended")
    fails_clearly(outcome, ExitCode.FAILED, "does not answer", "is ***")


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_variable(lab: Project, value: str | None) -> None:
    if value is not None:
        lab.environ["LAB_URL"] = value
    outcome = lab.drx(*RUN)
    fails_clearly(outcome, ExitCode.INVALID, "drx.yaml:6:22: the variable LAB_URL", "export LAB_URL=...")
    assert outcome.record is None
    assert not lab.records.exists()


def test_an_address_that_is_none(lab: Project) -> None:
    lab.environ["LAB_URL"] = f"postgres://drx:{ENCODED}@127.0.0.1/pixelcraft"
    fails_clearly(lab.drx(*RUN), ExitCode.INVALID, "drx.yaml:6:22: ", "no address of a MongoDB server")


@pytest.mark.slow
@pytest.mark.parametrize("step", ["slice", "restore"])
def test_a_store_that_disappears_half_way(project: Project, sandbox: SandboxState, step: str) -> None:
    """The run fails and tidies up; once the store is back, everything can still be recovered."""
    outcome = _kill_at(project, sandbox, step, s3_name("us-east-1"))
    fails_clearly(outcome, ExitCode.FAILED, "FAILED", "the store does not answer")
    assert outcome.report.verdict.step in (step, "references")
    state = sandboxes.up(sandbox.directory)
    with MongoClient[dict[str, object]](state.mongo_uri) as client:
        assert "pixelcraft_recovered" not in client.list_database_names(), "it is rolled back"
        assert client["pixelcraft"]["users"].count_documents({}) > 0
    assert len(list_bases(store_of(state), SERVICE)) == 1
    again = project.drx(
        "run", "db-drop", "--env", "sandbox", "--unattended", "--input", f"incident_time={_struck(outcome)}"
    )
    assert again.code == ExitCode.HUMAN_NEEDED, again.screen  # nobody is there to agree to the switch
    assert {"restore", "references"} <= _succeeded(again)
    assert len(list_slices(store_of(state), SERVICE)) >= 1


@pytest.mark.slow
def test_a_database_server_that_dies_half_way(project: Project, sandbox: SandboxState) -> None:
    outcome = _kill_at(project, sandbox, "restore", MONGO)
    fails_clearly(outcome, ExitCode.FAILED, "FAILED restore: the MongoDB server 127.0.0.1:", "does not answer")
    assert outcome.report.verdict.step == "restore"
    assert "tidy" in _succeeded(outcome) | set(outcome.failures), "the cleanup is tried whatever happens"


def _kill_at(project: Project, sandbox: SandboxState, step: str, member: str) -> Outcome:
    """Run the drill, and end a server as soon as a step begins."""
    with project.start("drill", "db-drop", "--env", "sandbox", "--keep") as process:
        project.await_event(f'"type":"StepStarted","data":{{"step":"{step}"')
        os.kill(sandbox.member(member).pid, signal.SIGKILL)
        screen, _ = process.communicate(timeout=100)
    return project.outcome(process, screen)


def _succeeded(outcome: Outcome) -> set[str]:
    return {event.fact.step for event in outcome.events if isinstance(event.fact, StepSucceeded)}


def _struck(outcome: Outcome) -> str:
    return show_time(outcome.report.clock.moment)
