"""`records.group` for real: processes of several accounts at one record, each allowed what the kernel allows it."""

import grp
import io
import json
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drx.accounts import this_account
from drx.cli import app
from drx.engine.commands import Question
from drx.engine.events import Answered, Author, NoteAdded, StepSucceeded, StepWaiting
from drx.errors import ExitCode, UsageError
from drx.journal import JOURNAL, place, read_journal
from drx.runner.record import create_record
from drx.runner.setting import Setting
from drx.ui.port import Send, Ui
from tests.runner.answering import YesUi
from tests.runner.project import CONFIG, Project, steps_yaml

OPERATOR, SECOND, THIRD, STRANGER = 65534, 1, 2, 3
GROUP, GROUP_NAME = 60, "games"
STEP = "{id: ok, approve: 'Switch over?', approvers: {not_operator: true, roles: [lead]}, expect: 1m}"
_DREARY_SECONDS = 20.0

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as several accounts")


class Silent(YesUi):
    """Somebody who is there, and leaves the answer to others."""

    def ask(self, questions: Sequence[Question], send: Send) -> None:
        """Say nothing."""


@dataclass
class Shared(Project):
    """A project of its own account, whose records a group reads."""

    group: str | None = GROUP_NAME

    @property
    def records(self) -> Path:
        return self.root / "drills" / "records"

    def setting(self, *, unattended: bool = True, ui: Ui | None = None) -> Setting:
        operator = Author(this_account(), "bastion", os.getpid())
        return replace(super().setting(unattended=unattended, ui=ui), operator=operator, group=self.group)


def begin(account: int, work: Callable[[], int], members: Sequence[int] = (GROUP,)) -> int:
    """Do something in a process of another account; give its number."""
    child = os.fork()
    if child:
        return child
    code = 99
    try:
        os.setgroups(members)
        os.setgid(account)
        os.setuid(account)
        os.umask(0o077)
        code = work()
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.__stderr__)
    finally:
        os._exit(code)


def end(child: int) -> int:
    """Wait for a process, and give its exit code."""
    deadline = time.monotonic() + _DREARY_SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    raise AssertionError("it does not end")


def refused(account: int, work: Callable[[], object], members: Sequence[int] = (GROUP,)) -> bool:
    """Whether the kernel does not let an account do it."""

    def attempt() -> int:
        try:
            work()
        except PermissionError:
            return 0
        return 1

    return end(begin(account, attempt, members)) == 0


def drx(account: int, root: Path, *arguments: str) -> tuple[int, str]:
    """Run a command as another account; its code, and what it says."""
    said = Path(tempfile.mkdtemp(prefix="drx-said-")) / "said"
    said.touch()
    said.chmod(0o666)
    said.parent.chmod(0o755)

    def work() -> int:
        os.chdir(root)
        heard = io.StringIO()
        with redirect_stdout(heard), redirect_stderr(heard):
            code = app.run([*arguments])
        said.write_text(heard.getvalue())
        return code

    try:
        return end(begin(account, work)), said.read_text()
    finally:
        shutil.rmtree(said.parent)


@pytest.fixture
def shared() -> Iterator[Shared]:
    """A folder that belongs to the operator, where every account finds it."""
    root = Path(tempfile.mkdtemp(prefix="drx-shared-"))
    roles = f"roles: {{lead: [{this_account()}, daemon]}}\nrecords: {{group: {GROUP_NAME}}}\n"
    project = Shared(root)
    project.write(steps_yaml(STEP, head="kind: operation"), config=CONFIG + roles)
    for path in (root, *root.rglob("*")):
        os.chown(path, OPERATOR, OPERATOR)
        path.chmod(0o755 if path.is_dir() else 0o644)
    try:
        yield project
    finally:
        shutil.rmtree(root)


def _waits(project: Shared) -> bool:
    found = list(project.records.glob(f"*/{JOURNAL}"))
    return bool(found) and any(isinstance(event.fact, StepWaiting) for event in read_journal(found[0]))


