"""`drx check` on little projects: what it prints and how it exits."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drx.cli import app
from drx.cli.check import check
from drx.errors import UsageError

CONFIG = """\
service: little
objectives: {rto: 2h, rpo: 1h}
environments:
  production: {protected: true, mongo: {uri: "${DATABASE_URL}", database: little}}
contacts: {channel: "#ops"}
"""
RUNBOOK = """\
runbook: outage
title: Nothing answers
steps:
  - {id: say, confirm: "Say it in {{ contacts.channel }}", expect: 1m}
  - {id: up, action: http.wait, with: {url: "{{ target.health_url }}", within: 5m}, expect: 1m, recovered: true}
"""
DRILL = """\
drill: outage
runbook: outage
environment: sandbox
fault: {action: shell.run, with: {command: [stop]}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a runbook, as the current directory."""
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "drills").mkdir()
    (tmp_path / "drx.yaml").write_text(CONFIG)
    (tmp_path / "runbooks" / "outage.yaml").write_text(RUNBOOK)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_project_without_problems(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check([]) == 0
    assert capsys.readouterr().out == "2 files checked: no problems\n"


def test_slices_that_cannot_keep_the_rpo_are_a_warning(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    schedule = 'schedules: [{run: slices, environment: production, cron: "0 */3 * * *"}]\n'
    (project / "drx.yaml").write_text(CONFIG + schedule)
    slices = "runbook: slices\nkind: operation\ntitle: S\nsteps: [{id: s, action: backup.slice, expect: 1m}]\n"
    (project / "runbooks" / "slices.yaml").write_text(slices)
    assert check([]) == 0
    shown = capsys.readouterr().out
    assert "drx.yaml:6:58: warning: up to 3h between two slices and 1m for the next one are more than" in shown
    assert shown.endswith("3 files checked: 1 warning\n")


def test_every_problem_of_every_file_and_one_summary(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "drx.yaml").write_text(CONFIG + "backups: {}\nretention: 3\n")
    (project / "drills" / "outage.yaml").write_text(DRILL)
    (project / "runbooks" / "outage.yaml").write_text(RUNBOOK.replace("health_url", "helth_url"))
    (project / "runbooks" / "tab.yaml").write_text("runbook: tab\n\ttitle: x\n")
    assert check([]) == 3
    assert capsys.readouterr().out == (
        "drx.yaml:6:10: 'primary' is missing. Add `primary: ...`\n"
        "drx.yaml:7:1: unknown key 'retention'. "
        "Known keys: service, objectives, environments, backups, secret_command, secret_variables, contacts, roles, "
        "notify, schedules, records, verified_for\n"
        "runbooks/outage.yaml:5:45: there is no target.helth_url. Did you mean 'health_url'?\n"
        "runbooks/tab.yaml:2:1: a tab stands in the indentation. Use spaces\n"
        "drills/outage.yaml:2:10: nobody answers step 'say' of 'outage'. "
        "Add `say: ...` to `answers`, or `unattended:` to the step\n"
        "4 files checked: 5 errors\n"
    )


def test_warnings_do_not_fail(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    step = "  - {id: restart, action: shell.run, with: {command: [restart]}, expect: 1m}\n"
    (project / "runbooks" / "outage.yaml").write_text(RUNBOOK + step)
    assert check([Path("outage")]) == 0
    out = capsys.readouterr().out
    assert out.startswith("runbooks/outage.yaml:6:27: warning: shell.run changes its target")
    assert out.endswith("1 file checked: 1 warning\n")


def test_environments_of_the_config_hold_for_drills(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "drills" / "outage.yaml").write_text(DRILL + "answers: {say: done}\n")
    assert check([Path("drills/outage.yaml")]) == 3
    assert "there is no environment 'sandbox'. Known here: production" in capsys.readouterr().out


def test_json_holds_the_same(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "runbooks" / "outage.yaml").write_text("runbook: outage\ntitle: no\n")
    assert check([], as_json=True) == 3
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == ["drx.yaml", "runbooks/outage.yaml"]
    assert told["errors"] == len(told["problems"]) == 2
    assert told["problems"][1] == {
        "source": "runbooks/outage.yaml", "line": 2, "column": 8, "severity": "error",
        "message": "no is read as false where text is expected", "remedy": 'Put it in quotes: "no"',
    }  # fmt: skip


def test_paths_are_shown_as_seen_from_here(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "runbooks" / "outage.yaml").write_text("runbook: [")
    monkeypatch.chdir(project / "drills")
    assert check([]) == 3
    assert capsys.readouterr().out.startswith("../runbooks/outage.yaml:2:1: ")


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("x.yaml", b"service: x\n", "x.yaml:1:1: this is neither a runbook nor a drill"),
        ("binary.yaml", bytes(range(256)), "binary.yaml:2:118: the file is not UTF-8 text"),
        ("deep.yaml", b"[" * 10_000_000, "at most 1,048,576 are read"),
        ("drx.yaml", b"service: 3\n", "elsewhere/drx.yaml:1:10: 3 is read as a number"),
    ],
)
def test_any_file_can_be_named(
    project: Path, name: str, data: bytes, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "elsewhere").mkdir()
    (project / "elsewhere" / name).write_bytes(data)
    assert check([Path("elsewhere")]) == 3
    assert expected in capsys.readouterr().out


def test_what_cannot_be_read_is_a_problem(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check([Path("nothing.yaml"), Path("nobody"), Path("runbooks/outage.yaml")]) == 3
    assert capsys.readouterr().out == (
        "nothing.yaml:1:1: it cannot be read: No such file or directory. Name a file that you may read\n"
        "nobody:1:1: it cannot be read: No such file or directory. Name a file that you may read\n"
        "3 files checked: 2 errors\n"
    )


def _make_loop(path: Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Path.mkdir, "it is a directory without YAML files"),
        (os.mkfifo, "it cannot be read: Not a regular file"),
        (_make_loop, "it cannot be read: Too many levels of symbolic links"),
    ],
    ids=["directory", "pipe", "loop"],
)
@pytest.mark.parametrize("name", ["odd.yaml", "drx.yaml"])
def test_what_is_no_file_is_named(
    project: Path, name: str, make: Callable[[Path], None], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / name).unlink(missing_ok=True)
    make(project / name)
    assert check([Path(name)]) == 3
    assert capsys.readouterr().out.startswith(f"{name}:1:1: {words}. ")
    if name == "drx.yaml":
        assert check([]) == 3
        assert capsys.readouterr().out.startswith(f"{name}:1:1: {words}. ")
        assert app.run(["run", "outage", "--env", "production"]) == 3
        assert "drx.yaml cannot be read" in capsys.readouterr().err


def test_what_is_no_file_is_named_in_a_directory_too(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(project / "runbooks" / "pipe.yaml")
    assert check([Path("runbooks")]) == 3
    out = capsys.readouterr().out
    assert out.startswith("runbooks/pipe.yaml:1:1: it cannot be read: Not a regular file")
    assert out.endswith("2 files checked: 1 error\n")


def test_a_device_is_not_read(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check([Path("/dev/zero")]) == 3
    assert "Not a regular file" in capsys.readouterr().out


def test_without_a_config_something_must_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        check([])
    Path("outage.yaml").write_text(RUNBOOK)
    assert check([Path("outage.yaml")]) == 0
    assert capsys.readouterr().out == "1 file checked: no problems\n"


def test_a_broken_config_hides_no_problem_of_a_runbook(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "drx.yaml").write_text("service: [\n")
    (project / "runbooks" / "outage.yaml").write_text(RUNBOOK.replace("id: up", "id: say"))
    assert check([]) == 3
    out = capsys.readouterr().out
    assert "drx.yaml:2:1: " in out
    assert "the id 'say' stands for two steps" in out


def test_the_check_loads_nothing_heavy(project: Path) -> None:
    code = (
        "import sys; from drx.cli.check import check; check([]); "
        "heavy = {'pymongo', 'boto3', 'rich', 'questionary', 'jinja2', 'isal'} & set(sys.modules); sys.exit(len(heavy))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=project, env=dict(os.environ), check=False, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (0, "2 files checked: no problems\n")


def test_github_shows_each_problem_at_its_line(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    (project / "runbooks" / "outage.yaml").write_text(RUNBOOK.replace("health_url", "helth_url"))
    assert check([]) == 3
    (told,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("::")]
    assert told.startswith("::error file=runbooks/outage.yaml,line=5,col=")
    assert "helth_url" in told
    assert check([], as_json=True) == 3
    assert "::error" not in capsys.readouterr().out
