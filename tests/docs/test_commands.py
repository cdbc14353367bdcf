"""Every command that a page shows is one that drx takes; whatever a page shows as `sh` is run, or says why it is not.

A block that is not run has a comment before it: `<!-- not run: REASON -->`.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from drx.cli.app import make_app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BY_HAND = "disaster-recovery.md"
"""What it shows as `sh` is what to type without drx: tests/sandbox/test_by_hand.py does."""
FOLLOWED = {"tutorial.md", "first-runbook.md", "getting-started.md"}
"""test_walkthroughs.py goes through these from top to bottom."""
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
BLOCK = re.compile(
    r"(?P<reason><!-- not run: [^\n]+ -->\n)?^```(?P<language>[^\n]*)\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE
)
PARTS = re.compile(r"&&|\||;|>|\.\.\.$")
DESCRIPTION = re.compile(r"\s{2,}")
INLINE = re.compile(r"`(drx [a-z](?:[^`\n]|\n(?!\n))*)`")
TYPED = re.compile(r"\s*(?:\$ |- run: )?(drx [a-z].*)")
LANGUAGES = ("", "sh", "text", "console", "yaml")
SYNOPSIS = "[OPTIONS]"


def commands(page: Path, languages: Collection[str] = LANGUAGES) -> Iterator[str]:
    """Every command that a reader may type, from blocks of these languages and from sentences."""
    text = page.read_text()
    typed = [block["text"] for block in BLOCK.finditer(text) if block["language"] in languages]
    said = (" ".join(found.split()) for found in INLINE.findall(BLOCK.sub("", text)))
    for line in "\n".join((*typed, *said)).splitlines():
        for part in PARTS.split(line):
            if (found := TYPED.match(part)) and not part.endswith(SYNOPSIS):
                yield DESCRIPTION.split(found[1].strip())[0]


def parse(command: Any, arguments: list[str], parent: typer.Context | None = None) -> None:
    """Read arguments as the command line does, down to the last command; runs nothing. Raises TyperException."""
    with command.make_context("drx", list(arguments), parent=parent) as context:
        if isinstance(command, typer.core.TyperGroup):
            rest = [*context._protected_args, *context.args]
            _, inner, rest = command.resolve_command(context, rest)
            assert inner is not None
            parse(inner, rest, context)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_every_command_on_a_page_is_one_that_drx_takes(page: Path) -> None:
    root = typer.main.get_command(make_app())
    wrong = []
    for line in commands(page):
        arguments = shlex.split(line, comments=True)[1:]
        try:
            parse(root, arguments)
        except typer.Exit:
            pass  # it would show its help
        except typer.TyperException as error:
            if not error.format_message().startswith("Missing "):  # a sentence may name a command and no more
                wrong.append(f"{line}: {error.format_message()}")
    assert wrong == []


def shown(page: Path) -> list[re.Match[str]]:
    """The blocks that a reader would paste into a shell."""
    return [block for block in BLOCK.finditer(page.read_text()) if block["language"] == "sh"]


RUN = [
    page
    for page in PAGES
    if page.name not in {*FOLLOWED, BY_HAND} and any(not block["reason"] for block in shown(page))
]


def test_what_is_not_run_says_why_and_what_is_followed_is_run_whole() -> None:
    followed = [DOCS / name for name in FOLLOWED]
    assert all(shown(page) for page in followed)
    assert not [page.name for page in followed for block in shown(page) if block["reason"]]
    assert any(block["reason"] for page in PAGES for block in shown(page))


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=lambda page: str(page.name))
def test_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    shutil.copy(ROOT / "drx.yaml", tmp_path)
    for name in ("runbooks", "drills"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("records"))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
    script = "set -euo pipefail\n" + "".join(block["text"] for block in shown(page) if not block["reason"])
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stdout + done.stderr
