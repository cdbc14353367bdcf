"""The healthy drill passes, and an observer outside drx counts what really happened, never asking the journal."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from bson import Timestamp
from bson.json_util import CANONICAL_JSON_OPTIONS, dumps
from pymongo import MongoClient

from drx.errors import ExitCode
from drx.reports.shapes import Word
from drx.sandbox.host import ready_path, variables_path
from drx.sandbox.ledger import read_history
from drx.sandbox.state import SandboxState, ledger_path
from tests.drills.harness import Project

RECOVERED = "pixelcraft_recovered"


@dataclass
class Seen:
    """What an observer saw who asks neither drx nor its journal."""

    entries: list[dict[str, object]] = field(default_factory=list)
    """Every entry of the server's oplog."""
    deployed: list[str] = field(default_factory=list)
    """The databases that the application was deployed with, one for each time that it got ready."""

    def commands(self, database: str, command: str) -> dict[str, int]:
        """How often each collection of a database was dropped, or created."""
        found = (each["o"] for each in self.entries if each["op"] == "c" and each["ns"] == f"{database}.$cmd")
        return dict(Counter(str(each[command]) for each in found if isinstance(each, dict) and command in each))


def test_the_healthy_drill_passes_and_each_effect_happened_once(project: Project, sandbox: SandboxState) -> None:
    with observed(sandbox) as seen:
        outcome = project.drill()
    assert outcome.code == ExitCode.OK, outcome.screen
    assert outcome.report.verdict.word is Word.PASSED
    _each_effect_happened_once(seen, sandbox)


@pytest.mark.slow
@pytest.mark.parametrize("step", ["restore", "switch"])
def test_a_drill_that_is_killed_and_resumed_does_nothing_twice(
    project: Project, sandbox: SandboxState, step: str
) -> None:
    with observed(sandbox) as seen:
        with project.start("drill", "db-drop", "--env", "sandbox", "--keep") as process:
            project.await_event(f'"type":"StepStarted","data":{{"step":"{step}"')
            process.kill()
            process.communicate()
        (record,) = project.records.iterdir()
        outcome = replace(project.drx("resume"), record=record)
    assert outcome.code == ExitCode.OK, outcome.screen
    assert outcome.report.verdict.word is Word.PASSED
    _each_effect_happened_once(seen, sandbox)


@pytest.mark.slow
def test_a_fault_that_was_cut_short_never_strikes_twice(project: Project, sandbox: SandboxState) -> None:
    """Nobody knows whether it struck, and it may not be repeated: a person has to look."""
    with observed(sandbox) as seen:
        with project.start("drill", "db-drop", "--env", "sandbox", "--keep") as process:
            project.await_event('"type":"StepStarted","data":{"step":"fault"')
            process.kill()
            process.communicate()
        outcome = project.drx("resume")
    assert outcome.code == ExitCode.HUMAN_NEEDED, outcome.screen
    assert "FAILED" in outcome.screen
    assert "fault: It was interrupted" in outcome.screen
    assert seen.commands("pixelcraft", "drop") in ({}, {"images": 1})
    assert seen.deployed == ["pixelcraft"]


@pytest.mark.slow
def test_a_second_drill_in_the_same_sandbox_waits_its_turn(project: Project, sandbox: SandboxState) -> None:
    with observed(sandbox) as seen:
        with project.start("drill", "db-drop", "--env", "sandbox", "--keep") as process:
            project.await_event('"type":"StepStarted","data":{"step":"seed"')
            second = project.drill()
            screen, _ = process.communicate(timeout=100)
        first = project.outcome(process, screen)
    assert second.code == ExitCode.LOCKED, second.screen
    assert second.record is None
    assert first.code == ExitCode.OK, screen
    _each_effect_happened_once(seen, sandbox)


def _each_effect_happened_once(seen: Seen, sandbox: SandboxState) -> None:
    assert seen.commands("pixelcraft", "drop") == {"images": 1}
    assert seen.commands(RECOVERED, "drop") == {}
    assert seen.commands(RECOVERED, "create") == {"images": 1, "users": 1}
    assert not [each for each in seen.entries if str(each["ns"]).startswith(RECOVERED) and each["op"] in ("u", "d")]
    assert seen.deployed == ["pixelcraft", RECOVERED]
    _compare_inserts(seen.entries, sandbox)


def _compare_inserts(entries: list[dict[str, object]], sandbox: SandboxState) -> None:
    """Each document that the writers left was inserted once by the restore, and no other was."""
    inserted = Counter(
        (str(entry["ns"]).partition(".")[2], _identifier(entry)) for entry in entries
        if entry["op"] == "i" and str(entry["ns"]).startswith(f"{RECOVERED}.")
    )  # fmt: skip
    left = {
        (collection, name): 1
        for collection, documents in read_history(ledger_path(sandbox.directory)).documents.items()
        for name, versions in documents.items() if versions[-1].sha256 is not None
    }  # fmt: skip
    assert len(left) > 500
    assert inserted == left


@contextmanager
def observed(sandbox: SandboxState) -> Iterator[Seen]:
    """Look at the server's oplog, and at the application's host, while something goes on."""
    seen = Seen()
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(sandbox, seen.deployed, over))
    with MongoClient[dict[str, object]](sandbox.mongo_uri) as client:
        since = _newest(client)
        watcher.start()
        try:
            yield seen
        finally:
            over.set()
            watcher.join()
        seen.entries += client.local["oplog.rs"].find({"ts": {"$gt": since}})


def _watch(sandbox: SandboxState, seen: list[str], over: threading.Event) -> None:
    ready, variables = ready_path(sandbox.directory), variables_path(sandbox.directory)
    last = ready.stat().st_ino, ready.stat().st_mtime_ns
    while not over.wait(0.01):
        found = ready.stat().st_ino, ready.stat().st_mtime_ns
        if found != last:
            last = found
            address = json.loads(variables.read_text())["DATABASE_URL"]
            seen.append(address.rpartition("/")[2].partition("?")[0])


def _newest(client: MongoClient[dict[str, object]]) -> Timestamp:
    found = client.local["oplog.rs"].find_one(sort=[("$natural", -1)])
    assert found is not None
    assert isinstance(found["ts"], Timestamp)
    return found["ts"]


def _identifier(entry: dict[str, object]) -> str:
    document = entry["o"]
    assert isinstance(document, dict)
    return dumps(document["_id"], json_options=CANONICAL_JSON_OPTIONS)
