"""Drills that must fail: each is the healthy drill with one thing spoiled, and has to say what is wrong."""

import re
import sys
from collections.abc import Callable

import pytest

from drx.errors import ExitCode
from drx.reports.shapes import Word
from tests.drills.harness import Outcome, Project


def fails(outcome: Outcome, step: str, reason: str) -> None:
    """Hold a failed drill against the step that has to fail, and why; nothing may say that it passed."""
    assert outcome.code == ExitCode.FAILED, outcome.screen
    report = outcome.report
    assert report.verdict.word is Word.FAILED
    assert report.verdict.step == step, outcome.screen
    assert re.search(reason, report.verdict.reason), report.verdict.reason
    assert re.search(reason, outcome.failures[step])
    assert report.verdict.remedy
    assert "PASSED" not in outcome.screen
    assert "Traceback" not in outcome.everything_written
    print(f"\nTWIN {report.verdict.word} {report.verdict.reason} | {report.verdict.remedy}")


SPOILED = [
    pytest.param("delete_first_slice", True, "slice", "no slice holds the oplog between", id="slice-deleted"),
    pytest.param("delete_content_of_first_slice", True, "find", "bson.gz: NoSuchKey", id="slice-content-deleted"),
    pytest.param("empty_first_slice", True, "kept", "different|missing", id="writes-after-the-base-lost"),
    pytest.param("flip_byte_in_base", False, "restore", "images.bson.gz.* is damaged", id="bit-flipped"),
    pytest.param("alter_document_in_base", False, "kept", "0 missing, 1 different, 0 extra", id="document-altered"),
    pytest.param("empty_base", False, "kept", "missing", id="base-of-nothing"),
    pytest.param("truncate_base", False, "restore", "images.bson.gz", id="base-truncated"),
    pytest.param("delete_base_manifest", False, "base", "holds no base", id="no-base"),
    pytest.param("delete_upload", False, "references", "1 missing", id="upload-deleted"),
    pytest.param("alter_upload", False, "references", "1 different", id="upload-altered"),
    pytest.param("replace_application", False, "served", "gave 2 bytes with SHA-256", id="application-dead"),
]


@pytest.mark.parametrize(("spoiling", "slices", "step", "reason"), SPOILED)
def test_a_spoiled_drill_fails(project: Project, spoiling: str, slices: bool, step: str, reason: str) -> None:
    project.sabotage(spoiling, slices=slices)
    fails(project.drill(), step, reason)
