"""`drx run` without a name: scenarios by what one sees, searched as one types."""

from pathlib import Path

import pytest

from drx.cli import app
from drx.errors import ExitCode
from tests.terminal import CTRL_C, ENTER, Size, drx

Capture = pytest.CaptureFixture[str]


def write(folder: Path, name: str, severity: str, *symptoms: str, kind: str = "scenario") -> None:
    """Write a runbook whose only step is something that a person confirms."""
    seen = "".join(f"  - {{text: {text}}}\n" for text in symptoms)
    (folder / "runbooks" / f"{name}.yaml").write_text(
        f"runbook: {name}\nkind: {kind}\ntitle: The {name} runbook\nseverity: {severity}\n"
        + (f"symptoms:\n{seen}" if seen else "")
        + "steps: [{id: a, confirm: 'Mend it', expect: 1m, recovered: true}]\n"
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "drx.yaml").write_text("service: x\nobjectives: {rto: 1h, rpo: 1h}\nenvironments: {lab: {}}\n")
    (tmp_path / "runbooks").mkdir()
    write(tmp_path, "slow", "medium", "Pages take longer than ten seconds")
    write(tmp_path, "gone", "critical", "The gallery is empty", "Logins fail")
    write(tmp_path, "bare", "low")
    write(tmp_path, "nightly", "low", "never listed", kind="operation")
    (tmp_path / "runbooks" / "broken.yaml").write_text("runbook: [")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code"),
    [([], ExitCode.HUMAN_NEEDED), (["--unattended"], ExitCode.USAGE), (["--json"], ExitCode.USAGE)],
)
def test_without_a_person_the_list_is_all_there_is(
    project: Path, capsys: Capture, arguments: list[str], code: ExitCode
) -> None:
    assert app.run(["run", *arguments]) == code
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:5] == [
        "  gone  The gallery is empty",
        "  gone  Logins fail",
        "  slow  Pages take longer than ten seconds",
        "  bare  The bare runbook",
    ]
    assert "never listed" not in "".join(lines)
    assert not (project / "drills").exists()


def test_without_a_scenario_it_says_how_to_get_one(project: Path, capsys: Capture) -> None:
    for path in (project / "runbooks").iterdir():
        path.unlink()
    assert app.run(["run"]) == ExitCode.USAGE
    assert "there is no scenario to choose" in capsys.readouterr().err


def test_typing_searches_and_enter_runs(project: Path, size: Size) -> None:
    terminal = drx(project, "run", "--env", "lab", size=size)
    terminal.see("What do you see?")
    terminal.see("gone  The gallery is empty")
    terminal.type("l", "o", "g", "i")
    terminal.see_no_more("The gallery is empty")
    terminal.type(ENTER)
    terminal.see("Done - the run goes on")
    terminal.type(ENTER)
    assert terminal.end() == ExitCode.OK
    (record,) = (project / "drills" / "records").iterdir()
    assert "-gone-" in record.name


def test_nothing_found_chooses_nothing_and_a_long_symptom_is_never_cut(project: Path) -> None:
    write(project, "gone", "critical", f"The gallery {'of everything that people ever saw ' * 4}is empty")
    terminal = drx(project, "run", "--env", "lab", size=(60, 24))
    terminal.see("   slow  Pages take", "people ever saw\n         is empty")
    terminal.type(*"zzz", ENTER)
    terminal.see("Nothing here holds 'zzz'. What do you see?")
    assert terminal.text.count("The gallery") == 1, "what Enter did not choose is not shown as if it had been"
    terminal.type(*"ever saw of")
    terminal.see_no_more("   slow  Pages take")
    terminal.see("» gone  The gallery of everything that people ever saw of\n         everything that")
    terminal.type(CTRL_C)
    assert terminal.end() == ExitCode.INTERRUPTED
    assert not (project / "drills").exists()


def test_without_an_environment_it_is_asked_for_and_the_protected_ones_say_so(project: Path, size: Size) -> None:
    config = "service: x\nobjectives: {rto: 1h, rpo: 1h}\nenvironments: {live: {protected: true}, lab: {}}\n"
    (project / "drx.yaml").write_text(config)
    terminal = drx(project, "run", "gone", size=size)
    terminal.see("In which environment? (arrow keys, Enter)", "» live (protected)", "   lab")
    terminal.type("x")
    terminal.choose("lab")
    terminal.see("Done - the run goes on", "INCIDENT gone in lab")
    assert "In which environment?" not in terminal.text
    terminal.type(CTRL_C)
    terminal.see("Interrupted.")
    terminal.type(CTRL_C)
    assert terminal.end() == ExitCode.INTERRUPTED


def test_a_dumb_terminal_gets_numbers(project: Path) -> None:
    terminal = drx(project, "run", "--env", "lab", term="dumb")
    terminal.see("3) slow  Pages take longer")
    terminal.see("Number:")
    terminal.type("\x03")
    assert terminal.end() == ExitCode.INTERRUPTED
    assert not (project / "drills").exists()
