"""The shipped restore test on a real server, a real bucket and two stores; and everything that has to make it fail."""

import gzip
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from bson import ObjectId
from pymongo import MongoClient
from pymongo.database import Database

from drx.backup.format.catalog import list_bases
from drx.backup.format.restore_tests import read_note
from drx.backup.oplog import capture
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress
from drx.cli import app
from drx.engine.events import StepFailed
from drx.errors import ExitCode
from drx.journal import JOURNAL, read_journal
from drx.units import show_time
from tests import servers

Capture = pytest.CaptureFixture[str]
Documents = Database[dict[str, Any]]
ROOT = Path(__file__).resolve().parents[2]
CONFIG = """\
service: svc
objectives: {{rto: 2h, rpo: 1h}}
environments:
  lab:
    mongo: {{uri: "{uri}", database: "{database}"}}
    uploads: {{bucket: "{bucket}", endpoint: "{endpoint}", access_key_id: test, secret_access_key: "${{S3_SECRET}}"}}
backups:
  primary: {{directory: primary}}
  copies: [{{directory: offline}}]
"""


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded server needs no whole second to finish a write."""
    monkeypatch.setattr(capture, "_SETTLED_SECONDS", 0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of this file's own: its oplog is short, and so quickly searched."""
    with servers.mongo(tmp_path_factory.mktemp("mongo")) as uri:
        yield uri


