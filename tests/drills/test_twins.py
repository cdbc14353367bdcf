"""Drills that must fail: each is the healthy drill with one thing spoiled, and has to say what is wrong."""

import re
import time

import pytest

from drx.engine.events import StepStarted, StepSucceeded
from drx.errors import ExitCode
from drx.reports.shapes import Word
from drx.sandbox.state import SandboxState
from tests.drills.harness import Outcome, Project
from tests.drills.sabotage import STALE, store_of

SWITCH = 'with: {name: DATABASE_URL, mongo_database: "{{ steps.restore.outputs.database }}"}'


def fails(outcome: Outcome, step: str, reason: str) -> None:
    """Hold a failed drill against the step that has to fail, and why; nothing may say that it passed."""
    assert outcome.code == ExitCode.FAILED, outcome.screen
    report = outcome.report
    assert report.verdict.word is Word.FAILED
    assert report.verdict.step == step, outcome.screen
    assert re.search(reason, report.verdict.reason), report.verdict.reason
    assert re.search(reason, outcome.failures[step])
    assert report.verdict.remedy
    assert "PASSED" not in outcome.screen
    assert "Traceback" not in outcome.everything_written
    print(f"\nTWIN {report.verdict.word} {report.verdict.reason} | {report.verdict.remedy}")


UNKNOWN = "neither the base nor the oplog before it holds that document"
SLOW = pytest.mark.slow
SPOILED = [
    pytest.param("delete_first_slice", True, "slice", "no slice holds the oplog between", id="slice-deleted"),
    pytest.param("alter_document_in_base", False, "kept", "0 missing, 1 different, 0 extra", id="document-altered"),
    pytest.param("delete_content_of_first_slice", True, "find", "gz: NoSuchKey", id="slice-hollow", marks=SLOW),
    pytest.param("empty_first_slice", True, "restore", UNKNOWN, id="slice-forged", marks=SLOW),
    pytest.param("empty_slices", True, "kept", "[1-9][0-9]* missing, [1-9]", id="oplog-lost", marks=SLOW),
    pytest.param("flip_byte_in_base", False, "restore", "images.bson.gz.* is damaged", id="bit-flipped", marks=SLOW),
    pytest.param("remove_document_from_base", False, "kept", "1 missing, 0 different, 0 extra", id="gone", marks=SLOW),
    pytest.param("lose_indexes_in_base", False, "kept", "users lacks the index email", id="no-indexes", marks=SLOW),
    pytest.param("empty_base", False, "restore", UNKNOWN, id="base-of-nothing", marks=SLOW),
    pytest.param("truncate_base", False, "base", "images.bson.gz", id="base-truncated", marks=SLOW),
    pytest.param("delete_base_manifest", False, "base", "holds no base", id="no-base", marks=SLOW),
    pytest.param("call_base_of_other_database", False, "base", "only of pixelcraft_stale", id="foreign", marks=SLOW),
    pytest.param("delete_upload", False, "references", "1 missing", id="upload-deleted", marks=SLOW),
    pytest.param("alter_upload", False, "references", "1 different", id="upload-altered", marks=SLOW),
    pytest.param("replace_application", False, "served", "gave 2 bytes with SHA-256", id="app-dead", marks=SLOW),
    pytest.param("cache_application", False, "live", "answered without the text", id="app-cached", marks=SLOW),
]


@pytest.mark.slow
@pytest.mark.parametrize(("spoiling", "slices", "step", "reason"), SPOILED)
def test_a_spoiled_drill_fails(project: Project, spoiling: str, slices: bool, step: str, reason: str) -> None:
    project.sabotage(spoiling, slices=slices)
    fails(project.drill(), step, reason)


@pytest.mark.slow
def test_an_application_on_a_forgotten_copy_fails(project: Project) -> None:
    """The copy has images and files, so that the health page is content; only what was written last is missing."""
    project.sabotage("copy_to_stale_database")
    project.change("runbooks/db-drop.yaml", SWITCH, SWITCH.replace("{{ steps.restore.outputs.database }}", STALE))
    outcome = project.drill()
    fails(outcome, "served", "answered 404")
    assert "healthy" not in outcome.failures


@pytest.mark.slow
def test_an_application_on_another_database_than_the_restored_one_fails(project: Project) -> None:
    """The restore goes elsewhere than the application does: there, nothing is."""
    project.change("runbooks/db-drop.yaml", SWITCH, SWITCH.replace("{{ steps.restore.outputs.database }}", STALE))
    project.change("runbooks/db-drop.yaml", "within: 5m", "within: 2s")
    fails(project.drill(), "healthy", "503")


@pytest.mark.slow
def test_a_base_of_another_database_is_never_restored(project: Project) -> None:
    """It is the newest in the store, and honest; yet it is not of this database."""
    project.sabotage("base_of_other_database")
    outcome = project.drill()
    assert outcome.code == ExitCode.OK, outcome.screen
    restored = next(
        event.fact.outputs for event in outcome.events
        if isinstance(event.fact, StepSucceeded) and event.fact.step == "restore"
    )  # fmt: skip
    assert restored["base"] != "9999-wrong"


@pytest.mark.slow
def test_a_fault_that_did_not_happen_fails(project: Project) -> None:
    project.change("drills/db-drop.yaml", "with: {collection: images}", "with: {collection: nothing}")
    outcome = project.drill()
    fails(outcome, "fault", "pixelcraft.nothing holds nothing that could be lost")
    assert not any(isinstance(event.fact, StepStarted) and event.fact.step == "slice" for event in outcome.events)


@pytest.mark.slow
def test_a_fault_that_nobody_notices_fails(project: Project) -> None:
    """Users are lost, and no symptom of the runbook is about users."""
    project.change("drills/db-drop.yaml", "with: {collection: images}", "with: {collection: users}")
    project.change("drills/db-drop.yaml", "within: 1m", "within: 2s")
    outcome = project.drill()
    fails(outcome, "detect", "2s")
    assert not any(isinstance(event.fact, StepStarted) and event.fact.step == "slice" for event in outcome.events)


@pytest.mark.slow
def test_a_slice_that_vanishes_meanwhile_fails(project: Project, sandbox: SandboxState) -> None:
    """From outside: the emergency slice is deleted as soon as it is in the store."""
    store = store_of(sandbox)
    with project.start("drill", "db-drop", "--env", "sandbox", "--keep") as process:
        while process.poll() is None:
            for entry in store.list("pixelcraft/oplog/"):
                store.delete(entry.key)
            time.sleep(0.01)
        screen, _ = process.communicate()
    outcome = project.outcome(process, screen)
    assert outcome.code == ExitCode.FAILED, screen
    assert outcome.report.verdict.word is Word.FAILED
    assert outcome.report.verdict.step in ("find", "restore"), screen
    assert re.search("NoSuchKey|holds no drop|archived oplog", outcome.report.verdict.reason)
