"""`drx plan`: the same files give the same plan; every command in it is one that a shell can read."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drx.actions.registry import all_actions
from drx.cli.app import run
from drx.cli.parameters import parameters_of
from drx.cli.plan.by_hand import Values
from drx.cli.plan.plan import make_plan
from drx.cli.project import Project, load_project
from drx.config.model import Settings
from drx.errors import ExitCode, InvalidInput
from drx.reports.plan.markdown import plan_html, plan_markdown
from drx.reports.plan.shapes import Verified
from drx.runbook.model import ActionCall
from drx.runner.verified import VERIFIED, hash_of, read_verified, write_verified

Capture = pytest.CaptureFixture[str]
CONFIG = """
service: pixelcraft
objectives: {rto: 1h, rpo: 30m}
environments:
  staging: {mongo: {uri: "${STAGING_URL}", database: pixelcraft}}
  production:
    protected: true
    mongo: {uri: "${DATABASE_URL}", database: pixelcraft}
    uploads: {bucket: pixelcraft-uploads}
    health_url: https://pixelcraft.example/healthz
backups:
  primary: {s3: {bucket: backups, prefix: team/, region: eu-west-1}}
  copies: [{directory: /mnt/offsite}]
  retention: {within: 7d, daily: 30, minimum: 3}
roles: {platform: [ann, bob]}
contacts: {channel: "#ops <alerts>", vendors: {atlas: "0800 | 123"}}
schedules:
  - {run: nightly, environment: production, cron: "0 3 * * *"}
"""
OUTAGE = """
runbook: outage
title: Everything is *down*
summary: |
  What it does.

  What it does not.
symptoms: [{text: "Nothing *answers* | at all, or `a|b`"}]
inputs: {since: {type: datetime, ask: "Since when? `now`, or <a time>", starts_clock: true}}
prechecks:
  - {id: ping, title: It answers, action: mongo.ping, expect: 2s}
steps:
  - {id: tell, confirm: "Tell {{ contacts.channel }}.", expect: 5m}
  - {id: how, ask: How bad?, choices: [bad, worse], when: "inputs.since is defined", expect: 1m}
  - id: both
    parallel:
      data:
        - id: restore
          title: Restore
          action: mongo.restore
          with: {at: "{{ inputs.since }}", into: "{{ target.mongo.database }}_recovered"}
          expect: 30m
          timeout: 1h
          retry: {attempts: 3, wait: 30s}
          on_failure: abort
          rollback: {action: mongo.drop_created, with: {database: "{{ target.mongo.database }}_recovered"}}
      files:
        - {id: count, title: Count, action: s3.count, with: {at_least: 1}, expect: 10s, on_failure: continue}
  - {id: inner, runbook: nightly}
  - id: agree
    approve: "Switch to {{ steps.restore.outputs.database }}?"
    approvers: {min: 2, not_operator: true, roles: [platform]}
    expect: 5m
  - id: well
    title: It is well
    action: http.wait
    with: {url: "{{ target.health_url }}", within: 5m}
    expect: 1m
    recovered: true
cleanup:
  - {id: tidy, title: Tidy, action: mongo.drop_scratch, expect: 10s}
review: [What now?]
"""
NIGHTLY = """
runbook: nightly
kind: operation
title: Nightly backup
steps:
  - {id: base, title: Take a base, action: backup.base, expect: 10m}
"""
IDLE = NIGHTLY.replace("runbook: nightly", "runbook: idle").replace("Nightly backup", "Nobody runs this by itself")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with every kind of step, in the current directory."""
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "drills").mkdir()
    (tmp_path / "docs").mkdir()
    (tmp_path / "drx.yaml").write_text(CONFIG)
    for name, text in (("outage", OUTAGE), ("nightly", NIGHTLY), ("idle", IDLE)):
        (tmp_path / "runbooks" / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return load_project()


def _verified(hashed: str) -> Verified:
    at = datetime(2026, 11, 1, 8, tzinfo=UTC)
    return Verified("outage", "run-1", "staging", at, at + timedelta(days=90), hashed, 700.5, 12.0, "ab" * 32)


def test_the_plan_is_what_it_was(project: Project, golden: Callable[[str, str], None]) -> None:
    golden("plan/plan.md", plan_markdown(make_plan(project, None)))


def test_the_same_files_give_the_same_bytes_and_nobody_needs_a_secret(project: Project, capsys: Capture) -> None:
    assert run(["plan"]) == ExitCode.OK
    first = capsys.readouterr().out
    assert run(["plan"]) == ExitCode.OK
    assert capsys.readouterr().out == first
    assert "Nobody runs this by itself" not in first


ELSEWHERE = (
    {"TZ": "Asia/Kathmandu", "LANG": "C", "LC_ALL": "C", "PYTHONHASHSEED": "1"},
    {"TZ": "America/St_Johns", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "77", "USER": "eve", "COLUMNS": "20"},
)


def test_the_plan_is_the_same_for_everybody(project: Project, tmp_path: Path, capsys: Capture) -> None:
    """In other time zones and languages, for other users, in another folder, with files of another age."""
    assert run(["plan"]) == ExitCode.OK
    plan = capsys.readouterr().out
    moved = tmp_path / "nächster Ort"
    shutil.copytree(project.root, moved, ignore=shutil.ignore_patterns(moved.name))
    for number, environment in enumerate(ELSEWHERE):
        for path in moved.rglob("*.yaml"):
            os.utime(path, (number, number))
        done = subprocess.run(
            [str(Path(sys.executable).with_name("drx")), "plan"], cwd=moved / "runbooks",
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment}, capture_output=True, check=True,
        )  # fmt: skip
        assert done.stdout.decode() == plan, environment


