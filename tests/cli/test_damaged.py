"""A run whose record is damaged, another version's, or not whole: one clear sentence, and not a byte is changed."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from drx import __version__
from drx.cli import app
from drx.errors import ExitCode
from drx.journal import JOURNAL
from tests.terminal import Size, drx

Capture = pytest.CaptureFixture[str]
Harm = Callable[[Path], None]
RUNBOOK = """\
runbook: greet
kind: operation
title: Say hello
steps:
  - {id: hello, action: assert.that, with: {actual: 1, equals: 1}, expect: 1s}
"""
FORMAT = b"drx journal 1"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a run that came to its first step and no further."""
    root = tmp_path_factory.mktemp("project")
    (root / "drx.yaml").write_text("service: x\nobjectives: {rto: 1h, rpo: 1h}\nenvironments: {lab: {}}\n")
    (root / "runbooks").mkdir()
    (root / "runbooks" / "greet.yaml").write_text(RUNBOOK)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert app.run(["run", "greet", "--env", "lab", "--unattended"]) == ExitCode.OK
    (record,) = (root / "drills" / "records").iterdir()
    (record / JOURNAL).write_bytes(b"".join(_lines(record)[:3]))
    return root


@pytest.fixture
def record(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The record in a project of its own, which is the current directory."""
    shutil.copytree(finished, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    (record,) = (tmp_path / "project" / "drills" / "records").iterdir()
    return record


def _lines(record: Path) -> list[bytes]:
    return (record / JOURNAL).read_bytes().splitlines(keepends=True)


def _rewritten(record: Path, before: bytes, after: bytes, named: bytes = FORMAT) -> None:
    """Write the journal as a drx would that says `after` where this one says `before`: its chain holds."""
    whole, head = b"", hashlib.sha256(named).hexdigest().encode()
    for line in _lines(record):
        assert line.endswith(b"}\n")
        body = re.sub(rb',"prev":.*\n', b"", line.replace(before, after)) + b',"prev":"' + head + b'"'
        head = hashlib.sha256(body + b"}").hexdigest().encode()
        whole += body + b',"hash":"' + head + b'"}\n'
    (record / JOURNAL).write_bytes(whole)


def _flip(record: Path) -> None:
    data = bytearray((record / JOURNAL).read_bytes())
    data[len(_lines(record)[0]) + 30] ^= 1
    (record / JOURNAL).write_bytes(bytes(data))


def _lose_a_line(record: Path) -> None:
    lines = _lines(record)
    (record / JOURNAL).write_bytes(lines[0] + lines[2])


def _zero(record: Path) -> None:
    (record / JOURNAL).write_bytes(bytes((record / JOURNAL).stat().st_size))


def _replace(record: Path) -> None:
    (record / JOURNAL).write_bytes(b"dear diary\n")


def _pipe(record: Path) -> None:
    """Whoever opens it waits for ever."""
    (record / JOURNAL).unlink()
    os.mkfifo(record / JOURNAL)


def _other_format(record: Path) -> None:
    _rewritten(record, b"", b"", named=b"drx journal 2")


def _other_event(record: Path) -> None:
    _rewritten(record, b'"type":"ClockStarted"', b'"type":"ClockSynchronised"')


def _other_field(record: Path) -> None:
    _rewritten(record, b'"drx_version":"' + __version__.encode(), b'"colour":"red","drx_version":"9.8.7')


def _frozen(name: str, change: Harm) -> Harm:
    def harm(record: Path) -> None:
        (record / "frozen" / name).chmod(0o600)
        change(record / "frozen" / name)

    return harm


def _edit(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


HARMS: list[tuple[Harm, tuple[str, ...]]] = [
    (_flip, (f"{JOURNAL}:2: the journal is damaged", "Keep the file as evidence")),
    (_lose_a_line, (f"{JOURNAL}:2: the journal is damaged: event 2 should stand here",)),
    (_zero, (f"{JOURNAL}:1: the journal is damaged: this is not an event",)),
    (_replace, (f"{JOURNAL}:1: the journal is damaged: this is not an event",)),
    (_pipe, ("the journal cannot be read: Not a regular file",)),
    (_other_format, ("is one of another version of drx: it has another format", f"this is {__version__}")),
    (_other_event, (f"{JOURNAL}:2: the journal is one of another version of drx", f"drx {__version__} began it")),
    (_other_field, ("is one of another version of drx: colour", "drx 9.8.7 began it", "Nothing was changed")),
    (
        _frozen("runbooks/greet.yaml", Path.unlink),
        ("greet.yaml cannot be read", "the project's own runbooks/greet"),
    ),
    (_frozen("runbooks/greet.yaml", _edit), ("greet.yaml was changed after the run began", "SHA-256")),
    (_frozen("drx.yaml", Path.unlink), ("frozen/drx.yaml cannot be read", "from a copy of the record")),
]


@pytest.mark.parametrize(("harm", "words"), HARMS)
def test_it_is_said_and_nothing_is_lost(record: Path, harm: Harm, words: tuple[str, ...], capsys: Capture) -> None:
    harm(record)
    before = _bytes(record)
    for command in (["resume", "--unattended"], ["show"], ["report"]):
        capsys.readouterr()
        assert app.run([command[0], record.name[-4:], *command[1:]]) == ExitCode.FAILED
        said = capsys.readouterr().err
        assert all(word in said for word in words), said
        assert len(said.splitlines()) == 2
    assert app.run(["audit", record.name]) == ExitCode.FAILED
    assert app.run(["runs"]) == ExitCode.OK
    assert _bytes(record) == before


@pytest.mark.slow
@pytest.mark.parametrize("harm", [_flip, _other_field, _frozen("runbooks/greet.yaml", Path.unlink)])
def test_a_screen_shows_it_in_whole_words(record: Path, harm: Harm, size: Size, capsys: Capture) -> None:
    harm(record)
    assert app.run(["resume", record.name, "--unattended"]) == ExitCode.FAILED
    sentences = capsys.readouterr().err.split()
    terminal = drx(record.parents[2], "resume", record.name, size=size)
    assert terminal.end() == ExitCode.FAILED
    assert terminal.scrolled.split() == sentences


def test_a_frozen_runbook_can_be_put_back_from_the_project(record: Path) -> None:
    (record / "frozen" / "runbooks" / "greet.yaml").unlink()
    assert app.run(["resume", record.name, "--unattended"]) == ExitCode.FAILED
    shutil.copy("runbooks/greet.yaml", record / "frozen" / "runbooks")
    assert app.run(["resume", record.name, "--unattended"]) == ExitCode.OK


def _bytes(record: Path) -> dict[str, bytes]:
    files = (path for path in record.rglob("*") if path.is_file() and path.name != "journal.lock")
    return {path.relative_to(record).as_posix(): path.read_bytes() for path in files}


def test_a_damaged_newest_run_is_told_with_the_next_that_can_be_gone_on_with(record: Path, capsys: Capture) -> None:
    newer = record.with_name(record.name.replace("2", "3", 1))
    shutil.copytree(record, newer)
    _flip(newer)
    before = (record / JOURNAL).read_bytes()
    assert app.run(["resume", "--unattended"]) == ExitCode.FAILED
    said = " ".join(capsys.readouterr().err.split())
    assert newer.name in said
    assert "is damaged" in said
    assert f"The newest other run that has not finished is {record.name}: give its name" in said
    assert (record / JOURNAL).read_bytes() == before
    assert app.run(["resume", record.name, "--unattended"]) == ExitCode.OK
    assert app.run(["resume", "--unattended"]) == ExitCode.FAILED
    assert "No other run is unfinished" in " ".join(capsys.readouterr().err.split())
