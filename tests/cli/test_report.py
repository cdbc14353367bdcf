"""`drx report`: one run in four forms, many drills in one trend, at a terminal and for other programs."""

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import pytest

from drx.cli.app import run
from drx.errors import ExitCode
from drx.journal import JOURNAL
from tests.reports.pages import well_formed
from tests.runner.project import Project

Capture = pytest.CaptureFixture[str]
RUNBOOK = """
runbook: story
title: A story
steps:
  - {id: back, action: shell.run, with: {command: ['true']}, expect: 1s, recovered: true}
"""
DRILL = """
drill: story
runbook: story
environment: lab
fault: {action: shell.run, with: {command: ['true']}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project that is the current directory, and has a drill."""
    project = Project(tmp_path).write(RUNBOOK, DRILL)
    monkeypatch.chdir(project.root)
    return project


@pytest.fixture
def record(project: Project, capsys: Capture) -> Path:
    """The record of a drill that has come to its end."""
    assert run(["drill", "story"]) == ExitCode.OBJECTIVE_MISSED, "nothing measured its RPA"
    capsys.readouterr()
    (found,) = (project.root / "drills" / "records").iterdir()
    return found


def test_a_run_is_told_in_four_forms_as_it_was_sealed(record: Path, capsys: Capture) -> None:
    assert run(["report", record.name]) == ExitCode.OK
    told = capsys.readouterr().out
    sealed = (record / "report.md").read_text()
    assert told.split("## Evidence")[0] == sealed.split("## Evidence")[0]

    assert run(["report", record.name, "--format", "html"]) == ExitCode.OK
    assert well_formed(capsys.readouterr().out)
    assert run(["report", record.name, "--format", "json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["run"]["run"] == record.name
    assert run(["report", record.name, "--format", "junit"]) == ExitCode.OK
    suite = ElementTree.fromstring(capsys.readouterr().out.encode()).find("testsuite")
    assert suite is not None
    assert suite.get("failures") == "2", "the RPA, and the verdict"


def test_an_archive_has_its_report_too_and_needs_no_project(
    record: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "evidence.tar.gz"
    assert run(["export", record.name, str(archive)]) == ExitCode.OK
    (tmp_path / "drx.yaml").unlink()
    capsys.readouterr()
    assert run(["report", str(archive)]) == ExitCode.OK
    assert record.name in capsys.readouterr().out


def test_reports_lie_in_files_and_are_opened(
    record: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    def opens(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr("webbrowser.open", opens)
    assert run(["report", record.name, "--output", "own.html", "--open"]) == ExitCode.OK
    assert opened == [(tmp_path / "own.html").as_uri()]
    assert well_formed((tmp_path / "own.html").read_text())

    monkeypatch.setattr("webbrowser.open", lambda address: False)
    assert run(["report", record.name, "--open"]) == ExitCode.OK
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("nothing here can open it: ")
    assert Path(said.removeprefix("nothing here can open it: ")).name == f"{record.name}.html"
    assert run(["report", record.name, "--output", "/proc/own.md"]) == ExitCode.USAGE


def test_drills_stand_in_a_trend(record: Path, capsys: Capture) -> None:
    assert run(["drill", "story"]) == ExitCode.OBJECTIVE_MISSED
    second = next(path for path in record.parent.iterdir() if path != record)
    assert record.name in (second / "report.md").read_text()
    capsys.readouterr()

    assert run(["report", "--trend", "story"]) == ExitCode.OK
    told = capsys.readouterr().out
    assert record.name in told
    assert second.name in told
    assert run(["report", "--trend", "story", "--format", "json"]) == ExitCode.OK
    assert {past["run"] for past in json.loads(capsys.readouterr().out)["drills"]} == {record.name, second.name}
    assert run(["report", "--trend", "story", "--format", "html"]) == ExitCode.OK
    assert well_formed(capsys.readouterr().out)


def test_a_damaged_neighbour_stops_no_report(record: Path) -> None:
    shutil.copytree(record, record.with_name(f"{record.name}-copy"))
    (record / "report.json").write_text("{")
    assert run(["drill", "story"]) == ExitCode.OBJECTIVE_MISSED
    newest = max(record.parent.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert (newest / "report.html").exists()


def test_what_cannot_be_shown_is_said_in_a_sentence(record: Path, capsys: Capture) -> None:
    for arguments, words in (
        (["report"], "name one run, or --trend"),
        (["report", record.name, "--trend", "story"], "name one run"),
        (["report", "none"], "there is no run 'none'"),
        (["report", record.name, "--format", "pdf"], "'pdf' is no format"),
        (["report", "--trend", "story", "--format", "junit"], "'junit' is no format"),
    ):
        assert run(arguments) == ExitCode.USAGE
        assert words in capsys.readouterr().err
    assert run(["report", "--trend", "tale"]) == ExitCode.INVALID
    with (record / JOURNAL).open("ab") as file:
        file.write(b"garbage\n")
    assert run(["report", record.name]) == ExitCode.FAILED
    assert "the journal is damaged" in capsys.readouterr().err
