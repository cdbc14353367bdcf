"""What a drill proves is noted when it passed, and only then."""

from dataclasses import replace
from datetime import timedelta

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


def test_the_hash_changes_with_any_edit(project: Project) -> None:
    project.write(RUNBOOK, DRILL)
    before = hash_of(read_binder(project.root), "story")
    assert hash_of(read_binder(project.root), "story") == before

    (project.root / "runbooks" / "story.yaml").write_text(RUNBOOK + "\n")
    assert hash_of(read_binder(project.root), "story") != before
