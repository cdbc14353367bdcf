"""What a drill proves is noted when it passed, and only then."""

import json
from dataclasses import replace
from datetime import timedelta
from importlib import invalidate_caches
from pathlib import Path

import pytest

from drx.cli.binder import read_binder
from drx.reports.shapes import RunFacts, Word
from drx.runner.run import run_drill
from drx.runner.verified import hash_of, result_of
from tests.runner.project import Project

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
VALID_FOR = timedelta(days=90)


def _facts(project: Project) -> RunFacts:
    told: list[RunFacts] = []
    setting = replace(project.write(RUNBOOK, DRILL).setting(), finished=told.append)
    run_drill(read_binder(project.root), project.config, "story", "lab", setting)
    (facts,) = told
    return facts


def test_a_drill_that_proves_too_little_proves_nothing(project: Project) -> None:
    facts = _facts(project)

    assert facts.verdict.word is not Word.PASSED, "no step measured the RPA"
    assert result_of(facts, "hash", VALID_FOR) is None


def test_a_passed_drill_is_noted_with_its_figures(project: Project) -> None:
    facts = _facts(project)
    passed = replace(facts, verdict=replace(facts.verdict, word=Word.PASSED))

    result = result_of(passed, "hash", VALID_FOR)

    assert result is not None
    assert facts.rto.actual is not None
    assert result.rta_seconds == pytest.approx(facts.rto.actual.total_seconds(), abs=0.001)
    assert result.rpa_seconds is None
    assert (result.run, result.journal) == (project.record.name, facts.evidence.journal_head)
    assert result.valid_until - result.at == VALID_FOR


def _hashed(project: Project) -> str:
    return hash_of(read_binder(project.root), "story", project.root)


CALLS = """
runbook: story
title: A story
symptoms: [{text: Down, probe: {action: shell.run, with: {command: [./probe.sh]}}}]
steps:
  - id: back
    action: shell.run
    with: {command: [sh, scripts/back.sh, /etc/hostname, "{{ run.id }}", ../outside.sh]}
    verify: {action: shell.run, with: {command: "cd scripts; ./verify.sh|cat", shell: true, cwd: scripts}}
    rollback: {action: shell.run, with: {command: [undo.sh], cwd: scripts}}
    expect: 1s
    recovered: true
"""


def test_the_hash_changes_with_any_script_that_is_called(project: Project) -> None:
    project.write(CALLS, DRILL)
    called = [project.root / name for name in ("probe.sh", "scripts/back.sh", "scripts/verify.sh", "scripts/undo.sh")]
    others = [project.root / name for name in ("scripts/another.sh", "README.md")]
    (project.root / "scripts").mkdir()
    seen = {_hashed(project)}
    for path in (*called, *called):
        path.write_text(f"{len(seen)}")
        assert _hashed(project) not in seen, path
        seen.add(_hashed(project))
    before = _hashed(project)
    for path in (*others, project.root.parent / "outside.sh"):
        path.write_text("another")
        assert _hashed(project) == before, path


@pytest.mark.parametrize("word", ["circle/back.sh", "x" * 5000, ".", "~", "//", "..", "-"])
def test_a_word_that_leads_to_no_file_is_no_script(project: Project, word: str) -> None:
    (project.root / "circle").symlink_to("circle")
    project.write(RUNBOOK, DRILL)
    before = _hashed(project)
    called = f"['true', {json.dumps(word)}]"
    project.write(RUNBOOK.replace("['true']", called), DRILL)
    after = _hashed(project)
    assert after == _hashed(project) != before, "the runbook itself is another one"


def test_the_hash_changes_with_the_version_of_a_package_that_has_an_action(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(RUNBOOK.replace("shell.run", "greet.somebody"), DRILL)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    seen = set()
    for version in ("1", "2"):
        info = tmp_path / "site" / "greetings.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: greetings\nVersion: {version}\n")
        (info / "entry_points.txt").write_text("[drx.actions]\ngreet = greetings\n")
        invalidate_caches()
        seen.add(_hashed(project))
    assert len(seen) == 2


def test_the_hash_changes_with_any_edit(project: Project) -> None:
    project.write(RUNBOOK, DRILL)
    before = _hashed(project)
    assert _hashed(project) == before

    (project.root / "runbooks" / "story.yaml").write_text(RUNBOOK + "\n")
    assert _hashed(project) != before
