"""`drx run` without a name: choose a scenario by what one sees. Reads runbooks only."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drx.errors import HumanNeeded, InvalidInput, UsageError
from drx.reports.text import one_line
from drx.runbook.load import RUNBOOKS
from drx.ui.cells import lines_of

if TYPE_CHECKING:
    import questionary

    from drx.runbook.load import Binder

_POINTER = 3
"""Cells before a row."""
_LEAST = 20
"""However narrow the terminal, a text has so many cells."""


@dataclass(frozen=True)
class Symptom:
    """What somebody may see, and the scenario that it means."""

    runbook: str
    text: str


def choose_scenario(binder: "Binder", *, unattended: bool) -> str:
    """Give the id of the scenario that a person chooses.

    Raises UsageError unattended, HumanNeeded where there is no terminal, each with the list.
    """
    symptoms = list(symptoms_of(binder))
    if not symptoms:
        raise UsageError("no runbook is named, and there is no scenario to choose", "Write one, or name an operation")
    if unattended or not (sys.stdin.isatty() and sys.stdout.isatty()):
        known = "\n".join(f"  {line}" for line in _rows(symptoms))
        message = f"no runbook is named. These are the scenarios:\n{known}"
        if unattended:
            raise UsageError(message, "Name one: drx run NAME --env ENVIRONMENT")
        raise HumanNeeded(message, "Choose at a terminal, or name one: drx run NAME --env ENVIRONMENT")
    return symptoms[_ask(_rows(symptoms))].runbook


def symptoms_of(binder: "Binder") -> Iterator[Symptom]:
    """List the symptoms of all scenarios, the gravest first; a runbook that cannot be read is passed over."""
    order = ("critical", "high", "medium", "low")
    found = []
    for name in binder.ids(RUNBOOKS):
        try:
            runbook = binder.runbook(name)
        except InvalidInput:
            continue  # `drx check` says what is wrong with it; the others must remain within reach
        if runbook.kind == "scenario":
            found.append((order.index(runbook.severity), name, runbook))
    for _, name, runbook in sorted(found, key=lambda each: each[:2]):
        for text in [symptom.text for symptom in runbook.symptoms] or [runbook.title]:
            yield Symptom(name, one_line(text))


def _rows(symptoms: Sequence[Symptom]) -> list[str]:
    width = max(len(symptom.runbook) for symptom in symptoms)
    return [f"{symptom.runbook:<{width}}  {symptom.text}" for symptom in symptoms]


def _ask(rows: Sequence[str]) -> int:
    question = "What do you see?"
    from drx.ui.choose import is_dumb

    if is_dumb():
        from drx.ui.prompts import LinePrompts

        return LinePrompts().choose(question, rows)
    import questionary

    asked = question
    while True:
        choices = [questionary.Choice(_Row(row), value=index) for index, row in enumerate(rows)]
        select = questionary.select(
            asked, choices, qmark="?", instruction="(type to search, arrow keys, Enter)", use_search_filter=True,
            use_jk_keys=False, erase_when_done=True,
        )  # fmt: skip
        answer = select.ask()
        if answer is None:
            raise KeyboardInterrupt
        missed = _missed(select)
        if not missed:
            print(f"{question} {rows[answer]}")
            return int(answer)
        asked = f"Nothing here holds '{missed}'. {question}"


def _missed(select: "questionary.Question") -> str:
    """What was searched for in vain: every row is shown then, and Enter would take one that nobody meant."""
    from questionary.prompts.common import InquirerControl

    (control,) = (each for each in select.application.layout.find_all_controls() if isinstance(each, InquirerControl))
    return control.search_filter or "" if not control.found_in_search else ""


class _Row(str):
    """A row, broken between words where the terminal is narrow; a search sees it whole."""

    def __format__(self, form: str) -> str:
        from prompt_toolkit.application import get_app

        text = self.partition("  ")[2].lstrip()
        head = self.removesuffix(text)
        left = _POINTER + len(head)
        lines = lines_of(text, max(get_app().output.get_size().columns - left, _LEAST))
        return head + f"\n{'':{left}}".join(lines)
