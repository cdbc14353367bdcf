"""`drx run NAME --dry-run`: what would be done, with real prechecks, and nothing written anywhere."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drx.cli import app
from drx.cli.project import load_project
from drx.engine.events import Author
from drx.engine.plan import Phase
from drx.errors import ExitCode
from drx.guard import Trust
from drx.runner.dry_run import Finding, prepare

ROOT = Path(__file__).parents[2]

Capture = pytest.CaptureFixture[str]
CONFIG = """
service: x
objectives: {rto: 1h, rpo: 1h}
environments: {lab: {mongo: {uri: "${LAB_URI}", database: shop}}, production: {protected: true}}
contacts: {channel: "#ops"}
roles: {lead: [anna, ben]}
"""
RUNBOOK = """
runbook: story
title: A story
inputs:
  since: {type: datetime, ask: When did it start?, starts_clock: true}
  copies: {type: integer, default: 2}
prechecks:
  - {id: there, title: The file is there, action: shell.run, with: {command: [touch, there]}, expect: 1s}
  - {id: server, title: The server answers, action: mongo.ping, expect: 1s}
  - {id: base, action: backup.has_base, with: {before: "{{ inputs.since }}"}, expect: 1s}
steps:
  - {id: tell, confirm: "Tell {{ contacts.channel }}: it began {{ inputs.since }}", expect: 1m}
  - {id: inner, runbook: inner, inputs: {many: "{{ inputs.copies }}"}}
  - id: use
    title: Use it
    when: steps.inner.outputs.found
    action: shell.run
    with: {command: [touch, "{{ steps.inner.outputs.found }}"], env: {URI: "{{ target.mongo.uri }}"}}
    expect: 1s
    rollback: {action: shell.run, with: {command: [rm, x]}}
  - id: agree
    approve: Go on with {{ steps.inner.outputs.found }}? The server runs {{ steps.server.outputs.version }}.
    approvers: {min: 2, not_operator: true, roles: [lead]}
    expect: 1m
    recovered: true
cleanup:
  - {id: tidy, action: shell.run, with: {command: [touch, tidied]}, expect: 1s}
"""
INNER = """
runbook: inner
kind: operation
title: An inner one
inputs: {many: {type: integer}}
steps:
  - {id: make, action: shell.run, with: {command: [touch, "made-{{ inputs.many }}"]}, expect: 1s}
outputs: {found: "{{ steps.make.outputs.exit_code }}"}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mongo_server: str) -> Path:
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "drx.yaml").write_text(CONFIG)
    (tmp_path / "runbooks" / "story.yaml").write_text(RUNBOOK)
    (tmp_path / "runbooks" / "inner.yaml").write_text(INNER)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAB_URI", mongo_server)
    return tmp_path


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def drx(*arguments: str) -> int:
    return app.run(["run", "story", "--env", "lab", "--dry-run", *arguments])


@pytest.fixture
def unharmed(project: Path) -> Iterator[Path]:
    """The project, of which nothing may change."""
    before = everything(project)
    yield project
    assert everything(project) == before


def test_everything_is_shown_and_nothing_is_written(
    unharmed: Path, capsys: Capture, golden: Callable[[str, str], None]
) -> None:
    assert drx() == ExitCode.OK
    golden("dry_run.txt", re.sub(r"The server runs [\d.]+", "The server runs VERSION", capsys.readouterr().out))


@pytest.mark.slow
def test_a_precheck_that_does_not_hold_is_found(
    unharmed: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_URI", "mongodb://ann:tops3cret@127.0.0.1:9/?serverSelectionTimeoutMS=100")
    assert drx("--input", "since=2020-11-21T08:00:00Z") == ExitCode.FAILED
    shown = capsys.readouterr().out
    assert "!! server" in shown
    assert "!! base" in shown, "there is no store"
    assert "2 prechecks failed: the runbook would stop there" in shown
    assert "it began 2020-11-21T08:00:00Z" in shown
    assert "tops3cret" not in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--input", "sinse=1"], "has no input 'sinse'"),
        (["--input", "since=yesterday"], "input since"),
        (["--json"], "--dry-run is for reading"),
        (["--input", "copies=1", "--input", "copies=2"], "an input is given more than once"),
        (["--input", "SINCE=1"], "Did you mean 'since'?"),
    ],
)
def test_what_makes_no_sense_is_refused(unharmed: Path, capsys: Capture, arguments: list[str], said: str) -> None:
    assert drx(*arguments) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_a_step_that_cannot_be_run_as_written_is_found(
    project: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project / "runbooks" / "story.yaml"
    path.write_text(path.read_text().replace("touch, tidied]", "touch, tidied], cwd: '{{ inputs.copies }}'"))
    assert drx() == ExitCode.FAILED
    shown = capsys.readouterr().out
    assert "!! tidy" in shown
    assert "1 step cannot be run as written" in shown


def test_what_inputs_alone_leave_out_is_not_looked_at(project: Path, capsys: Capture) -> None:
    """One way of a runbook may name what an environment lacks, which takes another way."""
    path = project / "runbooks" / "story.yaml"
    text = path.read_text()
    text = text.replace("  - {id: inner, runbook: inner,", "  - {id: inner, runbook: inner, when: inputs.copies == 3,")
    tidy = "cleanup:\n  - {id: other, confirm: 'See {{ target.atlas.cluster }}.', when: inputs.copies > 2, expect: 1s}"
    path.write_text(text.replace("cleanup:", tidy))

    assert drx() == ExitCode.OK
    shown = capsys.readouterr().out
    assert "left out: only when inputs.copies == 3" in shown
    assert "left out with the step around it" in shown
    assert "left out: only when inputs.copies > 2" in shown
    assert drx("--input", "copies=3") == ExitCode.FAILED
    assert "!! other" in capsys.readouterr().out


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "runbooks").glob("*.yaml")))
def test_every_step_of_what_is_shipped_can_be_run_as_written(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for variable in re.findall(r"\$\{(\w+)\}", (ROOT / "drx.yaml").read_text()):
        monkeypatch.setenv(variable, "mongodb://127.0.0.1:9/" if variable.endswith("_URL") else "0" * 32)
    project = load_project()
    target = project.resolve(project.config, "production")
    trying = prepare(project.binder(""), project.config, name, target, Trust(), Author("ada", "host", 1), {})
    unchecked = tuple(step for step in trying.plan.main if step.phase is not Phase.PRECHECK)
    tried = list(replace(trying, plan=replace(trying.plan, main=unchecked)).steps())
    assert tried
    assert [step.said for step in tried if step.finding is Finding.WRONG] == []


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("{{ steps.inner.outputs.found }}", "<steps.inner.outputs.found>"),
        ("{{ steps.inner.outputs.found * 0.5 }}", None),
        ("{{ 2 + steps.inner.outputs.found }}", None),
        ("{{ 1 if steps.inner.outputs.found < 3 else 2 }}", None),
        ("{{ steps.inner.outputs.found | int }}", None),
        ("{{ steps.inner.outputs.found | length }}", None),
        ("{{ inputs.since + 1 }}", None),
        ("of {{ inputs.copies * 2 }}", "of 4"),
    ],
)
def test_what_only_the_run_can_tell_stays_as_it_is_written(
    project: Path, capsys: Capture, written: str, shown: str | None
) -> None:
    path = project / "runbooks" / "story.yaml"
    path.write_text(path.read_text().replace("[touch, tidied]", f'[echo, "{written}"]'))
    assert drx() == ExitCode.OK
    assert f"{shown or written}" in capsys.readouterr().out
