"""What a run has taught: asked at its end, or later; kept in its record, and shown before the next run."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drx.cli.app import run
from drx.engine.events import ActionItemAdded, ActionItemClosed, ReviewAnswered
from drx.errors import ExitCode
from drx.journal import JOURNAL, read_journal
from drx.runner.audit import audit
from tests.runner.project import Project, steps_yaml
from tests.terminal import Size, drx

Capture = pytest.CaptureFixture[str]
REVIEW = "review: [What went wrong?, What was confusing?]"
TRUE = "{id: one, action: shell.run, with: {command: ['true']}, expect: 1s, recovered: true}"
TODAY = datetime.now(UTC).date()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose runbook ends with two questions, and is the current directory."""
    project = Project(tmp_path).write(steps_yaml(TRUE, head=REVIEW))
    monkeypatch.chdir(project.root)
    return project


def _record(project: Project) -> Path:
    (found,) = (project.root / "drills" / "records").iterdir()
    return found


@pytest.fixture
def record(project: Project, capsys: Capture) -> Path:
    """The record of a run that nobody attended."""
    assert run(["run", "story", "--env", "lab", "--unattended"]) == ExitCode.OK
    assert "went wrong" not in capsys.readouterr().out
    return _record(project)


def _said(record: Path) -> list[object]:
    kinds = (ReviewAnswered, ActionItemAdded, ActionItemClosed)
    return [event.fact for event in read_journal(record / JOURNAL) if isinstance(event.fact, kinds)]


@pytest.mark.parametrize("term", ["xterm", pytest.param("dumb", marks=pytest.mark.slow)])
def test_a_person_is_asked_after_the_run(project: Project, term: str, size: Size) -> None:
    terminal = drx(project.root, "run", "story", "--env", "lab", term=term, size=size)
    terminal.answer("What went wrong?", "The oplog was short")
    terminal.answer("What is to be done about it?", "Alert when slices are missing")
    terminal.answer("Who does it?", "ben")
    terminal.answer("Until when?", "soon")
    terminal.answer("'soon' is no day", "30d")
    terminal.answer("What else is to be done")
    terminal.answer("What was confusing?")
    assert terminal.end() == ExitCode.OK
    terminal.see("to do: Alert when slices are missing (ben, until")
    terminal.see("What was confusing? (skipped)")

    record = _record(project)
    due = TODAY + timedelta(days=30)
    assert _said(record) == [
        ReviewAnswered("What went wrong?", "The oplog was short"),
        ActionItemAdded("Alert when slices are missing", "ben", due, "What went wrong?"),
    ]
    assert audit(record).intact
    for name in ("report.md", "report.html", "report.json"):
        assert "Alert when slices are missing" in (record / name).read_text()


@pytest.mark.slow
def test_ctrl_c_leaves_the_rest_for_later(project: Project, size: Size) -> None:
    terminal = drx(project.root, "run", "story", "--env", "lab", size=size)
    terminal.answer("What went wrong?", "Nothing")
    terminal.see("What is to be done about it?")
    terminal.type("\x03")
    assert terminal.end() == ExitCode.OK, "the run's own"
    record = _record(project)
    terminal.see(f"The rest later: drx review {record.name}")
    assert _said(record) == [ReviewAnswered("What went wrong?", "Nothing")]

    again = drx(project.root, "review", size=size)
    again.see("What went wrong? Nothing (")
    again.answer("? What went wrong?")
    again.answer("? What was confusing?", "The menu")
    again.answer("What is to be done about it?")
    assert again.end() == ExitCode.OK
    assert _said(record)[1:] == [ReviewAnswered("What was confusing?", "The menu")]
    assert audit(record).intact


def test_an_item_is_added_shown_before_the_next_run_and_closed(record: Path, capsys: Capture) -> None:
    add = ["review", record.name[-4:], "--item", "Buy | a disk\x1b[31m", "--owner", "ben", "--due", "14d"]
    assert run(add) == ExitCode.OK
    assert capsys.readouterr().out == f"action item 1 of {record.name}, until {TODAY + timedelta(days=14)}\n"

    assert run(["report", "--open-items"]) == ExitCode.OK
    told = capsys.readouterr().out
    assert "Buy \\| a disk" in told
    assert "\x1b" not in told
    assert run(["report", "--open-items", "--format", "json"]) == ExitCode.OK
    (item,) = json.loads(capsys.readouterr().out)
    assert (item["run"], item["item"]["number"], item["item"]["owner"]) == (record.name, 1, "ben")
    assert run(["report", "--open-items", "--format", "html"]) == ExitCode.OK
    assert "<table>" in capsys.readouterr().out

    assert run(["run", "story", "--env", "lab", "--unattended"]) == ExitCode.OK
    first, second = capsys.readouterr().out.splitlines()[:2]
    assert first == "Still to be done since earlier runs of story:"
    assert second.startswith("  - Buy | a disk")
    assert second.endswith(f"item 1 of {record.name})")
    assert run(["run", "story", "--env", "lab", "--unattended", "--json"]) == ExitCode.OK
    assert all(line.startswith("{") for line in capsys.readouterr().out.splitlines())

    assert run(["review", record.name, "--close", "1", "--reason", "bought"]) == ExitCode.OK
    assert _said(record)[-1] == ActionItemClosed(1, "bought")
    assert "by " in (record / "report.md").read_text().split("bought")[0].splitlines()[-1]
    capsys.readouterr()
    assert run(["report", "--open-items"]) == ExitCode.OK
    assert capsys.readouterr().out == "# Open action items\n\nNone.\n"
    assert audit(record).intact