@pytest.fixture
def database(server: str, s3_server: str, bucket: str) -> Iterator[Documents]:
    """A database with 20 images of one user, and their files in the bucket."""
    s3 = boto3.client("s3", endpoint_url=s3_server, aws_access_key_id="test", aws_secret_access_key="test",
                      region_name="us-east-1")  # fmt: skip
    with MongoClient[dict[str, Any]](server) as client:
        found = client[f"test_{ObjectId()}"]
        user = found.users.insert_one({"name": "ada"}).inserted_id
        content = b"a picture"
        s3.put_object(Bucket=bucket, Key="one", Body=content)
        image = {"user_id": user, "key": "one", "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        found.images.insert_many([{**image, "created_at": datetime.now(UTC)} for _ in range(20)])
        found.images.create_index("user_id", name="of_user")
        yield found
        client.drop_database(found.name)
    s3.close()


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, s3_server: str, bucket: str, database: Documents
) -> Path:
    """A project with that database, a base, a slice after it, and a copy of both."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("S3_SECRET", "taken-by-the-root-key")
    config = CONFIG.format(uri=server, database=database.name, bucket=bucket, endpoint=s3_server)
    (tmp_path / "drx.yaml").write_text(config)
    (tmp_path / "runbooks").mkdir()
    for name in ("nightly-backup", "hourly-incremental", "restore-test"):
        text = (ROOT / "runbooks" / f"{name}.yaml").read_text()
        (tmp_path / "runbooks" / f"{name}.yaml").write_text(re.sub(r"wait: \w+", "wait: 100ms", text))
    for store in ("primary", "offline"):
        (tmp_path / store).mkdir()
    assert app.run(["trust", "lab", "--yes"]) == ExitCode.OK
    assert run("nightly-backup") == ExitCode.OK
    database.images.update_one({}, {"$set": {"later": True}})
    assert run("hourly-incremental") == ExitCode.OK
    return tmp_path


def run(runbook: str, *inputs: str) -> int:
    given = [part for each in inputs for part in ("--input", each)]
    return app.run(["run", runbook, "--env", "lab", "--unattended", *given])


def restore_test(*inputs: str) -> int:
    return run("restore-test", "minimum_images=10", *inputs)


def listed(capsys: Capture, *store: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    app.run(["backups", "list", "--env", "lab", "--json", *store])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["backups"]
    return found


def failures(project: Path) -> dict[str, str]:
    """What each step of the newest run that failed said."""
    newest = max((project / "drills" / "records").iterdir(), key=lambda path: path.stat().st_mtime_ns)
    events = read_journal(newest / JOURNAL)
    return {event.fact.step: event.fact.error for event in events if isinstance(event.fact, StepFailed)}


def scratch(database: Documents) -> list[str]:
    return [name for name in database.client.list_database_names() if name.startswith("drx_scratch_")]


def object_of(project: Path, name: str, store: str = "primary") -> Path:
    (found,) = (project / store).rglob(name)
    return found


def test_a_backup_is_verified_only_after_it(project: Path, database: Documents, capsys: Capture) -> None:
    (before,) = listed(capsys)
    assert (before["verified"], before["restore_tests"]) == (False, [])
    assert app.run(["backups", "show", "base", "--env", "lab"]) == ExitCode.OK
    assert "never: nobody knows that it restores" in capsys.readouterr().out

    assert restore_test() == ExitCode.OK, failures(project)
    for store in ([], ["--store", "copy"]):
        (after,) = listed(capsys, *store)
        assert after["verified"] is True
        assert [(test["passed"], test["store"]) for test in after["restore_tests"]] == [(True, "primary")]
        assert (after["state"], after["stored_bytes"]) == ("whole", before["stored_bytes"]), "a note is no part of it"
    assert scratch(database) == []
    note = object_of(project, "*.passed.primary.json")
    told = read_note(note.read_bytes(), note.name)
    assert (told.backup, told.documents, told.passed) == (before["id"], 21, True)
    assert told.restore_seconds
    assert told.estimated_seconds
    assert told.estimated_seconds >= 15 * 60, "people are counted"

    capsys.readouterr()
    app.run(["status", "--env", "lab"])
    assert re.search(r"restore test +passed \S+ \S+: that backup is VERIFIED", capsys.readouterr().out)

    assert restore_test() == ExitCode.OK
    assert restore_test() == ExitCode.OK
    (after,) = listed(capsys)
    assert sorted(test["store"] for test in after["restore_tests"]) == ["copy-1", "primary", "primary"]
    assert app.run(["backups", "list", "--env", "lab"]) == ExitCode.OK
    assert re.search(r"full +21 +\S+ \S+ +VERIFIED \d\d-\d\d \d\d:\d\d +\S+\.base\n", capsys.readouterr().out)


@pytest.mark.slow
def test_of_a_date_the_newest_backup_before_it_is_tested(project: Path, capsys: Capture) -> None:
    (base,) = list_bases(open_store(DirectoryAddress(project / "primary")), "svc-lab")
    assert restore_test(f"date={show_time(datetime.now(UTC))}") == ExitCode.OK, failures(project)
    assert restore_test(f"date={datetime.now(UTC):%Y-%m-%d}", "store=offline") == ExitCode.OK, failures(project)
    (found,) = listed(capsys)
    assert sorted(test["store"] for test in found["restore_tests"]) == ["copy-1", "primary"]
    assert restore_test("date=2001-01-01") == ExitCode.FAILED
    assert "no base of svc-lab from before that moment" in failures(project)["choose"]
    assert restore_test("date=soon") == ExitCode.FAILED
    assert "'soon' is not a time" in failures(project)["choose"]
    assert base.id == found["id"]


def flip(project: Path, database: Documents) -> None:
    data = object_of(project, "images.bson.gz")
    whole = data.read_bytes()
    data.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])


def lose_slice(project: Path, database: Documents) -> None:
    """The first one: the base's end is no longer continued by what comes after."""
    database.images.update_one({}, {"$set": {"even_later": True}})
    assert run("hourly-incremental") == ExitCode.OK
    pieces = sorted((project / "primary").rglob("oplog/*.json"))
    for piece in pieces[:-1]:
        piece.unlink()
        piece.with_suffix(".bson.gz").unlink()


def cut_slice(project: Path, database: Documents) -> None:
    piece = sorted((project / "primary").rglob("oplog/*.bson.gz"))[-1]
    piece.write_bytes(piece.read_bytes()[:-5])


def empty_base(project: Path, database: Documents) -> None:
    """Taken when there was nothing left to back up."""
    database.client.drop_database(database.name)
    database.images.create_index("user_id", name="of_user")
    assert run("nightly-backup") == ExitCode.OK


