"""Four eyes on real records: who counts is frozen with the run, and an edited journal is found out."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from drx.accounts import this_account
from drx.engine.commands import Question
from drx.engine.events import Answered, Author, Event
from drx.engine.terms import Choice, QuestionKind
from drx.errors import ExitCode, JournalError
from drx.journal import JOURNAL, place, read_journal
from drx.journal.line import GENESIS, write_line
from drx.runner.audit import audit
from drx.ui.port import Send
from tests.runner.answering import YesUi
from tests.runner.project import CONFIG, OPERATOR, Project, steps_yaml

APPROVAL = Answered("ok", 1, QuestionKind.STEP, Choice.APPROVE)
STEP = "{id: ok, approve: 'Switch over?', approvers: {not_operator: true, roles: [lead]}, expect: 1m}"


class SecondAccount(YesUi):
    """Ada runs it; whoever this process belongs to agrees through the inbox, once the question stands."""

    def __init__(self, project: Project) -> None:
        super().__init__(project.screen)
        self._project = project
        self.asked: list[Question] = []

    def ask(self, questions: Sequence[Question], send: Send) -> None:
        if questions and not self.asked:
            place(self._project.record, APPROVAL)
        self.asked += questions


@pytest.fixture
def approved(project: Project) -> Project:
    """A finished run that this account approved, as a lead."""
    project.write(steps_yaml(STEP), config=f"{CONFIG}roles: {{lead: ['{this_account()}']}}\n")
    ui = SecondAccount(project)
    assert project.run(ui=ui) is ExitCode.OK
    assert ui.asked[0].details[1].startswith(f"who may approve: {this_account()} (lead), by drx approve ")
    return project


def test_the_holder_of_a_role_approves_by_the_inbox(approved: Project) -> None:
    assert [event.by.user for event in _answers(approved)] == [this_account()]
    assert audit(approved.record).intact
    # The roles of the run are those that it was begun with.
    (approved.root / "drx.yaml").write_text(f"{CONFIG}roles: {{lead: [somebody-else]}}\n")
    assert audit(approved.record).intact


def _by_the_operator(event: Event) -> Event | None:
    return replace(event, by=OPERATOR) if isinstance(event.fact, Answered) else event


def _by_a_stranger(event: Event) -> Event | None:
    return replace(event, by=Author("mallory", "bastion", 0)) if isinstance(event.fact, Answered) else event


def _by_nobody(event: Event) -> Event | None:
    return None if isinstance(event.fact, Answered) else event


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (_by_the_operator, "ok is approved, but ada runs this runbook"),
        (_by_a_stranger, "ok is approved, but mallory does not have the role lead"),
        (_by_nobody, "ok went on with 0 of 1 approvals"),
    ],
)
def test_an_edited_journal_is_refused(approved: Project, edit: Callable[[Event], Event | None], words: str) -> None:
    events = read_journal(approved.record / JOURNAL)
    _forge(approved.record, [edited for event in events if (edited := edit(event))])

    (problem,) = audit(approved.record).problems
    assert words in problem

    before = _forge(approved.record, read_journal(approved.record / JOURNAL)[:-2])
    with pytest.raises(JournalError, match=words):
        approved.resume()
    assert (approved.record / JOURNAL).read_bytes() == before


def _answers(project: Project) -> list[Event]:
    return [event for event in project.events if isinstance(event.fact, Answered)]


def _forge(record: Path, events: Sequence[Event]) -> bytes:
    """Write a journal anew whose chain holds, as whoever can write the folder could."""
    lines, head = b"", GENESIS
    for number, event in enumerate(events, 1):
        line, head = write_line(replace(event, seq=number), head)
        lines += line
    (record / JOURNAL).write_bytes(lines)
    return lines
