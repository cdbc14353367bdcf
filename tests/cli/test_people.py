"""Notes and approvals from another terminal, through the command line."""

import hashlib
import os
from pathlib import Path

import pytest

from drx.cli import app
from drx.engine.events import Author, NoteAdded, ReportWritten
from drx.journal import JOURNAL, read_journal
from drx.journal.lock import Lock

Capture = pytest.CaptureFixture[str]
RUNBOOK = """\
runbook: greet
kind: operation
title: Say hello
steps:
  - {id: hello, action: shell.run, with: {command: [echo, hello]}, expect: 1s}
"""


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The record of a run that has finished."""
    (tmp_path / "drx.yaml").write_text("service: x\nobjectives: {rto: 1h, rpo: 1h}\nenvironments: {lab: {}}\n")
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "greet.yaml").write_text(RUNBOOK)
    monkeypatch.chdir(tmp_path)
    assert app.run(["run", "greet", "--env", "lab", "--unattended"]) == 0
    (record,) = (tmp_path / "drills" / "records").iterdir()
    return record


def test_a_note_after_the_run_stands_in_the_report_and_the_record_is_sealed_again(record: Path) -> None:
    assert app.run(["note", record.name[-4:], "looked at it again"]) == 0
    events = read_journal(record / JOURNAL)
    assert isinstance(events[-2].fact, NoteAdded)
    seal = events[-1].fact
    assert isinstance(seal, ReportWritten)
    report = (record / "report.md").read_bytes()
    assert b"looked at it again" in report
    assert seal.files["report.md"] == hashlib.sha256(report).hexdigest()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["note"], "TEXT"),
        (["note", " "], "the note is empty"),
        (["note", "{}", ""], "the note is empty"),
        (["note", "", "hello"], "there is no run ''"),
        (["note", "hello"], "no run is unfinished"),
        (["note", "nowhere", "hello"], "there is no run 'nowhere'"),
        (["note", "the", "disk", "was full"], "Put it in quotes"),
        (["approve", "nowhere", "hello"], "there is no run 'nowhere'"),
        (["approve", "{}", "hello"], "does not wait for anybody"),
        (["approve", "{}", "hello", "--reject"], "a rejection needs a reason"),
        (["resume"], "no run is unfinished"),
    ],
)
def test_what_cannot_be_said_is_refused(record: Path, arguments: list[str], words: str, capsys: Capture) -> None:
    assert app.run([argument.format(record.name) for argument in arguments]) == 2
    assert words in capsys.readouterr().err


def test_a_run_that_was_killed_before_its_first_event_is_none_to_go_on_with(record: Path, capsys: Capture) -> None:
    journal = record / JOURNAL
    unfinished = [line for line in journal.read_bytes().splitlines(True) if b'"RunStarted"' in line]
    killed = record.with_name("2999-01-01T0000Z-greet-dead") / JOURNAL
    killed.parent.mkdir()
    killed.touch()
    assert app.run(["resume", "--unattended"]) == 2
    assert "no run is unfinished" in capsys.readouterr().err
    journal.write_bytes(b"".join(unfinished))
    assert app.run(["resume", "--unattended"]) == 0


def test_a_note_says_whether_anybody_reads_it_now_and_keeps_its_time(record: Path, capsys: Capture) -> None:
    journal = record / JOURNAL
    journal.write_bytes(b"".join(line for line in journal.read_bytes().splitlines(True) if b'"RunStarted"' in line))
    capsys.readouterr()
    assert app.run(["note", "the disk was full"]) == 0
    assert capsys.readouterr().out == f"noted for {record.name}; nobody is at it, so it is read when the run goes on\n"
    lock = Lock(journal.with_suffix(".lock"), Author("ada", "db1", 1), "2026-11-27")
    assert app.run(["note", "it rings"]) == 0
    lock.release()
    assert capsys.readouterr().out == f"noted for {record.name}\n"
    for letter in (record / "inbox").glob("*.json"):
        os.utime(letter, (1764209640, 1764209640))
    assert app.run(["resume", "--unattended"]) == 0
    assert "it rings (written 2025-11-27 02:14:00 UTC)" in (record / "report.md").read_text()
