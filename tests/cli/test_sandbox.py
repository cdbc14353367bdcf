"""`drx sandbox` on a machine that cannot run one."""

import importlib.util
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from drx.cli import app
from drx.errors import ExitCode


@pytest.mark.parametrize("arguments", [["sandbox", "up"], ["drill", "db-drop"]])
def test_without_the_servers_it_says_what_to_install(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "secantus" else real(name, package)

    real = importlib.util.find_spec
    root = Path(__file__).resolve().parents[2]
    for name in ("drx.yaml", "runbooks/db-drop.yaml", "drills/db-drop.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((root / name).read_text())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", find)
    assert app.run(arguments) == ExitCode.USAGE
    shown = capsys.readouterr().err
    assert "(secantus missing)" in shown
    assert "[sandbox]" in shown
    assert not (tmp_path / "drills" / "records").exists()
