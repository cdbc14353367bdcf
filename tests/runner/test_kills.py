"""SIGKILL at random moments of a real recovery: every resume ends with the same database, whatever was under way."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from pymongo import MongoClient

from drx.engine.events import RunFinished, StepStarted, StepSucceeded
from drx.engine.terms import Part
from drx.errors import ExitCode
from drx.journal import JOURNAL, read_journal
from drx.sandbox.servers import down, up
from drx.sandbox.state import SandboxState
from drx.units import show_time
from tests.runner.project import Project

ROOT = Path(__file__).resolve().parents[2]
KILLS = 50
BATCHES = 5
"""A sandbox grows slower with every recovery, and each batch can have one of its own beside the others."""
PREPARE = """
runbook: story
kind: operation
title: Fill the sandbox and back it up
steps:
  - {id: seed, action: sandbox.seed, with: {users: 50, images: 500, objects: 50}, expect: 1m}
  - {id: backup, action: backup.base, expect: 1m}
  - {id: write, action: sandbox.write, with: {rate: 100}, expect: 1m}
  - {id: work, action: wait.until, with: {for: 1s}, expect: 1s}
  - {id: stop, action: sandbox.stop_writing, expect: 10s}
"""
KEPT = """
  - {id: kept, action: sandbox.compare_ledger, with: {database: pixelcraft_recovered}, expect: 10s, on_failure: abort}
"""


@dataclass
class Disaster:
    """A sandbox whose images are gone, and a project with the runbook that brings them back."""

    project: Project
    directory: Path
    state: SandboxState
    incident_time: str
    seconds: float = 0.0
    """How long an undisturbed recovery takes, from its first event to its last."""

    def start(self) -> subprocess.Popen[str]:
        return self._program(self.incident_time)

    def resume(self) -> ExitCode:
        with self._program("resume") as run:
            output, _ = run.communicate(timeout=120)
        assert run.returncode in (ExitCode.OK, ExitCode.OBJECTIVE_MISSED), output
        return ExitCode(run.returncode)

    def reset(self) -> None:
        """Forget the run and what it restored; the damage stays."""
        if self.project.records.exists():
            shutil.rmtree(self.project.records)
        with MongoClient[dict[str, object]](self.state.mongo_uri) as client:
            client.drop_database("pixelcraft_recovered")

    def _program(self, argument: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.runner.answering", str(self.project.root), str(self.directory), argument],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip


@pytest.fixture(scope="module")
def disaster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Disaster]:
    """Seed 500 images, back them up, go on writing, then really drop the collection."""
    root = tmp_path_factory.mktemp("disaster")
    directory = root / "sandbox"
    state = up(directory)
    try:
        project = Project(root, addresses=state.addresses).write(PREPARE, config=(ROOT / "drx.yaml").read_text())
        assert project.run(environment="sandbox") is ExitCode.OK, project.shown
        shutil.rmtree(project.records)
        moment = show_time(datetime.now(UTC))
        with MongoClient[dict[str, object]](state.mongo_uri) as client:
            client["pixelcraft"].drop_collection("images")
        text = (ROOT / "runbooks" / "db-drop.yaml").read_text().replace("not_operator: true", "not_operator: false")
        text = text.replace("runbook: db-drop", "runbook: story").replace("\ncleanup:", f"{KEPT}\ncleanup:")
        project.write(text, config=(ROOT / "drx.yaml").read_text())
        yield Disaster(project, directory, state, moment)
    finally:
        down(directory, remove_data=True)


def _undisturbed(disaster: Disaster) -> dict[str, object]:
    with disaster.start() as run:
        output, _ = run.communicate(timeout=120)
    assert run.returncode in (ExitCode.OK, ExitCode.OBJECTIVE_MISSED), output
    events = read_journal(_journal(disaster))
    disaster.seconds = (events[-1].at - events[0].at).total_seconds()
    return _end(disaster)


def _journal(disaster: Disaster) -> Path:
    (path,) = disaster.project.records.glob(f"*/{JOURNAL}")
    return path


def _end(disaster: Disaster) -> dict[str, object]:
    """What has to be the same after every kill: the outcome, the ledger's comparison with what was restored, and
    which databases the server itself says there are."""
    facts = disaster.project.facts
    kept = [fact.outputs for fact in facts if isinstance(fact, StepSucceeded) and fact.step == "kept"]
    with MongoClient[dict[str, object]](disaster.state.mongo_uri) as client:
        databases = sorted(client.list_database_names())
    finished = [fact for fact in facts if isinstance(fact, RunFinished)]
    return {"kept": kept[-1:], "finished": finished, "databases": databases}


def _kill(disaster: Disaster, seconds: float) -> bool:
    """Start a recovery and kill it so long after its first event; whether it was still under way."""
    with disaster.start() as run:
        while run.poll() is None and not list(disaster.project.records.glob(f"*/{JOURNAL}")):
            time.sleep(0.002)
        time.sleep(seconds)
        run.kill()
        run.communicate()
    events = read_journal(_journal(disaster))
    return bool(events) and not any(isinstance(event.fact, RunFinished) for event in events)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_recovery_survives_being_killed_anywhere(disaster: Disaster, batch: int) -> None:
    disaster.reset()
    end = _undisturbed(disaster)
    assert end["kept"]
    random = Random(20261121 + batch)
    wanted, caught = KILLS // BATCHES, 0
    for number in range(3 * wanted):
        disaster.reset()
        if not _kill(disaster, random.uniform(0.0, disaster.seconds)):
            continue
        caught += 1
        disaster.resume()
        assert _end(disaster) == end, f"kill {number}"
        starts = [fact for fact in disaster.project.facts if isinstance(fact, StepStarted)]
        identities = [(fact.step, fact.visit, fact.attempt, fact.part) for fact in starts if fact.part is Part.WORK]
        assert len(set(identities)) == len(identities), "an attempt began twice"
        if caught == wanted:
            return
    pytest.fail(f"only {caught} of {3 * wanted} kills hit a run that was under way")