def test_what_makes_no_sense_is_refused_and_changes_nothing(record: Path, capsys: Capture) -> None:
    assert run(["review", record.name, "--item", "x"]) == ExitCode.OK
    before = (record / JOURNAL).read_bytes()
    name = record.name
    for arguments, words in (
        (["--item", "x"], "belongs to a run"),
        (["--close", "1"], "belongs to a run"),
        ([name, "--close", "1"], "needs a reason"),
        ([name, "--close", "2", "--reason", "r"], "no open action item 2"),
        ([name, "--close", "0", "--reason", "r"], "no open action item 0"),
        ([name, "--reason", "r"], "--reason goes with --close"),
        ([name, "--owner", "ben"], "the action item is empty"),
        ([name, "--item", " "], "the action item is empty"),
        ([name, "--item", "x", "--due", "2020-01-01"], "2020-01-01 is over"),
        ([name, "--item", "x", "--due", "whenever"], "'whenever' is no day"),
        ([name, "--item", "x", "--close", "1"], "one after the other"),
    ):
        assert run(["review", *arguments]) == ExitCode.USAGE
        said = " ".join(capsys.readouterr().err.split())
        assert words.lower() in said.lower()
    assert run(["review", name]) == ExitCode.HUMAN_NEEDED
    assert (record / JOURNAL).read_bytes() == before


def test_a_run_that_has_not_finished_has_no_review_yet(record: Path, capsys: Capture) -> None:
    lines = (record / JOURNAL).read_bytes().splitlines(keepends=True)
    (record / JOURNAL).write_bytes(b"".join(lines[:3]))
    assert run(["review", record.name, "--item", "x"]) == ExitCode.USAGE
    assert "has not finished" in capsys.readouterr().err
    assert (record / JOURNAL).read_bytes() == b"".join(lines[:3])
    assert run(["review"]) == ExitCode.USAGE
    assert "no run has finished" in capsys.readouterr().err


def test_records_that_cannot_be_read_are_named(record: Path, capsys: Capture) -> None:
    assert run(["review", record.name, "--item", "x", "--due", "1d"]) == ExitCode.OK
    other = record.with_name("2026-01-01T0000Z-story-dead")
    shutil.copytree(record, other)
    with (other / JOURNAL).open("ab") as file:
        file.write(b"garbage\n")
    capsys.readouterr()
    assert run(["report", "--open-items"]) == ExitCode.OK
    told = capsys.readouterr()
    assert f"`{record.name}`" in told.out
    assert other.name in told.err
    assert run(["run", "story", "--env", "lab", "--unattended"]) == ExitCode.OK


def test_junit_is_written_for_ci(project: Project, capsys: Capture) -> None:
    old = project.root / "out.xml"
    old.write_text("yesterday's")
    command = ["run", "story", "--env", "lab", "--unattended", "--junit"]
    assert run([*command, "out.xml"]) == ExitCode.OK
    assert old.read_text().startswith("<?xml")
    assert 'failures="0"' in old.read_text()

    assert run([*command, "nowhere/out.xml"]) == ExitCode.USAGE
    assert "nowhere/out.xml cannot be written" in capsys.readouterr().err
    assert len(list((project.root / "drills" / "records").iterdir())) == 1, "nothing was run"


def test_the_exit_code_is_the_runs_own_whatever_becomes_of_its_file(project: Project, capsys: Capture) -> None:
    in_its_way = project.root / "out.xml"
    step = f"{{id: one, action: shell.run, with: {{command: [mkdir, '{in_its_way}']}}, expect: 1s, recovered: true}}"
    project.write(steps_yaml(step))
    assert run(["run", "story", "--env", "lab", "--unattended", "--junit", "out.xml"]) == ExitCode.OK
    assert "out.xml cannot be written" in capsys.readouterr().err


def test_backups_that_run_by_themselves_tell_nobody_what_is_open(project: Project, capsys: Capture) -> None:
    project.write(steps_yaml(TRUE.replace(", recovered: true", ""), head="kind: operation"))
    command = ["run", "story", "--env", "lab", "--unattended"]
    assert run(command) == ExitCode.OK
    assert run(["review", _record(project).name, "--item", "x"]) == ExitCode.OK
    capsys.readouterr()
    assert run(command) == ExitCode.OK
    assert "Still to be done" not in capsys.readouterr().out


def test_github_is_told(project: Project, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    summary = project.root / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    command = ["run", "story", "--env", "lab", "--unattended"]
    assert run(command) == ExitCode.OK
    assert "\n::notice title=story%3A RECOVERED::" in capsys.readouterr().out
    assert summary.read_text() == (_record(project) / "report.md").read_text()

    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.root))
    assert run([*command, "--json"]) == ExitCode.OK
    told = capsys.readouterr()
    assert "::notice" not in told.out
    assert "the summary cannot be written" in told.err
