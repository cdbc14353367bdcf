"""Roles that approvers need: known to drx.yaml, and with enough people; where drx.yaml is unknown, nothing is said."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from drx.runbook.check import check_document
from tests.runbook import actions
from tests.runbook.test_problems import BINDER, SURROUNDINGS

RUNBOOK = """\
runbook: story
kind: operation
title: Story
steps:
  - {id: ok, approve: Go on?, approvers: {min: 2, roles: [lead]}, expect: 1s}
"""


@pytest.mark.parametrize(
    ("roles", "told"),
    [
        (None, []),
        ({"lead": ("anna", "ben")}, []),
        ({"laed": ("anna", "ben")}, ["drx.yaml has no role 'lead'. Did you mean 'laed'?"]),
        ({}, ["drx.yaml has no role 'lead'. Say there who has it: roles: {lead: [ACCOUNT]}"]),
        ({"lead": ("anna",)}, ["2 people have to approve, and only 1 account has the role lead. Ask for fewer"]),
        ({"lead": ()}, ["2 people have to approve, and only 0 accounts have the role lead. Ask for fewer"]),
    ],
)
def test_who_may_approve(roles: Mapping[str, tuple[str, ...]] | None, told: list[str]) -> None:
    problems = check_document(
        RUNBOOK.encode(), "story.yaml", actions.catalogue, BINDER, replace(SURROUNDINGS, roles=roles)
    )
    assert len(problems) == len(told)
    for problem, text in zip(problems, told, strict=True):
        assert text in str(problem)
