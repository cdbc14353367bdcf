"""What pages show of drx for servers and runs is typed at a desk with real ones, in an order that makes sense."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from drx.sandbox.buckets import connect_s3
from drx.sandbox.state import ACCESS_KEY, SECRET_KEY
from tests.docs.served import BESIDE, SERVED
from tests.notify.listening import listening
from tests.sandbox.desk import ROOT, Desk
from tests.servers import mongo
from tests.terminal import DRX, Terminal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
AT_HAND = {"BROWSER": "true", "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
KEYS = 'access_key_id: test, secret_access_key: "${TEST}"'
RECORDS = """
notify: {{on_failure: ["${{SLACK_WEBHOOK}}"]}}
records: {{s3: {{bucket: pixelcraft-records, endpoint: "{endpoint}", {keys}}}}}
"""
SLOW = """
runbook: slow
kind: operation
title: It takes a while
steps:
  - {id: wait, title: Wait, action: wait.until, with: {for: 5s}, expect: 5s}
"""
SWITCH = """
runbook: switch
kind: operation
title: It waits for a person
steps:
  - {id: approve-switch, approve: Point the application at the restored database?, expect: 5m}
"""
STAGING_BUCKET = "pixelcraft-staging-uploads"


@pytest.fixture
def project(desk: Desk, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk with the three environments that pages speak of, and this repository's drills."""
    here, elsewhere = desk.state.s3["us-east-1"], desk.state.s3["eu-west-1"]
    for bucket in (STAGING_BUCKET, "pixelcraft-records"):
        connect_s3(here, "us-east-1", ACCESS_KEY, SECRET_KEY).create_bucket(Bucket=bucket)
    with mongo(tmp_path_factory.mktemp("staging")) as staging, listening() as listener:
        monkeypatch.setenv("SLACK_WEBHOOK", listener.url)
        with MongoClient[Any](staging) as client:
            client.pixelcraft.images.insert_one({"_id": 1})
        more = f"""  staging:
    mongo: {{uri: "{staging}", database: pixelcraft}}
    uploads: {{bucket: {STAGING_BUCKET}, endpoint: "{here}", {KEYS}}}
  sandbox: {{sandbox: true}}
backups:"""
        copy = f'{{s3: {{bucket: pixelcraft-backups-eu, region: eu-west-1, endpoint: "{elsewhere}", {KEYS}}}}}'
        config = desk.folder / "drx.yaml"
        text = config.read_text().replace("production:\n", "production:\n    protected: true\n", 1)
        config.write_text(
            text.replace("backups:", more, 1).replace("{directory: copy}", f"{{directory: copy}}, {copy}", 1)
            + RECORDS.format(endpoint=here, keys=KEYS)
        )
        (desk.folder / "runbooks" / "slow.yaml").write_text(SLOW)
        (desk.folder / "runbooks" / "switch.yaml").write_text(SWITCH)
        shutil.copytree(ROOT / "drills", desk.folder / "drills", ignore=shutil.ignore_patterns("records"))
        yield desk


def _typed(line: str, desk: Desk) -> "subprocess.CompletedProcess[str]":
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", line], cwd=desk.folder, env={**os.environ, "PATH": path, "LANG": "C.UTF-8", **AT_HAND},
        text=True, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=300,
    )  # fmt: skip


def _known(desk: Desk) -> dict[str, str]:
    """What a reader has seen by now: the newest drill, the oldest base, and where its dump lies in a copy."""
    drills = sorted(path.name for path in (desk.folder / "drills").glob("records/*-db-drop-*"))
    dumps = sorted(path for path in (desk.folder / "copy").rglob("dump") if "/pixelcraft/" in str(path))
    base = dumps[0].parent.name if dumps else ""
    return {"run": drills[-1] if drills else "", "base": base, "dump": str(dumps[0]) if dumps else ""}


def test_every_command_that_needs_servers_does_what_it_is_shown_for(project: Desk) -> None:
    wrong = []
    try:
        for typed in dict.fromkeys(typed or shown for shown, typed in SERVED.items()):
            line = typed.format_map(_known(project))
            done = _typed(line, project)
            good = (0, 1, 2) if line.startswith("drx status") else (0,)  # as monitoring means them; 3 is unknown
            if done.returncode not in good:
                wrong.append(f"{line}: exit {done.returncode}\n{done.stdout[-600:]}{done.stderr[-600:]}")
    finally:
        _typed("drx sandbox down", project)
    assert not wrong, "\n".join(wrong)


def test_every_command_for_another_terminal_does_what_it_is_shown_for(project: Desk) -> None:
    assert _typed("drx trust staging --yes", project).returncode == 0
    for number, line in enumerate(BESIDE.values()):
        waiting = Terminal((str(DRX), "run", "switch", "--env", "staging"), project.folder)
        waiting.see("Point the application at the restored database?")
        records = sorted(
            (project.folder / "drills" / "records").glob("*-switch-*"), key=lambda path: path.stat().st_ctime
        )
        assert len(records) == number + 1
        done = _typed(line.format(run=records[-1].name), project)
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}{waiting.text}"
        assert waiting.end() == 0, waiting.scrolled
