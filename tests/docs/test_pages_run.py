"""Every command that a page shows, in blocks and in sentences, is run in a project, or is exempt for a reason.

Pages that are followed from top to bottom are test_walkthroughs.py's; what needs servers is run by
tests/sandbox/test_pages.py.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.served import SERVED
from tests.docs.test_commands import FOLLOWED, PAGES, ROOT, commands

TERMINAL = "asks a person at a terminal; tests/runner/attended.py types there"
EXEMPT = {
    "drx init": "asks a person at a terminal; tests/cli/test_init.py answers",
    "drx run": TERMINAL,
    "drx drill": "names the command, without a drill",
    "drx review": TERMINAL,
    "drx review 7f3a": TERMINAL,
    "drx resume": TERMINAL,
    "drx resume --take-over": "needs a process that has the run; tests/cli/test_show.py",
    "drx resume --unattended": "needs a run that was killed; tests/runner/test_kills.py",
    "drx run db-drop --env sandbox": TERMINAL,
    "drx run db-drop --env staging": TERMINAL,
    "drx run db-drop --env production --tabletop --speed 20": "asks a person; tests/cli/test_tabletop.py answers",
    "drx run practise --env sandbox": "asks for the name of what is dropped; tests/cli/test_operation.py",
    "drx approve": "needs a step that waits; tests/cli/test_people.py",
    "drx approve RUN STEP": "needs a step that waits; tests/cli/test_people.py",
    "drx trust": "names the command; those with an environment are run",
    "drx schedule": "names the group; `drx schedule show` is run",
    "drx runs --elsewhere": "needs a bucket for records; tests/cli/test_elsewhere.py",
    "drx drill db-drop --env sandbox": "tests/sandbox/test_pages.py runs it, with two options",
    "drx drill --record": "names an option, without a drill",
    "drx drill db-drop-staging --env staging": "drops a collection of staging; tests/drills does so in sandboxes",
    "drx run secrets-check --env staging": "needs real providers; tests/actions/test_secrets_check.py",
    "drx run secrets-check --env production": "needs real providers; tests/actions/test_secrets_check.py",
    "drx run secrets-check": "needs real providers; tests/actions/test_secrets_check.py",
    "drx notify test": "tells the people whom drx.yaml names; tests/cli/test_notify.py",
    "drx status --notify": "tells the people whom drx.yaml names; tests/cli/test_canary.py",
    "drx status --env production --notify --prometheus /var/lib/prometheus/node-exporter/drx.prom": "tells people",
    "drx schedule github --check": "needs the workflows that --write makes elsewhere; tests/cli/test_schedule.py",
    "drx run cache-flush --env sandbox": "needs the runbook that its page writes first",
    "drx schedule kubernetes": "names the command; the one with `--image` is run",
}
"""What is not run here, each with its reason; a line that no page shows any more has to go."""


def _shown() -> dict[str, str]:
    """Give each command once, with the first page that shows it."""
    pages = [page for page in PAGES if page.name not in FOLLOWED]
    found: dict[str, str] = {}
    for page in pages:
        for line in commands(page):
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
    assert EXEMPT.keys() & SERVED.keys() == set()
    assert (EXEMPT.keys() | SERVED.keys()) - _shown().keys() == set()


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
    lines = [line for line in _shown() if line not in EXEMPT and line not in SERVED]
    assert len(lines) > 10
    assert [wrong for line in lines if (wrong := _typed(line, desk))] == []