def _asked(project: Shared) -> int:
    """Begin the run as its operator, and wait until it asks."""
    run = begin(OPERATOR, lambda: int(project.run(ui=Silent())))
    deadline = time.monotonic() + _DREARY_SECONDS
    while not _waits(project):
        assert time.monotonic() < deadline, "it does not ask"
        time.sleep(0.05)
    return run


@as_root
@pytest.mark.slow
def test_a_second_account_approves_and_changes_nothing_else(shared: Shared, capfd: pytest.CaptureFixture[str]) -> None:
    _load_everything(shared)
    run = _asked(shared)
    record = shared.record
    journal, lock, name = record / JOURNAL, record / "journal.lock", record.name

    code, said = drx(OPERATOR, shared.root, "approve", name, "ok")
    assert (code, "nobody runs this runbook" in said) == (ExitCode.USAGE, True), said
    code, said = drx(THIRD, shared.root, "approve", name, "ok")
    assert (code, "bin does not have the role lead" in said) == (ExitCode.USAGE, True), said
    assert refused(SECOND, lambda: journal.open("ab"))
    assert refused(SECOND, journal.unlink)
    assert refused(SECOND, lambda: os.replace(place(record, NoteAdded("forged")), journal))
    assert refused(SECOND, lambda: (record / "report.md").write_text("all was well"))
    assert refused(SECOND, lambda: (record / "frozen" / "drx.yaml").chmod(0o666))
    assert refused(SECOND, lambda: lock.open("rb")), "whoever reads a lock could hold it"
    assert refused(STRANGER, lambda: list(record.iterdir()), members=())
    code, said = drx(SECOND, shared.root, "show", name)
    assert (code, "only the account that runs it can see" in said) == (ExitCode.OK, True), said
    assert drx(SECOND, shared.root, "approve", name[-4:], "ok")[0] == ExitCode.OK
    assert end(run) == ExitCode.OK, capfd.readouterr()

    answered = [event for event in shared.events if isinstance(event.fact, Answered)]
    assert [event.by.user for event in answered] == ["daemon"]
    ended = next(fact for fact in shared.facts if isinstance(fact, StepSucceeded))
    assert ended.outputs["approved_by"] == ["daemon"]
    assert drx(SECOND, shared.root, "audit", name)[0] == ExitCode.OK
    code, said = drx(SECOND, shared.root, "note", name, "too late")
    assert (code, "cannot be locked" in said) == (ExitCode.FAILED, True), said
    _modes(record)


def _load_everything(shared: Shared) -> None:
    """Import here what the others need: the account of a test may not read where Python lies."""
    practice = Shared(Path(tempfile.mkdtemp(prefix="drx-practice-")))
    practice.write(steps_yaml("{id: ok, approve: 'Switch over?', expect: 1m}", head="kind: operation"))
    try:
        practice.run(ui=YesUi(practice.screen))
        name = practice.record.name
        with chdir(practice.root), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            for command in (["approve", name, "ok"], ["show", name], ["audit", name], ["note", name, "x"]):
                app.run(command)
    finally:
        shutil.rmtree(practice.root)


def _modes(record: Path) -> None:
    modes = {path.relative_to(record).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in record.rglob("*")}
    assert modes.pop("journal.lock") == 0o600
    assert modes.pop("inbox") == 0o3770
    assert modes.pop("inbox/refused") & 0o777 == 0o700
    assert stat.S_IMODE(record.stat().st_mode) == 0o2750
    for name, mode in modes.items():
        expected = 0o440 if name.startswith("frozen/") else 0o640
        assert mode == (0o2750 if (record / name).is_dir() else expected), name
        assert (record / name).stat().st_gid == GROUP, name


@as_root
def test_nobody_takes_away_what_another_has_put_into_the_inbox(shared: Shared) -> None:
    end(begin(OPERATOR, lambda: len(create_record(shared.records, "r", GROUP_NAME).name)))
    record, said = shared.records / "r", "I saw it"
    assert end(begin(THIRD, lambda: len(place(record, NoteAdded(said)).suffixes))) == 2
    (letter,) = (record / "inbox").glob("*.json")
    assert letter.stat().st_uid == THIRD
    assert refused(SECOND, letter.unlink)
    assert refused(SECOND, lambda: os.replace(letter, record / "inbox" / "mine"))
    assert refused(SECOND, lambda: letter.write_text("{}"))
    assert refused(SECOND, lambda: (record / "inbox" / "refused").rename(record / "inbox" / "other"))
    assert refused(STRANGER, lambda: place(record, NoteAdded(said)), members=())
    assert not refused(OPERATOR, letter.read_bytes)
    assert not refused(OPERATOR, letter.unlink)


