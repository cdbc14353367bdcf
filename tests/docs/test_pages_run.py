"""Every command that a page shows, in blocks and in sentences, is run in a project, or is exempt for a reason.

Pages that are followed from top to bottom are test_walkthroughs.py's.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.test_commands import FOLLOWED, PAGES, ROOT, commands

TERMINAL = "asks a person at a terminal; tests/runner/attended.py types there"
TRUST = "reads who staging or production is; tests/cli/test_trust.py does it on servers of its own"
WAITS = "goes on until a run ends; tests/journal/test_following.py"
SERVERS = "needs servers, or what a run left; test_walkthroughs.py does what the tutorial shows of it"
EXEMPT = {
    "drx init": "asks a person at a terminal; tests/cli/test_init.py answers",
    "drx init --sandbox-only": "refuses to write over a drx.yaml; tests/cli/test_init.py",
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
    "drx run --json": "names an option, without a runbook",
    "drx run practise --env sandbox": "asks for the name of what is dropped; tests/cli/test_operation.py",
    "drx show --follow": WAITS,
    "drx show RUN --follow": WAITS,
    "drx approve": "needs a step that waits; tests/cli/test_people.py",
    "drx approve RUN STEP": "needs a step that waits; tests/cli/test_people.py",
    "drx note": "names the command; the tutorial writes a note",
    "drx sign": "needs a person's key; tests/runner/test_audit.py signs",
    "drx audit": "names the command; the tutorial audits a run",
    "drx trust": TRUST,
    "drx trust staging": TRUST,
    "drx trust production": TRUST,
    "drx schedule": "names the group; `drx schedule show` is run",
    "drx run restore-test": "names the runbook; tests/cli/test_restore_test.py runs it",
    "drx runs --elsewhere": "needs a bucket for records; tests/cli/test_elsewhere.py",
    "drx mongo restore dump/ --env staging --into check": "needs what mongodump wrote",
    "drx mongo restore PATH": "needs what mongodump wrote",
    "drx drill db-drop --junit drill.xml": "the tutorial runs the drill, with other options; tests/cli/test_report.py",
    "drx drill db-drop --record": "the tutorial runs the drill, with other options",
    "drx drill --record": "names an option, without a drill",
    "drx drill db-drop-staging --env staging": "drops a collection of staging; tests/drills does so in sandboxes",
    "drx run secrets-check --env staging": "needs real providers; tests/actions/test_secrets_check.py",
    "drx run secrets-check --env production": "needs real providers; tests/actions/test_secrets_check.py",
    "drx run secrets-check": "needs real providers; tests/actions/test_secrets_check.py",
    "drx notify test": "tells the people whom drx.yaml names; tests/cli/test_notify.py",
    "drx status --notify": "tells the people whom drx.yaml names; tests/cli/test_canary.py",
    "drx status --env production --notify --prometheus /var/lib/node_exporter/drx.prom": "tells people; see above",
    "drx schedule github --check": "needs the workflows that --write makes elsewhere; tests/cli/test_schedule.py",
    "drx drill db-drop --env sandbox": SERVERS,
    "drx sandbox up": SERVERS,
    "drx run cache-flush --env sandbox": "needs the runbook that its page writes first",
    "drx run db-drop --env sandbox --dry-run": SERVERS,
    "drx run nightly-backup --env production --unattended": SERVERS,
    "drx run hourly-incremental --env production --unattended": SERVERS,
    "drx backups window --env production": SERVERS,
    "drx backups events --env production": SERVERS,
    "drx report RUN --open": SERVERS,
    "drx report --trend RUNBOOK": SERVERS,
    "drx audit RUN": SERVERS,
    "drx export RUN FILE.tar.gz": SERVERS,
    "drx status --json": SERVERS,
    "drx status --prometheus FILE": SERVERS,
    "drx backups list": SERVERS,
    "drx backups show ID": SERVERS,
    "drx backups window": SERVERS,
    "drx backups events": SERVERS,
    "drx backups copies": SERVERS,
    "drx backups verify": SERVERS,
    "drx backups prune": SERVERS,
    "drx backups verify --all": SERVERS,
    "drx status": SERVERS,
    "drx backups prune --dry-run": SERVERS,
    "drx status --env production --prometheus /var/lib/node_exporter/drx.prom": SERVERS,
    "drx report 7f3a": SERVERS,
    "drx report 7f3a --open": SERVERS,
    "drx report 7f3a --format junit --output drill.xml": SERVERS,
    "drx report --trend db-drop": SERVERS,
    "drx report --trend db-drop --open": SERVERS,
    'drx review 7f3a --item "alert when slices are missing" --owner ben --due 14d': SERVERS,
    'drx review 7f3a --close 1 --reason "the alert is live"': SERVERS,
    "drx report RUN --format junit": SERVERS,
    "drx schedule kubernetes": "names the command; the one with `--image` is run",
    "drx export": SERVERS,
    "drx run nightly-backup --env staging": SERVERS,
    "drx backups window --env staging": SERVERS,
    "drx report --open": SERVERS,
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
    assert EXEMPT.keys() - _shown().keys() == set()


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
    lines = [line for line in _shown() if line not in EXEMPT]
    assert len(lines) > 10
    assert [wrong for line in lines if (wrong := _typed(line, desk))] == []
