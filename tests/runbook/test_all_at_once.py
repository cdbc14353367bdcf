"""Mistakes of every stage in one file: each is told whatever else is wrong, and none causes another."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drx.runbook.check import check_document
from tests.runbook import actions
from tests.runbook.test_problems import BINDER, SURROUNDINGS

RUNBOOK = """\
runbook: many
title: Many mistakes
severity: high
objectives: {rto: 1h, rpo: 5m}
inputs:
  moment: {type: datetime}
  colour: {type: choice, choices: [red, blue]}
review: [Was it fast?]
prechecks:
  - {id: look, action: mongo.count, expect: 1m, with: {collection: images}}
steps:
  - id: find
    action: mongo.find
    expect: 1m
  - id: restore
    action: mongo.restore
    with: {into: x, at: {before: "{{ steps.find.outputs.ts }}"}}
    expect: 2m
    timeout: 10m
    verify: {action: mongo.count, with: {collection: images}}
    rollback: {action: mongo.drop, with: {database: x}}
    retry: {attempts: 2}
  - id: tell
    confirm: Tell them about {{ inputs.colour }}
    expect: 1m
    on_failure: {goto: check}
  - {id: both, expect: 1m, confirm: Look}
  - id: side
    parallel:
      one: [{id: left, action: mongo.find, expect: 1m}]
      two: [{id: right, ask: Fine?, expect: 1m, when: "inputs.colour == 'red'"}]
  - id: check
    action: mongo.count
    with: {collection: images}
    expect: 1m
    recovered: true
cleanup:
  - {id: tidy, action: mongo.find, expect: 1m, when: "steps.check.status == 'succeeded'"}
outputs:
  at: "{{ steps.restore.outputs.database }}"
"""
MISTAKES = [
    ("runbook: many", "runbook: Many", "1:10"),
    ("title: Many mistakes", "title: no", "2:8"),
    ("title: Many mistakes", "titel: Many mistakes", "2:1"),
    ("severity: high", "severity: High", "3:11"),
    ("severity: high", "severty: low", "3:1"),
    ("severity: high", "colour: !!str 7", "3:1 3:9"),
    ("rto: 1h", "rto: 1:30", "4:19"),
    ("rto: 1h", "rto: 90", "4:19"),
    ("rto: 1h", "rto: 1m", "4:19"),
    ("moment: {", "Moment: {", "6:3"),
    ("type: datetime", "type: date", "6:18"),
    ("type: choice", "type: chois", "7:18"),
    ("choices: [red, blue]", "choice: [red, blue]", "7:26"),
    ("choices: [red, blue]", "choices: [red, 8]", "7:41"),
    ("[Was it fast?]", "[1.5]", "8:10"),
    ("prechecks:", "preckecks:", "9:1"),
    ("{id: look,", "{ide: look,", "10:6"),
    ("with: {collection: images}}", "with: {colection: images}}", "10:56"),
    ("with: {collection: images}}", "with: [images]}", "10:55"),
    ("action: mongo.find\n    expect: 1m", "action: mongo.fnd\n    expect: 1m", "13:13"),
    ("  - id: find\n", "  - id: Find\n", "12:9"),
    ("  - id: find\n", "  - idd: find\n", "12:5"),
    ("mongo.find\n    expect: 1m", "mongo.find\n    expect: 90", "14:13"),
    ("mongo.find\n    expect: 1m", "mongo.find\n    expcet: 1m", "14:5"),
    ("mongo.find\n    expect: 1m", "mongo.find\n    when: 010", "12:5 14:11"),
    ("into: x,", "into: x, into: y,", "17:21"),
    ("into: x,", "<<: {into: x},", "17:12"),
    ("outputs.ts }}", "outputs.tts }}", "17:34"),
    ('before: "{{ steps.find.outputs.ts }}"', "before: {{ steps.find.outputs.ts }}", "17:35"),
    ("timeout: 10m", "timeout: 1s", "19:14"),
    ("timeout: 10m", "tiemout: 10m", "19:5"),
    ("verify: {action", "verify: {acton", "20:14"),
    ("verify: {", "verfy: {", "20:5"),
    ("rollback: {action", "rollback: {actions", "21:16"),
    ("rollback: {", "rolback: {", "21:5"),
    ("rollback: {action: mongo.drop, with: {database: x}}", "rollback: mongo.drop", "21:15"),
    ("attempts: 2", "attempts: 0", "22:23"),
    ("attempts: 2", "attempts: 02", "22:23"),
    ("{{ inputs.colour }}\n", "{{ inputs.color }}\n", "24:14"),
    ("{goto: check}", "{goto: chekc}", "26:24"),
    ("{goto: check}", "{goto: 3}", "26:24"),
    ("{goto: check}", "stop", "26:17"),
    ("{id: both, ", "{id: both, action: mongo.find, ", "27:5"),
    ("{id: both, ", "{id: look, ", "27:10"),
    ("confirm: Look}", "confirn: Look}", "27:5"),
    ("one: [{id: left, action: mongo.find, expect: 1m}]", "one: {id: left, action: mongo.find, expect: 1m}", "30:12"),
    ("one: [{", "One: [{", "30:7"),
    ("{id: right, ask: Fine?", "{id: right, ask: no", "31:30"),
    ("inputs.colour == 'red'", "1 == 2", "31:55"),
    ("expect: 1m\n    recovered: true", "expect: 1m\n    recoverd: true", "36:5"),
    ("expect: 1m\n    recovered: true", "expect: 1m\n    recovered: sure", "36:16"),
    ("expect: 1m\n    recovered: true", "expect: 1m\n    title: x", "12:3"),
    ("{id: tidy, ", "{id: tidy, id: two, ", "38:16"),
    ("at: \"{{ steps.restore.outputs.database }}\"", "at: 7", "40:7"),
    ("steps.restore.outputs.database", "steps.restoer.outputs.database", "40:7"),
]  # fmt: skip
"""What is written, what is written instead, and where that is told: those of one line exclude each other."""


def told(*mistakes: tuple[str, str, str]) -> list[str]:
    """Check the runbook with these mistakes."""
    text = RUNBOOK
    for written, instead, _ in mistakes:
        assert text.count(written) >= 1, written
        text = text.replace(written, instead, 1)
    problems = check_document(text.encode(), "many.yaml", actions.catalogue, BINDER, SURROUNDINGS)
    return [str(problem) for problem in problems]


def test_without_mistakes_nothing_is_told() -> None:
    assert told() == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake[1])
def test_a_mistake_is_told_where_it_stands_and_nowhere_else(mistake: tuple[str, str, str]) -> None:
    assert [problem.removeprefix("many.yaml:").split(": ")[0] for problem in told(mistake)] == mistake[2].split()


def line_of(mistake: tuple[str, str, str]) -> int:
    return RUNBOOK[: RUNBOOK.index(mistake[0])].count("\n")


def place_of(problem: str) -> str:
    return problem.split(": ", maxsplit=1)[0]


NEEDS_THE_REST = ("rto: 1m", "outputs.tts }}")
"""These are told only where the steps that they depend on are well-formed."""
INDEPENDENT = [mistake for mistake in MISTAKES if mistake[1] not in NEEDS_THE_REST]


@pytest.mark.slow
@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(INDEPENDENT), min_size=2, max_size=12, unique_by=line_of))
def test_mistakes_neither_hide_nor_cause_each_other(mistakes: list[tuple[str, str, str]]) -> None:
    alone = [place_of(problem) for mistake in mistakes for problem in told(mistake)]
    assert sorted(map(place_of, told(*mistakes))) == sorted(alone)


@pytest.mark.parametrize("dependent", NEEDS_THE_REST)
def test_what_an_ill_formed_step_leaves_open_is_not_judged(dependent: str) -> None:
    both = [mistake for mistake in MISTAKES if mistake[1] in (dependent, "  - id: Find\n")]
    assert len(both) == 2
    assert [problem for problem in told(*both) if "Find" in problem]
    assert not [problem for problem in told(*both) if "there is no step" in problem or "has no output" in problem]


def test_a_sum_says_that_parts_of_it_are_not_known() -> None:
    sum_alone, with_gap = ("rto: 1h", "rto: 1m", ""), ("mongo.find\n    expect: 1m", "mongo.find\n    expect: 90", "")
    assert "its steps take 8m" in told(sum_alone)[0]
    assert "its steps take at least 7m" in told(sum_alone, with_gap)[0]


DRILL = """\
drill: many
runbook: people
environment: sandbox
fault: {action: mongo.drop, with: {database: x}}
answers: {}
pass:
  - {id: gone, action: mongo.count, expect: 1m, with: {collection: "{{ fault.namespace }}"}}
