"""Production is left alone by its name in drx.yaml, whether or not its variables are set."""

from pathlib import Path
from shutil import copytree

import pytest

from drx.cli import app
from drx.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository's own drx.yaml, runbooks and drills; no variable of it is set."""
    for name in ("runbooks", "drills"):
        copytree(ROOT / name, tmp_path / name, ignore=lambda folder, names: {"records"} & set(names))
    (tmp_path / "drx.yaml").write_text((ROOT / "drx.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    for name in ("DATABASE_URL", "STAGING_URL", "SLACK_WEBHOOK"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize("url", [None, "", "mongodb://127.0.0.1:9/"])
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("drill", "db-drop"), ExitCode.REFUSED, "'production' is protected: no drill runs there"),
        (("run", "db-drop", "--unattended"), ExitCode.HUMAN_NEEDED, "'production' is protected: nobody is there"),
    ],
)
def test_protection_counts_before_any_reference(
    project: Path,
    url: str | None,
    arguments: tuple[str, ...],
    code: ExitCode,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    if url is not None:
        monkeypatch.setenv("DATABASE_URL", url)
    assert app.run([*arguments, "--env", "production"]) == code
    assert words in capsys.readouterr().err
    assert not (project / "drills" / "records").exists()


def test_a_drill_that_cannot_be_read_is_refused_on_production_too(project: Path) -> None:
    (project / "drills" / "db-drop.yaml").write_text("drill: [")
    assert app.run(["drill", "db-drop", "--env", "production"]) == ExitCode.REFUSED


def test_a_drill_that_names_production_itself_is_refused(project: Path) -> None:
    drill = project / "drills" / "db-drop.yaml"
    drill.write_text(drill.read_text().replace("environment: sandbox", "environment: production"))
    assert app.run(["drill", "db-drop"]) == ExitCode.REFUSED


def test_a_runbook_that_there_is_not_is_named_before_a_person_is_asked_for(project: Path, capsys: Capture) -> None:
    assert app.run(["run", "db-dorp", "--env", "production"]) == ExitCode.INVALID
    assert "there is no runbook 'db-dorp'" in (shown := capsys.readouterr().err)
    assert "Did you mean 'db-drop'?" in shown


def test_other_environments_still_need_their_variables(project: Path, capsys: Capture) -> None:
    assert app.run(["drill", "db-drop", "--env", "staging"]) == ExitCode.INVALID
    assert "the variable STAGING_URL is not set" in capsys.readouterr().err
