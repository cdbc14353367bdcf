"""Files, a bucket, a whole region are lost for real, and come back; with one thing spoiled the drill must fail."""

import re
import sys
from contextlib import closing
from hashlib import sha256

import pytest
from pymongo import MongoClient

from drx.errors import ExitCode
from drx.reports.shapes import Word
from drx.sandbox import servers
from drx.sandbox.buckets import connect_s3
from drx.sandbox.state import ACCESS_KEY, APP, SECRET_KEY, UPLOADS_BUCKET, SandboxState
from tests.drills.harness import ROOT, SABOTAGE, Outcome, Project

pytestmark = pytest.mark.slow
UPLOADS = ("s3-loss", "uploads-overwritten", "uploads-purged", "bucket-deleted")
EVERYTHING = "full-infra-loss"
DOCUMENTS = "bad-documents"
IN_PLACE = (*UPLOADS, DOCUMENTS)
_SMALLER = (
    ("images: 5000, objects: 500", "images: 200, objects: 30"),
    ("images: 1000, objects: 200", "images: 200, objects: 30"),
    ("images: 50000, objects: 1000", "images: 200, objects: 30"),
    ("with: {images: 3000}", "with: {images: 1200, objects: 30}"),
    ("for: 3s", "for: 500ms"),
)
_IMPATIENT = re.compile(r"retry: \{attempts: \d, wait: \d+s(, backoff: 2)?\}")


@pytest.fixture
def losses(project: Project) -> Project:
    """The project with all of these drills, small and impatient."""
    for name in ("s3-loss", EVERYTHING, "rebuild-database", "rebuild-uploads"):
        text = (ROOT / "runbooks" / f"{name}.yaml").read_text()
        project.write(f"runbooks/{name}.yaml", _IMPATIENT.sub("retry: {attempts: 2, wait: 100ms}", text))
    for name in (*UPLOADS, EVERYTHING, "bad-migration", DOCUMENTS):
        text = (ROOT / "drills" / f"{name}.yaml").read_text()
        for before, after in _SMALLER:
            text = text.replace(before, after)
        project.write(f"drills/{name}.yaml", text)
    return project


def drill(project: Project, name: str) -> Outcome:
    return project.drx("drill", name, "--env", "sandbox", "--keep")


def spoil(project: Project, name: str, spoiling: str) -> None:
    """Have it done as the last thing of the drill's set-up."""
    command = f"[{sys.executable}, -P, {SABOTAGE}, {project.sandbox}, {spoiling}]"
    step = f"  - {{id: spoil, action: shell.run, with: {{command: {command}}}}}\n"
    project.change(f"drills/{name}.yaml", "\nfault:\n", f"{step}\nfault:\n")


def fails(outcome: Outcome, step: str, reason: str) -> None:
    assert outcome.code == ExitCode.FAILED, outcome.screen
    assert outcome.report.verdict.word is Word.FAILED
    assert outcome.report.verdict.step == step, outcome.screen
    assert re.search(reason, outcome.report.verdict.reason), outcome.report.verdict.reason
    assert "PASSED" not in outcome.screen
    assert "Traceback" not in outcome.everything_written


@pytest.mark.parametrize("name", ["bad-migration", *IN_PLACE, EVERYTHING])
def test_it_comes_back(losses: Project, sandbox: SandboxState, name: str) -> None:
    outcome = drill(losses, name)
    assert outcome.code == ExitCode.OK, outcome.screen
    assert outcome.report.verdict.word is Word.PASSED
    database = "pixelcraft" if name in IN_PLACE else "pixelcraft_recovered"
    state = servers.up(sandbox.directory)
    assert_every_file_is_there(state, database)
    assert (state.member(APP).address != sandbox.member(APP).address) == (name == EVERYTHING), "only there a new host"