"""


@pytest.mark.parametrize(
    ("written", "instead", "place"),
    [
        ("fault: {", "fault: drop # {", "4:8"),
        ("mongo.drop", "mongo.dorp", "4:17"),
        ("answers: {}", "answers: []", "5:10"),
        ("environment: sandbox", "environment: 1:30", "3:14"),
        ("runbook: people", "runbook: People", "2:10"),
        ("drill: many", "drill: no", "1:8"),
    ],
)
def test_in_a_drill_too_a_mistake_causes_no_other(written: str, instead: str, place: str) -> None:
    def places(text: str) -> set[str]:
        problems = check_document(text.encode(), "many.yaml", actions.catalogue, BINDER, SURROUNDINGS)
        return {place_of(str(problem)) for problem in problems}

    before, after = places(DRILL), places(DRILL.replace(written, instead, 1))
    assert f"many.yaml:{place}" in after
    assert after - before <= {f"many.yaml:{place}"}


SCRAPS = st.sampled_from(["", "x", "1:30", "[]", "{}", "no", "~", "*a", "&a ", "<<", '"{{ steps.a }}"', "{x: 1}", "- "])


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 150), SCRAPS), min_size=1, max_size=6), st.sampled_from([RUNBOOK, DRILL]))
def test_whatever_stands_in_place_of_a_word_the_check_ends(changes: list[tuple[int, str]], text: str) -> None:
    for number, scrap in changes:
        words = list(re.finditer(r"[\w.]+", text))
        start, end = words[number % len(words)].span()
        text = text[:start] + scrap + text[end:]
    for problem in check_document(text.encode(), "many.yaml", actions.catalogue, BINDER, SURROUNDINGS):
        assert problem.remedy
        assert 1 <= problem.line <= len(text.splitlines()) + 1
        assert "unnamed" not in problem.remedy or problem.remedy.startswith("Shorten")
