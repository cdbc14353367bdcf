"""Every problem with its exact text: tests/golden/problems/*.yaml beside what the check says of them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from drx.runbook.check import Surroundings, check_document
from drx.runbook.load import Binder
from drx.runbook.model import Objectives
from drx.yaml_source import Problem
from tests.runbook import actions

GOLDEN = Path(__file__).parent.parent / "golden" / "problems"
CASES = sorted(GOLDEN.glob("*.yaml"))


SURROUNDINGS = Surroundings(
    objectives=Objectives(rto=timedelta(hours=2), rpo=timedelta(hours=1)),
    targets=frozenset({"name", "health_url", "mongo.uri", "mongo.database"}),
    contacts=frozenset({"channel", "vendors.atlas"}),
    environments=frozenset({"production", "sandbox"}),
    protected=frozenset({"production"}),
    roles={"lead": ("anna", "ben"), "dba": ("carl",)},
    action_names=lambda: sorted(actions.SPECS),
    is_secret=lambda name: name == "target.mongo.uri",
)
BINDER = Binder({f"runbooks/{path.name}": path.read_bytes() for path in (GOLDEN / "files").glob("*.yaml")})


def problems_of(data: bytes, source: str) -> list[Problem]:
    """Read and check one document, runbook or drill."""
    return check_document(data, source, actions.catalogue, BINDER, SURROUNDINGS)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_problem_is_told_in_these_words(case: Path, golden: Callable[[str, str], None]) -> None:
    told = "".join(f"{problem}\n" for problem in problems_of(case.read_bytes(), case.name))
    golden(f"problems/{case.stem}.txt", told)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_every_problem_has_a_remedy_and_stands_in_the_file(case: Path) -> None:
    lines = case.read_text(errors="replace").split("\n")
    for problem in problems_of(case.read_bytes(), case.name):
        assert problem.remedy
        assert not problem.message.endswith(".")
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
