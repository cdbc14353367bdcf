"""Commands that are called with nothing to do say what there is to do."""

from pathlib import Path

import pytest

from drx.cli import app
from drx.errors import ExitCode

Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("arguments", [[], ["sandbox"]])
def test_nothing_asked_is_help_and_no_error(
    arguments: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # `drx` alone, in a project, says whether it is ready
    assert app.run(arguments) == ExitCode.OK
    shown = capsys.readouterr()
    assert shown.out.startswith(f"Usage: {' '.join(['drx', *arguments])} [OPTIONS] COMMAND")
    assert not shown.err
    assert app.run([*arguments, "--help"]) == ExitCode.OK
    assert capsys.readouterr() == shown


@pytest.mark.parametrize("arguments", [["chekc"], ["sandbox", "upp"], ["--nonsense"]])
def test_wrong_input_is_an_error(arguments: list[str], capsys: Capture) -> None:
    assert app.run(arguments) == ExitCode.USAGE
    shown = capsys.readouterr()
    assert not shown.out
    assert shown.err.startswith("drx: ")


def test_no_summary_of_a_command_is_cut_off(capsys: Capture) -> None:
    assert app.run(["--help"]) == ExitCode.OK
    assert "..." not in capsys.readouterr().out.replace("[ARGS]...", "")
