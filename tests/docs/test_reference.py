"""The reference says what the code says."""

import importlib.util
import re
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from drx.cli.groups import GROUPS
from drx.config.model import Settings
from drx.engine.events import Fact

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    """The script that writes the pages."""
    spec = importlib.util.spec_from_file_location("make_reference", DOCS / "make_reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_committed_pages_are_what_would_be_written(reference: ModuleType) -> None:
    for name, text in reference.pages().items():
        assert (DOCS / "reference" / name).read_text() == text, f"docs/reference/{name} is stale: run `make docs`"


def test_nothing_is_left_out(reference: ModuleType) -> None:
    pages = reference.pages()
    for name in (name for group in GROUPS.values() for name in group):
        assert f"`drx {name}" in pages["commands.md"]
    for fact in get_args(Fact):
        section = pages["events.md"].partition(f"## {fact.__name__}\n")[2].partition("\n## ")[0]
        assert all(f"`{field.name}`" in section for field in fields(fact) if field.name != "type")
    assert all(f"`{name}`" in pages["config.md"] for name in Settings.model_fields)


def test_every_page_is_part_of_the_site() -> None:
    index = (DOCS / "index.md").read_text()
    pages = {str(path.relative_to(DOCS).with_suffix("")) for path in DOCS.rglob("*.md")} - {"index"}
    assert {page for page in pages if f"\n{page}\n" not in index} == set()


def test_every_page_that_drx_names_is_there() -> None:
    """In messages, in what `drx init` writes, in runbooks: whoever is sent to a page should find it."""
    root = DOCS.parent
    texts = [path for folder in ("drx", "runbooks", "drills") for path in (root / folder).rglob("*.*")]
    named = {page for path in texts if path.suffix in (".py", ".yaml", ".j2")
             for page in re.findall(r"\bdocs/[\w/-]+\.md", path.read_text())}  # fmt: skip
    assert len(named) > 5
    assert {page for page in named if not (root / page).is_file()} == set()
