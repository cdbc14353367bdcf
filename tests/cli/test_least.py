"""Runs that have no more in their hands than they need: what is not used need not be there, what is used has to be."""

from dataclasses import replace
from pathlib import Path

import pytest

from drx.actions import registry
from drx.actions.base import Context, Params, Result
from drx.cli.app import run
from drx.engine.events import SecretsRead, StepFailed
from drx.errors import ExitCode
from drx.journal import JOURNAL, read_journal

CONFIG = """\
service: shop
objectives: {rto: 2h, rpo: 1h}
environments:
  lab:
    mongo: {uri: "${URI}", database: shop}
    github: {repository: a/b, token: "${HOSTING_CANARY}"}
    health_url: "http://127.0.0.1:9/${PATH_CANARY}"
backups: {primary: {directory: "${STORE_CANARY}"}}
"""
RUNBOOK = """\
runbook: job
kind: operation
title: One step
steps:
  - {id: touched, action: shell.run, with: {command: [touch, touched]}, expect: 1s}
"""
USES_GITHUB = (
    '  - {id: late, action: assert.that, with: {actual: "{{ target.github.repository }}", equals: a/b}, expect: 1s}\n'
)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a project none of whose variables is set."""
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "drx.yaml").write_text(CONFIG)
    (tmp_path / "runbooks" / "job.yaml").write_text(RUNBOOK)
    monkeypatch.chdir(tmp_path)
    for name in ("URI", "HOSTING_CANARY", "PATH_CANARY", "STORE_CANARY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def _record(project: Path) -> Path:
    (found,) = (project / "drills" / "records").iterdir()
    return found


def test_a_run_needs_no_variable_of_what_it_does_not_use(project: Path) -> None:
    assert run(["run", "job", "--env", "lab", "--unattended"]) == ExitCode.OK
    assert (project / "touched").exists()
    assert not [event for event in read_journal(_record(project) / JOURNAL) if isinstance(event.fact, SecretsRead)]


def test_what_a_later_step_uses_is_missed_before_anything_is_touched(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "runbooks" / "job.yaml").write_text(RUNBOOK + USES_GITHUB)
    assert run(["run", "job", "--env", "lab", "--unattended"]) == ExitCode.INVALID
    assert "drx.yaml:6:38: the variable HOSTING_CANARY is not set" in capsys.readouterr().err
    assert not (project / "touched").exists()
    assert not (project / "drills" / "records").exists()


def test_a_dry_run_needs_as_little(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "job", "--env", "lab", "--dry-run", "--unattended"]) == ExitCode.OK
    assert "CANARY" not in "".join(capsys.readouterr())


def test_an_action_that_reaches_for_more_than_it_declares_fails_by_name(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one of somebody's own may do, which was written before it had to say what it uses."""
    shell = registry._family("shell")

    def greedy(params: Params, context: Context) -> Result:
        return Result({"token": context.target.github.token.reveal() if context.target.github else "none"})

    monkeypatch.setitem(shell, "shell.run", replace(shell["shell.run"], run=greedy))
    monkeypatch.setenv("HOSTING_CANARY", "c4nary-0f-hosting")
    assert run(["run", "job", "--env", "lab", "--unattended"]) == ExitCode.FAILED
    (failed,) = [event.fact for event in read_journal(_record(project) / JOURNAL) if isinstance(event.fact, StepFailed)]
    assert failed.step == "touched"
    assert failed.error == "shell.run reaches for github of 'lab', which it does not declare"
    assert failed.remedy == 'Add `uses=("github",)` to the action, or `targets` if it writes'
