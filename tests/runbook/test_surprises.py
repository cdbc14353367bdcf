"""Surprises of a tabletop are checked against the steps that there are, and against what a step can do."""

import pytest

from tests.runbook.test_problems import problems_of

RUNBOOK = """\
runbook: story
kind: operation
title: Story
prechecks:
  - {{id: look, action: mongo.find, expect: 1s}}
steps:
  - {{id: call, confirm: Call somebody, expect: 1s}}
  - {{id: both, parallel: {{one: [{{id: inside, action: mongo.find, expect: 1s}}]}}}}
surprises:
  - {{{surprise}}}
"""


def told(surprise: str) -> list[str]:
    return [str(problem) for problem in problems_of(RUNBOOK.format(surprise=surprise).encode(), "story.yaml")]


@pytest.mark.parametrize(
    "surprise",
    [
        "at: look, text: The database is gone, fails: true",
        "at: inside, text: The disk is full, fails: true",
        "at: call, text: Nobody answers, ask: Whom do you call then?",
    ],
)
def test_a_surprise_before_a_step_that_there_is(surprise: str) -> None:
    assert told(surprise) == []


@pytest.mark.parametrize(
    ("surprise", "problem"),
    [
        ("at: lokk, text: Gone", "story.yaml:10:10: there is no step 'lokk'. Did you mean 'look'?"),
        ("at: call, text: Gone, fails: true", "'call' is not automated: only an action can be made to fail."),
        ("at: both, text: Gone, fails: true", "'both' is not automated: only an action can be made to fail."),
        ("at: look, text: Gone, fails: true, ask: What now?", "a step that fails asks by itself what to do. Remove"),
    ],
)
def test_a_surprise_that_cannot_be(surprise: str, problem: str) -> None:
    (said,) = told(surprise)
    assert problem in said


@pytest.mark.parametrize("list_of", ["symptoms", "surprises"])
def test_an_entry_that_is_none_is_told_where_it_stands_and_hides_nothing_else(list_of: str) -> None:
    text = RUNBOOK.format(surprise="at: look, text: Gone").replace("Call somebody", "no")
    text = text.replace("surprises:\n", "surprises:\n  - nonsense\n") if list_of == "surprises" else (
        text + "symptoms: [nonsense]\n"
    )  # fmt: skip
    problems = problems_of(text.encode(), "story.yaml")
    lines = [problem.line for problem in problems]
    assert 7 in lines, "the step is still checked"
    assert text.splitlines().index(next(line for line in text.splitlines() if "nonsense" in line)) + 1 in lines
    assert len(problems) == 2
