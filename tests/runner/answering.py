"""A recovery in a sandbox, with a person who says yes: `python answering.py ROOT SANDBOX (resume | TIME)`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from drx.engine.commands import Question
from drx.engine.events import Answered
from drx.engine.terms import Choice
from drx.sandbox.state import load_state
from drx.ui.plain import PlainUi
from drx.ui.port import Send
from tests.runner.project import Project

PREFERRED = (Choice.DONE, Choice.APPROVE, Choice.RETRY)


class YesUi(PlainUi):
    """Somebody who says done, approves, and tries again."""

    @property
    def attended(self) -> bool:
        return True

    def ask(self, questions: Sequence[Question], send: Send) -> None:
        for question in questions:
            wanted = Choice.RETRY if Choice.RETRY in question.choices else None
            choice = wanted or next(each for each in PREFERRED if each in question.choices)
            send(Answered(question.step, question.visit, question.kind, choice))


def main() -> int:
    """Give the exit code of the run."""
    state = load_state(Path(sys.argv[2]))
    project = Project(Path(sys.argv[1]), addresses=state.addresses)
    if sys.argv[3] == "resume":
        return int(project.resume(YesUi()))
    return int(project.run(environment="sandbox", inputs={"incident_time": sys.argv[3]}, ui=YesUi()))


if __name__ == "__main__":
    sys.exit(main())
