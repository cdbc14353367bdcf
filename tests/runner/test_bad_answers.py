"""Garbage at a real prompt, and a wrong name for what would be destroyed: nothing happens, and the question stays."""

import re
import time

import pytest

from drx.engine.events import Answered, InputGiven
from drx.engine.terms import Choice
from drx.errors import ExitCode
from tests.runner.project import CONFIRM, Project, steps_yaml
from tests.terminal import DOWN, ENTER, Size, story

INPUTS = """\
inputs:
  sure: {type: boolean, ask: Sure?}
  many: {type: integer, ask: How many?}
  long: {type: duration, ask: How long?}
"""


ANSWERS = (
    ("Sure?", "\x1b[31mred\x1b[0m", "neither true", "true"),
    ("How many?", "many \U0001f600\x01", "no whole number", "3"),
    ("How long?", "5 or so; drop database", "not accepted from ada: '5 or so", "5m"),
)
"""A question, what is typed first, what drx says to that, and what it takes."""


@pytest.mark.slow
@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_garbage_is_refused_and_asked_again(project: Project, term: str, size: Size) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM, head=INPUTS)), term=term, size=size)
    for question, garbage, refusal, answer in ANSWERS:
        terminal.see(question)
        terminal.type(garbage, ENTER)
        terminal.see(refusal)
        terminal.see(question)
        time.sleep(0.3)
        terminal.type(answer, ENTER)
    terminal.see("Done - the run goes on")
    seen = terminal.text
    terminal.type("1" if term == "dumb" else "", ENTER)
    assert terminal.end() == ExitCode.OK
    assert not re.search("Traceback|Error", seen)
    given = [(fact.name, fact.value) for fact in project.facts if isinstance(fact, InputGiven)]
    assert [name for name, _ in given] == ["sure", "many", "long"]
    assert dict(given)["sure"] is True


@pytest.mark.slow
def test_only_the_exact_name_destroys(project: Project, size: Size) -> None:
    file = project.root / "precious"
    file.write_text("data")
    drop = f"{{id: drop, action: test.drop, with: {{file: '{file}', line: shop-data}}, expect: 1s}}"
    terminal = story(project.write(steps_yaml(drop)), size=size)
    for wrong in ("yes", "SHOP-DATA", "shop-database"):
        terminal.see("would destroy shop-data")
        terminal.type(ENTER)
        terminal.see("Type its name to allow it (Enter: back)")
        terminal.type(wrong, ENTER)
        terminal.see("not accepted from ada: type the name exactly: shop-data")
        terminal.see("Skip it (why)")
        assert file.exists()
    assert not any(isinstance(fact, Answered) for fact in project.facts)
    terminal.type(ENTER)
    terminal.see("Type its name to allow it (Enter: back)")
    terminal.type("shop-data", ENTER)
    assert terminal.end() == ExitCode.OK
    assert not file.exists()


def test_an_empty_line_leads_back_from_a_reason(project: Project) -> None:
    terminal = story(project.write(steps_yaml(CONFIRM)))
    terminal.see("Skip it (why)")
    terminal.type(DOWN, DOWN, ENTER)
    terminal.see("Why is it skipped? (Enter: back)")
    terminal.type(ENTER)
    terminal.see("Done - the run goes on")
    terminal.type(ENTER)
    assert terminal.end() == ExitCode.OK
    assert [fact.choice for fact in project.facts if isinstance(fact, Answered)] == [Choice.DONE]
