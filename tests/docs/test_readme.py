"""What the README shows works as it stands."""

import re
from pathlib import Path

import pytest

from drx.cli import app
from drx.cli.groups import GROUPS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_first_project_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = re.findall(r"```yaml\n# (\S+)\n(.*?)```", README, re.DOTALL)
    assert [name for name, _ in files] == ["drx.yaml", "runbooks/cache-flush.yaml"]
    (tmp_path / "runbooks").mkdir()
    for name, text in files:
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    assert app.run(["check"]) == 0


def test_every_command_and_file_it_names_is_there() -> None:
    known = {name for group in GROUPS.values() for name in group}
    code = "\n".join(re.findall(r"```\n.*?```|`[^`\n]+`", README, re.DOTALL))
    shown = re.findall(r"(?:`|^)drx ([a-z]+)", code, re.MULTILINE)
    assert shown
    assert set(shown) <= known
    targets = re.findall(r"\bmake ([a-z]+)\b", README)
    makefile = (ROOT / "Makefile").read_text()
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    for link in re.findall(r"\]\(([^)]+)\)", README):
        assert link.startswith("https://") or (ROOT / link).exists(), link
