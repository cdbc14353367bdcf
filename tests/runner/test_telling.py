"""What a run lets others hear, and that it goes its way whatever becomes of that."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from drx.cli.binder import read_binder
from drx.config.model import About
from drx.engine.events import NotificationFailed, NotificationSent, Notified, ReportWritten, RunFinished
from drx.errors import ExitCode
from drx.reports.notices import Notice
from drx.runner.run import resume, run_runbook
from drx.runner.setting import Setting
from drx.runner.telling import Tell
from tests.runner.project import Project, steps_yaml

WORKS = steps_yaml("{id: a, action: shell.run, with: {command: ['true']}, expect: 1s}")
BREAKS = steps_yaml("{id: a, action: shell.run, with: {command: [sh, -c, 'exit 3']}, expect: 1s, on_failure: abort}")


class Heard:
    """Hears everything; says that it failed."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []

    def __call__(self, notice: Notice) -> Sequence[Notified]:
        self.notices.append(notice)
        return (NotificationFailed(notice.about, "web hook x", "no answer within 1s"),)


def _setting(project: Project, tell: Tell) -> Setting:
    return replace(project.setting(), tell=tell)


def _run(project: Project, tell: Tell) -> ExitCode:
    return run_runbook(read_binder(project.root), project.config, "story", "lab", _setting(project, tell), {})


def test_the_start_and_the_failure_are_told_and_failed_messages_are_in_the_report(project: Project) -> None:
    heard = Heard()
    assert _run(project.write(BREAKS), heard) is ExitCode.FAILED
    assert [notice.about for notice in heard.notices] == [About.START, About.FAILURE]
    last = heard.notices[-1]
    assert last.title == "story in lab: NOT RECOVERED"
    assert "exit code 3" in last.text
    assert "What to do: " in last.text
    assert last.report == str(project.record / "report.md")
    after = project.facts[-4:]
    assert [type(fact) for fact in after] == [RunFinished, NotificationFailed, NotificationFailed, ReportWritten]
    assert "could not tell web hook x: no answer within 1s" in project.shown
    assert "web hook x" in (project.record / "report.md").read_text()


def test_a_notifier_that_fails_changes_no_outcome(project: Project) -> None:
    assert _run(project.write(WORKS), Heard()) is ExitCode.OK


def test_what_has_ended_is_told_once(project: Project) -> None:
    heard = Heard()
    _run(project.write(BREAKS), heard)
    assert resume(project.record, _setting(project, heard)) is ExitCode.FAILED
    assert len(heard.notices) == 2


def test_a_run_does_not_wait_for_its_first_message(project: Project) -> None:
    finished = threading.Event()
    seen: list[bool] = []

    def slow_at_first(notice: Notice) -> Sequence[Notified]:
        if notice.about is About.START:
            seen.append(finished.wait(30))
        else:
            finished.set()
        return (NotificationSent(notice.about, "x"),)

    step = f"{{id: a, action: shell.run, with: {{command: [touch, '{project.root}/done']}}, expect: 1s}}"
    project.write(steps_yaml(step))
    watcher = threading.Thread(target=lambda: _until(project, finished), daemon=True)
    watcher.start()
    assert _run(project, slow_at_first) is ExitCode.OK
    assert seen == [True], "the step was done while the first message was under way"


def _until(project: Project, finished: threading.Event) -> None:
    while not (project.root / "done").exists():
        finished.wait(0.01)
    finished.set()
