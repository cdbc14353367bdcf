"""`drx audit`, `drx export`, `drx sign` as an auditor uses them: by id, by path, by archive, without a project."""

import json
import shutil
import subprocess
from pathlib import Path

import boto3
import pytest

from drx.cli.app import run
from drx.errors import ExitCode
from drx.runner.record import SIGNATURE
from tests.runner.project import Project, steps_yaml


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """The record of a finished run, in a project that is the current directory."""
    project = Project(tmp_path).write(
        steps_yaml("{id: one, action: shell.run, with: {command: [echo, hello]}, expect: 1s}", head="kind: operation")
    )
    monkeypatch.chdir(project.root)
    assert run(["run", "story", "--env", "lab", "--unattended"]) == ExitCode.OK
    capsys.readouterr()
    (found,) = (project.root / "drills" / "records").iterdir()
    return found


def test_an_auditor_needs_the_archive_and_nothing_else(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "evidence.tar.gz"
    assert run(["export", record.name[-4:], str(archive)]) == ExitCode.OK
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(archive, elsewhere)
    (tmp_path / "drx.yaml").unlink()
    monkeypatch.chdir(elsewhere)
    capsys.readouterr()

    assert run(["audit", "evidence.tar.gz"]) == ExitCode.OK
    assert capsys.readouterr().out.splitlines()[-1] == f"{record.name}: intact"


def test_a_changed_record_fails_and_is_not_exported(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (record / "report.md").open("a") as file:
        file.write("And nobody was to blame.\n")

    assert run(["audit", str(record), "--json"]) == ExitCode.FAILED
    said = json.loads(capsys.readouterr().out)
    assert said["intact"] is False
    assert "report.md was changed" in said["problems"][0]
    assert run(["export", record.name, str(tmp_path / "e.tar.gz")]) == ExitCode.FAILED
    assert run(["sign", record.name, "--key", "key"]) == ExitCode.FAILED
    assert not (tmp_path / "e.tar.gz").exists()


def test_signers_that_are_named_ask_for_a_signature(
    record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "signers").write_text("")
    assert run(["audit", record.name, "--signers", "singers"]) == ExitCode.USAGE
    assert "no file singers" in capsys.readouterr().err
    assert run(["audit", record.name, "--signers", str(tmp_path / "signers")]) == ExitCode.FAILED
    assert "is not signed" in capsys.readouterr().out


def test_an_archive_that_cannot_be_written_is_said(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", record.name, "/proc/evidence.tar.gz"]) == ExitCode.USAGE
    assert "/proc/evidence.tar.gz cannot be written" in capsys.readouterr().err
    assert run(["audit", "none"]) == ExitCode.USAGE


def test_an_archive_in_the_record_itself_is_refused(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It would be no part of the evidence, and spoil the record."""
    assert run(["export", record.name, str(record / "artifacts" / "e.tar.gz")]) == ExitCode.USAGE
    assert "Name a file elsewhere" in capsys.readouterr().err
    assert run(["audit", record.name]) == ExitCode.OK


@pytest.mark.parametrize("name", ["/", "./", ".."])
def test_a_folder_that_is_no_record_is_said_to_be_none(
    name: str, record: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(record / "frozen" / "runbooks")
    assert run(["audit", name]) == ExitCode.FAILED
    assert "without it, this is no record" in capsys.readouterr().out
    monkeypatch.chdir(record / "frozen")
    assert run(["audit", ".."]) == ExitCode.OK


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_a_signature_is_copied_to_where_records_are(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3_server: str, bucket: str
) -> None:
    """So that it is not lost with the machine."""
    monkeypatch.setenv("KEY", "test")
    with (tmp_path / "drx.yaml").open("a") as file:
        where = f'bucket: "{bucket}", endpoint: "{s3_server}", access_key_id: test, secret_access_key: "${{KEY}}"'
        file.write(f"\nrecords: {{s3: {{{where}}}}}\n")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)

    assert run(["sign", record.name, "--key", str(tmp_path / "key")]) == ExitCode.OK

    with pytest.MonkeyPatch.context() as patched:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patched.setenv(name, "test")
        client = boto3.client("s3", endpoint_url=s3_server, region_name="us-east-1")
        (found,) = (
            entry["Key"]
            for entry in client.list_objects_v2(Bucket=bucket)["Contents"]
            if entry["Key"].endswith(f"{record.name}/files/journal.jsonl.sig")
        )
        assert client.get_object(Bucket=bucket, Key=found)["Body"].read() == (record / SIGNATURE).read_bytes()
        client.close()
