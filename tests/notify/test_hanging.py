"""A run whose notifier hangs: it ends as it would have, and its report says who did not hear of it."""

from dataclasses import replace
from pathlib import Path

from drx.cli.binder import read_binder
from drx.engine.events import NotificationFailed
from drx.errors import ExitCode
from drx.notify.tell import Teller
from drx.runner.run import run_runbook
from tests.notify.listening import Listener
from tests.runner.project import CONFIG, Project, steps_yaml

STEP = "{id: a, action: shell.run, with: {command: ['true']}, expect: 1s}"


def test_a_notifier_that_hangs_is_left_behind(tmp_path: Path, listener: Listener) -> None:
    listener.hangs = True
    hears = f"notify: {{timeout: 200ms, channels: [{{url: '{listener.url}', on: [start, success, failure]}}]}}\n"
    project = Project(tmp_path).write(steps_yaml(STEP), config=CONFIG + hears)
    tell = Teller(project.config, {}, tmp_path / "notified.json").tell
    setting = replace(project.setting(), tell=tell)
    code = run_runbook(read_binder(project.root), project.config, "story", "lab", setting, {})
    assert code is ExitCode.OK
    assert not listener.over.is_set(), "it still had not answered when the run was over"
    failed = [fact for fact in project.facts if isinstance(fact, NotificationFailed)]
    assert [(fact.about, fact.error) for fact in failed] == [
        ("start", "no answer within 0.2s"),
        ("success", "no answer within 0.2s"),
    ]
    assert "did not get the message about success: no answer within 0.2s" in (project.record / "report.md").read_text()