def assert_every_file_is_there(state: SandboxState, database: str) -> None:
    """An outside observer reads every file that the documents name."""
    with (
        MongoClient[dict[str, str]](state.mongo_uri) as mongo,
        closing(connect_s3(state.s3["us-east-1"], "us-east-1", ACCESS_KEY, SECRET_KEY)) as s3,
    ):
        images = {each["key"]: each["sha256"] for each in mongo[database]["images"].find()}
        assert images
        for key, digest in images.items():
            assert sha256(s3.get_object(Bucket=UPLOADS_BUCKET, Key=key)["Body"].read()).hexdigest() == digest


@pytest.mark.parametrize(
    ("name", "spoiling", "step", "reason"),
    [
        ("bad-migration", "alter_document_in_base", "kept", "0 missing, 1 different, 0 extra"),
        ("uploads-purged", "delete_stored_uploads", "restore", "could not be brought back"),
        ("bucket-deleted", "delete_stored_uploads", "restore", "could not be brought back"),
        ("bucket-deleted", "delete_inventories", "references", "missing"),
        (EVERYTHING, "delete_copied_bases", "choose", "base"),
        (EVERYTHING, "delete_copied_slices", "kept", "missing"),
        (EVERYTHING, "delete_stored_uploads", "uploads/restore", "could not be brought back"),
    ],
)
def test_a_backup_that_lacks_something_fails(losses: Project, name: str, spoiling: str, step: str, reason: str) -> None:
    spoil(losses, name, spoiling)
    fails(drill(losses, name), step, reason)


def spoil_before(project: Project, runbook: str, step: str, spoiling: str) -> None:
    """Have it done while the runbook recovers, just before one of its steps."""
    command = f"[{sys.executable}, -P, {SABOTAGE}, {project.sandbox}, {spoiling}]"
    spoiled = f"  - {{id: spoil, action: shell.run, with: {{command: {command}}}, expect: 1s}}\n\n  - id: {step}\n"
    project.change(f"runbooks/{runbook}.yaml", f"  - id: {step}\n", spoiled)


def test_a_file_that_came_back_with_other_bytes_fails(losses: Project) -> None:
    spoil_before(losses, "s3-loss", "references", "alter_upload")
    fails(drill(losses, "bucket-deleted"), "references", "1 different")


def test_an_application_that_is_another_one_fails(losses: Project) -> None:
    """It answers 200 to everything at the new address; that it does not serve the images is found by asking for one."""
    spoil_before(losses, EVERYTHING, "healthy", "replace_application")
    outcome = drill(losses, EVERYTHING)
    fails(outcome, "served", "gave 2 bytes with SHA-256")
    assert "healthy" not in outcome.failures


def test_a_moment_after_the_loss_fails(losses: Project) -> None:
    """Whoever names too late a moment brings back what the intruder wrote; the files tell."""
    losses.change("drills/uploads-overwritten.yaml", '"{{ fault.at }}"', "2099-01-01T00:00:00Z")
    outcome = drill(losses, "uploads-overwritten")
    assert outcome.code != ExitCode.OK
    assert "PASSED" not in outcome.screen


def test_a_host_that_was_never_built_fails(losses: Project) -> None:
    """Somebody says that it is there, and it is not."""
    losses.change(f"runbooks/{EVERYTHING}.yaml", "target.host.provision is defined", "false")
    fails(drill(losses, EVERYTHING), "deploy", "there is no directory .*host")


def test_a_commit_that_is_none_fails(losses: Project) -> None:
    losses.change("drills/full-infra-loss.yaml", "named: 1.1.0", "named: 9.9.9")
    fails(drill(losses, EVERYTHING), "deploy", "no release 9")


@pytest.mark.parametrize(
    ("bad", "step", "reason"),
    [
        ('{"sha256": "none", "tags": "dawn"}', "kept", "0 missing, [1-9][0-9]* different, 0 extra"),
        ("none", "compare", "0 documents to put back, not at least 1"),
    ],
)
def test_bad_documents_that_nobody_named_are_found(losses: Project, bad: str, step: str, reason: str) -> None:
    losses.change(f"drills/{DOCUMENTS}.yaml", """'{"sha256": "none"}'""", f"'{bad}'")
    fails(drill(losses, DOCUMENTS), step, reason)
