"""Every command that a page shows, in blocks and in sentences, is run in a project, or is exempt for a reason.

Blocks of pages that are followed from top to bottom are test_walkthroughs.py's; what needs servers, or a run that
waits, is typed by tests/sandbox/test_pages.py. A command that no test runs, and that is not exempt, fails here.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.served import BESIDE, SERVED
from tests.docs.test_commands import FOLLOWED, LANGUAGES, PAGES, ROOT, commands

TERMINAL = "asks a person at a terminal; tests/runner/attended.py types there"
EXEMPT = {
    "drx init": "asks a person at a terminal; tests/cli/test_init.py answers",
    "drx run": TERMINAL,
    "drx drill": "names the command, without a drill",
    "drx review": TERMINAL,
    "drx review 7f3a": TERMINAL,
    "drx resume": TERMINAL,
    "drx resume --take-over": "needs a process that has the run; tests/cli/test_show.py",
    "drx run db-drop --env sandbox": TERMINAL,
    "drx run db-drop --env staging": TERMINAL,
    "drx run db-drop --env production --tabletop --speed 20": "asks a person; tests/cli/test_tabletop.py answers",
    "drx run practise --env sandbox": "asks for the name of what is dropped; tests/cli/test_operation.py",
    "drx trust": "names the command; those with an environment are run",
    "drx schedule": "names the group; `drx schedule show` is run",
    "drx drill db-drop --env sandbox": "tests/sandbox/test_pages.py runs it, with two options",
    "drx drill --record": "names an option, without a drill",
    "drx drill db-drop-staging --env staging": "drops a collection of staging; tests/drills does so in sandboxes",
    "drx run cache-flush --env sandbox": "needs the runbook that its page writes first",
    "drx schedule kubernetes": "names the command; the one with `--image` is run",
    "drx schedule cron --write": "writes the crontab of whoever tests; tests/cli/test_schedule.py plays one",
    "drx resume 7f3a --take-over": "needs a process that has the run; tests/cli/test_show.py",
    "drx actions web.ping": "needs the action that its page has one write",
    "drx report": "names the command; those with a run are run",
    "drx mongo restore": "names the command; those with a dump are run",
    "drx drill db-drop": "tests/sandbox/test_pages.py runs it, with two options",
    "drx drill --all --env sandbox": "takes long; tests/drills runs each drill, tests/cli/test_drill_all.py several",
    "drx drill server-failure --env sandbox --junit drill.xml": "tests/drills/test_server_failure.py runs it",
    "drx drill db-drop-staging --env staging --record": (
        "drops a collection of staging; tests/drills does so in sandboxes"
    ),
    "drx run --tabletop": "asks a person; tests/cli/test_tabletop.py answers",
    "drx run NAME --tabletop": "asks a person; tests/cli/test_tabletop.py answers",
    "drx run db-drop --env production": TERMINAL,
    "drx run full-infra-loss --env production": TERMINAL,
    "drx run s3-loss --env production": TERMINAL,
    "drx run server-failure --env production": TERMINAL,
}
"""What is not run here, each with its reason; a line that no page shows any more has to go."""


def _shown() -> dict[str, str]:
    """Give each command once, with the first page that shows it."""
    found: dict[str, str] = {}
    for page in PAGES:
        for line in commands(page, set(LANGUAGES) - {"sh"} if page.name in FOLLOWED else LANGUAGES):
            found.setdefault(" ".join(line.partition(" #")[0].split()), page.name)
    return found


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of this project, for somebody who tries what they read."""
    root = tmp_path_factory.mktemp("desk")
    shutil.copy(ROOT / "drx.yaml", root)
    for name in ("runbooks", "drills", "docs"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("records"))
    return root


def test_what_is_exempt_is_still_shown_somewhere() -> None:
    placed = [*EXEMPT, *SERVED, *BESIDE]
    assert len(placed) == len(set(placed))
    assert set(placed) - _shown().keys() == set()


def _typed(line: str, desk: Path) -> str:
    """Give what was wrong with a command, in words; nothing where it did what it is shown for."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=desk, env={**os.environ, "PATH": path, "LANG": "C.UTF-8"}, text=True,
        stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=100,
    )  # fmt: skip
    return f"{line}: exit {done.returncode}: {done.stderr[-300:]}" if done.returncode else ""


@pytest.mark.slow
def test_every_command_that_needs_no_server_does_what_it_is_shown_for(desk: Path) -> None:
    lines = [line for line in _shown() if not {line} & {*EXEMPT, *SERVED, *BESIDE}]
    assert len(lines) > 10
    assert [wrong for line in lines if (wrong := _typed(line, desk))] == []
