"""The outermost layer: help pages, and every error as one sentence and one exit code."""

import re
import shlex
from pathlib import Path

import pytest

from drx import __version__
from drx.cli import app
from drx.cli.groups import GROUPS
from drx.errors import (
    DrxError,
    ExitCode,
    HumanNeeded,
    InvalidInput,
    JournalError,
    LockedError,
    RefusedError,
    StaleError,
    StepError,
    UsageError,
)

Capture = pytest.CaptureFixture[str]


def names() -> list[str]:
    return [name for group in GROUPS.values() for name in group]


def test_help_lists_every_command_under_what_a_person_is_doing(capsys: Capture) -> None:
    assert app.run(["--help"]) == ExitCode.OK
    shown = capsys.readouterr().out
    for title, members in GROUPS.items():
        assert f"{title}:" in shown
        assert all(re.search(rf"^  {name} +\w", shown, re.MULTILINE) for name in members)
    registered = {command.name for command in app.make_app().registered_commands}
    registered |= {group.name for group in app.make_app().registered_groups}
    assert registered == set(names()), "a command without a group would not be listed"


def pages() -> list[tuple[str, ...]]:
    """Every help page of a command: those of a group's own commands instead of the group's."""
    made = app.make_app()
    groups = {str(group.name): group.typer_instance for group in made.registered_groups if group.typer_instance}
    found: list[tuple[str, ...]] = [(name,) for name in names() if name not in groups]
    return found + [
        (name, str(command.name)) for name, group in groups.items() for command in group.registered_commands
    ]


@pytest.mark.parametrize("command", pages(), ids=" ".join)
def test_every_help_page_tells_its_exit_codes(command: tuple[str, ...], capsys: Capture) -> None:
    assert app.run([*command, "--help"]) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "Exit codes: 0 ok" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize("command", pages(), ids=" ".join)
def test_every_help_page_has_examples_that_it_explains(command: tuple[str, ...], capsys: Capture) -> None:
    assert app.run([*command, "--help"]) == ExitCode.OK
    shown = " ".join(capsys.readouterr().out.split())
    examples = re.findall(r"Example: drx (.+?)(?= Example: | Arguments: | Options: )", shown)
    assert examples
    for example in examples:
        assert example.startswith(" ".join(command))
        assert all(
            re.search(rf"{option}\b", shown.partition("Options:")[2])
            for option in _options(example.partition(" && ")[0])
        )


def _options(example: str) -> list[str]:
    return re.findall(r"--[a-z-]+", example)


BROKEN = "service: x\nenvironments: {lab: {}}\ncolour: red\n"
"""A drx.yaml that is none."""


@pytest.mark.parametrize("command", [page for page in pages() if page != ("sandbox", "up")], ids=" ".join)
def test_what_comes_of_a_broken_project_stands_in_the_help(
    command: tuple[str, ...], capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "drx.yaml").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    assert app.run([*command, "--help"]) == ExitCode.OK
    shown = " ".join(capsys.readouterr().out.split())
    example = re.search(r"Example: drx (.+?)(?= Example: | Arguments: | Options: | && | > )", shown)
    assert example
    code = app.run(shlex.split(example[1]))
    listed = {int(number) for number in re.findall(r"(?:: |· )(\d+) ", shown.rpartition("Exit codes")[2])}
    assert code in listed, capsys.readouterr().err


def test_messages_send_people_to_commands_that_exist() -> None:
    source = Path(app.__file__).parents[1]
    named = {
        found
        for path in source.rglob("*.py")
        for found in re.findall(r"(?:`|'|with: )drx ([a-z]+)", path.read_text(encoding="utf-8"))
    }
    assert {"resume", "note", "approve"} <= named
    assert named <= set(names())


def test_version(capsys: Capture) -> None:
    assert app.run(["--version"]) == ExitCode.OK
    assert capsys.readouterr().out == f"drx {__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["chekc"], "Did you mean 'check'?"),
        (["check", "--jsn"], "--json"),
        (["drill"], "DRILL"),
        (["run", "x", "--input", "nonsense", "--unattended", "--env", "sandbox"], "--input NAME=VALUE"),
        (["sandbox", "up", "--name", "../x"], "Use letters, digits and hyphens"),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_a_remedy(arguments: list[str], words: str, capsys: Capture) -> None:
    assert app.run(arguments) == ExitCode.USAGE
    shown = capsys.readouterr().err
    assert words in shown
    assert len(shown.splitlines()) <= 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (InvalidInput("x"), 3),
        (DrxError("x"), 4),
        (StepError("x"), 4),
        (JournalError("x"), 4),
        (LockedError("x"), 6),
        (RefusedError("x"), 7),
        (HumanNeeded("x"), 8),
        (StaleError("x"), 9),
        (KeyboardInterrupt(), 130),
    ],
)
def test_each_error_has_its_exit_code(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr("drx.cli.check.check", fail)
    assert app.run(["check"]) == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_bug_is_a_sentence_and_a_file(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def fail(*_: object, **__: object) -> int:
        raise ZeroDivisionError("canary")

    monkeypatch.setattr("drx.cli.check.check", fail)
    assert app.run(["check"]) == ExitCode.BUG
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    path = Path(shown.split()[-1])
    assert "ZeroDivisionError: canary" in path.read_text()
    path.unlink()


def test_nobody_is_there_to_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "drx.yaml").write_text("service: x\nobjectives: {rto: 1h, rpo: 1h}\nenvironments: {lab: {}}\n")
    (tmp_path / "runbooks").mkdir()
    (tmp_path / "runbooks" / "any.yaml").write_text(
        "runbook: any\nkind: operation\ntitle: T\nsteps:\n"
        "  - {id: a, action: shell.run, with: {command: [echo]}, expect: 1s}\n"
    )
    monkeypatch.chdir(tmp_path)
    assert app.run(["run", "any", "--env", "lab"]) == ExitCode.HUMAN_NEEDED
    assert "--unattended" in capsys.readouterr().err
    assert app.run(["run", "any", "--unattended"]) == ExitCode.USAGE
    assert "--env NAME: lab" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drx.yaml", "runbooks"]
