"""Whatever stands in a file, and whatever stands in its place: every command says what is wrong, and what to do."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from drx.cli import app
from drx.errors import ExitCode

CONFIG = """
service: shop
objectives: {rto: 2h, rpo: 1h}
environments: {lab: {}}
backups: {primary: {directory: store}}
"""
RUNBOOK = """
runbook: tidy
kind: operation
title: Tidy up
steps:
  - {id: settle, title: Wait a moment, action: wait.until, with: {for: 1ms}, expect: 1s}
"""
DRILL = "drill: tidy\nrunbook: tidy\nenvironment: lab\nfault: {action: shell.run, with: {command: [ls]}}\n"
LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
HOSTILE = {
    "laughs": LAUGHS.encode(),
    "brackets": b"[" * 10_000_000,
    "nul": b"runbook: \x00",
    "tabs": b"a:\n\tb: 1\n",
    "binary": bytes(range(256)) * 40,
    "utf-16": RUNBOOK.encode("utf-16"),
    "lone surrogate": b'a: "\\ud800"\n',
    "surrogate bytes": b"a: \xed\xa0\x80\n",
    "merge": b"a: &a {b: 1}\n<<: *a\n",
    "alias to itself": b"a: &a [*a]\n",
    "tag": b"a: !!python/object/apply:os.system [id]\n",
    "two documents": b"a: 1\n---\nb: 2\n",
    "list": b"- a\n- b\n",
    "text": b"hello\n",
    "empty": b"",
    "comment": b"# nothing\n",
}
FILES = ("drx.yaml", "runbooks/tidy.yaml", "drills/tidy.yaml")
COMMANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "drx.yaml": (
        ("check",), ("run", "tidy", "--env", "lab", "--unattended"), ("drill", "tidy"), ("status",), ("plan",),
        ("trust", "lab"), ("schedule", "show"), ("backups", "list"), ("runs",),
    ),
    "runbooks/tidy.yaml": (("check",), ("run", "tidy", "--env", "lab", "--unattended"), ("plan",), ("status",)),
    "drills/tidy.yaml": (("check",), ("drill", "tidy", "--env", "lab"), ("status",)),
}  # fmt: skip
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in zip(FILES, (CONFIG, RUNBOOK, DRILL), strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _writing(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


PLACES: dict[str, Callable[[Path], object]] = {
    **{name: _writing(data) for name, data in HOSTILE.items()},
    "folder": _folder,
    "dangling": _dangling,
    "circle": _circle,
    "pipe": _pipe,
}


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("what", PLACES)
def test_a_hostile_file_gets_a_sentence(project: Path, file: str, what: str, capsys: Capture) -> None:
    PLACES[what](project / file)
    for command in COMMANDS[file]:
        code = app.run([*command])
        said = capsys.readouterr()
        told = said.err + said.out
        assert code != ExitCode.BUG or command == ("status",), (command, told)
        assert "Traceback" not in told, command
        assert code != ExitCode.OK or command != ("check",), told
        if code != ExitCode.OK:
            assert told.strip(), command
        assert len(told) < 100_000, command
    assert not list(project.glob("drx-bug-*"))


@pytest.mark.parametrize("file", FILES)
def test_line_ends_of_windows_and_a_byte_order_mark_are_read(project: Path, file: str, capsys: Capture) -> None:
    text = (project / file).read_text()
    (project / file).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    before = app.run(["check"]), capsys.readouterr()
    (project / file).write_text(text)
    assert before == (app.run(["check"]), capsys.readouterr())