def test_the_least_project_has_a_plan_that_says_what_is_lacking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    text = "service: x\nobjectives: {rto: 1h, rpo: 1h}\nenvironments: {sandbox: {sandbox: true}}\n"
    (tmp_path / "drx.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)

    assert run(["plan"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "There is no runbook of kind scenario yet" in shown
    assert "states no backups: nothing can be restored" in shown
    assert "drx.yaml names none" in shown


def test_a_stale_plan_is_shown_with_its_difference(project: Project, capsys: Capture) -> None:
    assert run(["plan", "--output", "docs/disaster-recovery.md"]) == ExitCode.OK
    assert run(["plan", "--check"]) == ExitCode.OK
    (project.root / "runbooks" / "nightly.yaml").write_text(NIGHTLY.replace("Take a base", "Take a new base"))

    assert run(["plan", "--check"]) == ExitCode.STALE
    shown = capsys.readouterr()
    assert "+**1. Take a new base**" in shown.out
    assert "drx plan --output docs/disaster-recovery.md" in shown.err


@pytest.mark.parametrize("committed", [b"\xff\xfe\0binary", b"", "Übersicht".encode("latin-1")])
def test_what_is_no_plan_at_all_is_stale_too(committed: bytes, project: Project, capsys: Capture) -> None:
    assert run(["plan", "--output", "docs/disaster-recovery.md"]) == ExitCode.OK
    (project.root / "docs" / "disaster-recovery.md").write_bytes(committed)

    assert run(["plan", "--check"]) == ExitCode.STALE
    shown = capsys.readouterr().out
    assert "\n+# Disaster recovery plan" in shown
    assert "\0" not in shown
    assert ("No newline at end of file" in shown) == bool(committed)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--env", "moon"], ExitCode.USAGE, "there is no environment 'moon'"),
        (["--env", "STAGIN"], ExitCode.USAGE, "Did you mean 'staging'?"),
        (["--format", "pdf"], ExitCode.USAGE, "'pdf' is no format"),
        (["--output", "nowhere/plan.md"], ExitCode.USAGE, "nowhere/plan.md cannot be written"),
        (["--check"], ExitCode.STALE, "is stale"),
    ],
)
def test_what_cannot_be_done_is_said(
    project: Project, arguments: list[str], code: ExitCode, words: str, capsys: Capture
) -> None:
    assert run(["plan", *arguments]) == code
    assert words in capsys.readouterr().err


def test_no_plan_is_made_of_a_wrong_runbook(project: Project, capsys: Capture) -> None:
    (project.root / "runbooks" / "nightly.yaml").write_text(NIGHTLY.replace("backup.base", "backup.bass"))

    assert run(["plan"]) == ExitCode.INVALID
    assert "backup.base" in capsys.readouterr().err


def test_a_proof_holds_while_the_runbook_and_all_in_it_stay_the_same(project: Project) -> None:
    write_verified(project.root, "outage", _verified(hash_of(project.binder(""), "outage", project.root)))
    assert "**VERIFIED** until 2027-01-30" in plan_markdown(make_plan(project, None))

    (project.root / "runbooks" / "nightly.yaml").write_text(NIGHTLY + "# a remark\n")
    assert "**NOT VERIFIED**: what it runs has changed since" in plan_markdown(make_plan(project, None))


def test_results_are_kept_side_by_side_in_order(project: Project) -> None:
    write_verified(project.root, "b", _verified("1"))
    write_verified(project.root, "a", _verified("2"))
    write_verified(project.root, "b", _verified("3"))

    assert list(json.loads((project.root / VERIFIED).read_text())) == ["a", "b"]
    assert read_verified(project.root)["b"].hash == "3"


@pytest.mark.parametrize("content", ["", "[]", '{"a": {}}', "\0"])
def test_a_damaged_file_of_results_is_named(project: Project, content: str) -> None:
    (project.root / VERIFIED).write_text(content)

    with pytest.raises(InvalidInput, match=r"verified.json is not what"):
        read_verified(project.root)


def test_every_command_of_the_plan_is_one_that_a_shell_can_read(project: Project) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", plan_markdown(make_plan(project, None)), re.DOTALL | re.MULTILINE)
    assert len(blocks) > 5

    for block in blocks:
        assert subprocess.run(["bash", "-n"], input=block.encode(), check=False).returncode == 0, block


def test_every_action_says_its_command_even_where_no_value_is_known_yet() -> None:
    settings = Settings.model_validate({
        "service": "x", "objectives": {"rto": "1h", "rpo": "1h"}, "environments": {"lab": {}},
    })  # fmt: skip
    for action in all_actions():
        if action.by_hand is None or action.spec.accepts_probes:
            continue
        names = [parameter.name for parameter in parameters_of(action.spec.parameters) if parameter.required]
        call = ActionCall.model_validate(
            {"action": action.spec.name, "with": {name: f"{{{{ inputs.{name} }}}}" for name in names}}
        )
        command = Values(settings, "lab", {}).command(call)
        assert command, action.spec.name
        assert subprocess.run(["bash", "-n"], input=command.encode(), check=False).returncode == 0, command


def test_the_page_needs_no_other_file_and_runs_nothing(project: Project) -> None:
    (project.root / "runbooks" / "idle.yaml").unlink()
    page = plan_html(make_plan(project, None))

    assert page.startswith("<!doctype html>")
    assert not re.search(r"<(script|link|img|iframe)|src=|@import|url\(", page)
    assert "#ops &lt;alerts&gt;" in page
    assert "<table>" in page


def test_a_nested_runbook_speaks_of_what_the_one_around_it_hands_in(project: Project) -> None:
    nested = """
runbook: nightly
kind: operation
title: Restore to a moment
inputs: {at: {type: datetime, ask: Up to when?}}
steps:
  - {id: which, title: Which?, ask: "Which, or `none`?", expect: 1m}
  - id: back
    title: Restore
    action: mongo.restore
    with: {at: "{{ inputs.at }}", into: "{{ steps.which.outputs.answer }}"}
    rollback: {action: mongo.drop, with: {database: "{{ steps.which.outputs.answer }}"}}
    expect: 1m
"""
    (project.root / "runbooks" / "nightly.yaml").write_text(nested)
    outer = OUTAGE.replace("runbook: nightly}", 'runbook: nightly, inputs: {at: "{{ inputs.since }}"}}')
    (project.root / "runbooks" / "outage.yaml").write_text(outer)

    shown = plan_markdown(make_plan(load_project(), None)).partition("Everything is \\*down\\*")[2]

    assert "$AT" not in shown.partition("Restore to a moment")[2].partition("## ")[0]
    assert "- `$SINCE`: the answer to the question about since" in shown
    assert "- `$WHICH_ANSWER`: what a person answers in step which" in shown
    assert "> Which, or `none`?" in shown


def test_an_answer_of_none_is_one_that_a_shell_can_give(project: Project) -> None:
    values = Values(project.config.settings, "production", {})
    call = ActionCall.model_validate(
        {
            "action": "mongo.compare_documents",
            "with": {"source": "good", "collection": "images", "damaged": "{{ steps.damaged.outputs.answer }}"},
        }
    )
    typed = values.command(call)

    assert "const none = {$nor: [{}]}, live =" in typed
    assert "EJSON.deserialize('\"$DAMAGED_ANSWER\"')" in typed


def test_what_drx_yaml_decides_leaves_no_condition_behind(project: Project) -> None:
    """Steps that are never taken here, and all that asks how they ended, are not what a person has to work out."""
    steps = """
  - {id: look, title: Look, action: github.commit, with: {branch: main}, when: target.github is defined, expect: 1m}
  - {id: say, title: Say it, ask: Which?, when: "steps.look.status != 'succeeded'", expect: 1m}
  - {id: here, title: Practise, confirm: Done., when: "target.sandbox and steps.say.status != 'succeeded'", expect: 1m}
  - {id: or-not, title: Or, confirm: Done., when: "steps.say.outputs.answer != 'a and b'", expect: 1m}
  - id: deploy
    title: Deploy
    action: host.deploy
    with: {version: "{{ steps.look.outputs.commit if steps.look.status == 'succeeded' else steps.say.outputs.answer }}"}
    when: "not target.sandbox and steps.say.status == 'succeeded'"
    recovered: true
    expect: 1m
"""
    written = OUTAGE.partition("steps:\n")
    (project.root / "runbooks" / "outage.yaml").write_text(f"{written[0]}steps:{steps}")
    production = "  production:\n    host: {provider: railway, project: p, environment: e, service: s, token: '${T}'}\n"
    config = CONFIG.replace("  production:\n", production)
    (project.root / "drx.yaml").write_text(config)

    shown = plan_markdown(make_plan(load_project(), None))
    assert "Practise" not in shown
    assert re.findall(r"^Only if .*$", shown, re.M) == [
        "Only if `steps.say.outputs.answer != 'a and b'`.",
        "Only if `say` succeeded.",
    ]
    assert 'commitSha: \\"$SAY_ANSWER\\"' in shown

    github = "    github: {repository: a/b, token: '${G}'}\n"
    (project.root / "drx.yaml").write_text(config.replace(production, production + github))
    shown = plan_markdown(make_plan(load_project(), None))
    assert "Only if `look` did not succeed." in shown
    assert 'commitSha: \\"${LOOK_COMMIT:-$SAY_ANSWER}\\"' in shown
    assert "- `$LOOK_COMMIT`: " in shown
    assert "STATUS" not in shown