@as_root
def test_a_record_for_its_owner_alone_says_so_to_others(shared: Shared) -> None:
    _load_everything(shared)
    end(begin(OPERATOR, lambda: len(create_record(shared.records, "2026-mine", None).name)))
    code, said = drx(SECOND, shared.root, "approve", "2026-mine", "ok")
    assert code == ExitCode.USAGE
    assert "2026-mine is for nobody alone" in said or "records is for nobody alone" in said
    assert "records: {group: NAME}" in said


@as_root
def test_what_others_ran_is_never_taken_for_nothing(shared: Shared) -> None:
    """Somebody who would take over, and whoever watches over the jobs, has to know that there is more."""
    _load_everything(shared)
    config = shared.root / "drx.yaml"
    config.write_text(config.read_text() + "schedules: [{run: story, environment: lab, cron: '0 0 1 1 *'}]\n")
    name = f"{datetime.now(UTC):%Y-%m-%dT%H%MZ}-story-7f3a"
    end(begin(OPERATOR, lambda: len(create_record(shared.records, name, None).name)))
    with chdir(shared.root), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        app.run(["status"])  # it imports what the others need
    for folder in (shared.records / name, shared.records):
        shared.records.chmod(0o755)
        folder.chmod(0o700)
        for command in (("runs",), ("resume",), ("show",), ("review",), ("note", "it rings")):
            code, said = drx(SECOND, shared.root, *command)
            assert f"{folder.name} is for nobody alone" in said, command
            assert "nothing was run here" not in said
            assert "no run" not in said
            assert code == (ExitCode.OK if command == ("runs",) else ExitCode.USAGE)
        _, said = drx(SECOND, shared.root, "status", "--json")
        lines = {line["subject"]: line for line in json.loads(said)["lines"]}
        assert lines["records"]["level"] == "unknown"
        assert f"{folder.name} is for nobody alone" in lines["records"]["found"]
        assert "killed" not in lines


@as_root
def test_whoever_is_no_member_cannot_let_a_group_in(shared: Shared) -> None:
    def work() -> int:
        try:
            create_record(shared.records, "r", GROUP_NAME)
        except UsageError as error:
            return 0 if "Be a member of the group games" in str(error) else 1
        return 2

    assert end(begin(OPERATOR, work, members=())) == 0


def test_a_group_that_there_is_not_is_said_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the group 'gamers' read records, and this host has no such group"):
        create_record(tmp_path / "records", "r", "gamers")
    assert not (tmp_path / "records").exists()


@pytest.mark.parametrize("known", [True, False])
def test_drx_run_makes_the_record_that_drx_yaml_asks_for(
    known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    group = grp.getgrgid(os.getegid()).gr_name if known else "no-such-group"
    step = "{id: a, action: assert.that, with: {actual: 1, equals: 1}, expect: 1s}"
    Project(tmp_path).write(steps_yaml(step, head="kind: operation"), config=f"{CONFIG}records: {{group: {group}}}\n")
    monkeypatch.chdir(tmp_path)
    code = app.run(["run", "story", "--env", "lab", "--unattended"])
    if known:
        assert code == ExitCode.OK
        (record,) = (tmp_path / "drills" / "records").iterdir()
        assert stat.S_IMODE(record.stat().st_mode) == 0o2750
        assert stat.S_IMODE((record / "inbox").stat().st_mode) == 0o3770
        assert stat.S_IMODE((record / "report.md").stat().st_mode) == 0o640
    else:
        assert code == ExitCode.USAGE
        assert "Make it: groupadd no-such-group. Or correct records.group" in capsys.readouterr().err