def few_documents(project: Path, database: Documents) -> None:
    keep = [found["_id"] for found in database.images.find(limit=5)]
    database.images.delete_many({"_id": {"$nin": keep}})
    assert run("nightly-backup") == ExitCode.OK


def no_users(project: Path, database: Documents) -> None:
    database.users.delete_many({})
    assert run("hourly-incremental") == ExitCode.OK


def no_files(project: Path, database: Documents) -> None:
    database.images.update_one({}, {"$set": {"key": "nowhere"}})
    assert run("hourly-incremental") == ExitCode.OK


def lose_object(project: Path, database: Documents) -> None:
    object_of(project, "users.bson.gz").unlink()


def replace_object(project: Path, database: Documents) -> None:
    """Nothing but well-formed bytes of the right size tells that it is another one."""
    data = object_of(project, "images.metadata.json.gz")
    size = data.stat().st_size
    data.write_bytes(gzip.compress(b"{}").ljust(size, b"\0")[:size])


@pytest.mark.parametrize(
    ("spoil", "step", "reason"),
    [
        pytest.param(flip, "restore", r"images\.bson\.gz.* is damaged", id="altered-piece"),
        pytest.param(lose_slice, "choose", "is not whole: no slice holds the oplog", id="slice-lost"),
        pytest.param(cut_slice, "restore", r"bson\.gz", id="slice-cut"),
        pytest.param(empty_base, "images", "holds 0 documents, not at least 10", id="empty-base"),
        pytest.param(few_documents, "images", "holds 5 documents, not at least 10", id="too-few"),
        pytest.param(no_users, "owned", "The newest image has no owner", id="own-question"),
        pytest.param(no_files, "references", "1 missing", id="file-missing"),
        pytest.param(lose_object, "choose", r"is damaged: .*users\.bson\.gz is not there", id="piece-lost"),
        pytest.param(replace_object, "restore", r"images\.metadata\.json\.gz is damaged", id="piece-replaced"),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_what_would_not_restore_fails_it(
    project: Path,
    database: Documents,
    capsys: Capture,
    spoil: Callable[[Path, Documents], None],
    step: str,
    reason: str,
) -> None:
    spoil(project, database)
    assert restore_test() == ExitCode.FAILED
    assert re.search(reason, failures(project)[step]), failures(project)
    assert scratch(database) == [], "cleanup comes in every case"
    newest = listed(capsys)[-1]
    assert newest["verified"] is False
    if step != "choose":
        assert [test["passed"] for test in newest["restore_tests"]] == [False]
        assert app.run(["backups", "list", "--env", "lab"]) in (ExitCode.OK, ExitCode.FAILED)
        assert "FAILED" in capsys.readouterr().out


def test_a_recovery_that_takes_longer_than_the_rto_fails_it(project: Path) -> None:
    assert restore_test("rto=10m") == ExitCode.FAILED
    assert "longer than the RTO of 10m" in failures(project)["estimate"]


def test_a_test_that_was_stopped_says_nothing_of_the_backup(
    project: Path, database: Documents, capsys: Capture
) -> None:
    """A machine that is shut down, say: the backup is as good as it was."""
    assert restore_test("store=primary") == ExitCode.OK
    runbook = project / "runbooks" / "restore-test.yaml"
    stop = "  - {id: stop, action: shell.run, with: {command: [sh, -c, 'kill $PPID; sleep 60']}, expect: 1s}\n"
    runbook.write_text(runbook.read_text().replace("  - id: images\n", f"{stop}  - id: images\n"))
    assert restore_test("store=primary") == ExitCode.FAILED
    assert [test["passed"] for test in listed(capsys)[-1]["restore_tests"]] == [True]
    assert scratch(database) == []


def test_the_shipped_runbook_is_sound(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(ROOT)
    assert app.run(["check", "restore-test"]) == ExitCode.OK
    assert "warning" not in capsys.readouterr().out
