"""Which commands ask which servers, and what holds for all that they say, whatever is wrong with those."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from drx.cli import app
from drx.errors import ExitCode

SECRET = "Kanarie7xVogel"
CONFIG = """\
service: svc
objectives: {{rto: 2h, rpo: 1h}}
environments:
  lab:
    mongo: {{uri: "${{MONGO}}", database: "{database}"}}
    uploads: {{bucket: "{bucket}", endpoint: "{endpoint}", access_key_id: test, secret_access_key: "${{KEY}}"}}
backups: {{primary: {store}}}
contacts: {{channel: "#ops"}}
schedules: [{{run: back, environment: lab, cron: "0 3 * * *"}}]
notify: {{timeout: 500ms, channels: [{{url: "${{HOOK}}", on: [success, failure, missed]}}]}}
"""
RECORDS = """\
records:
  s3: {{bucket: "{bucket}", prefix: rec/, endpoint: "{endpoint}", access_key_id: test, secret_access_key: "${{KEY}}"}}
"""
BUCKET = '{{s3: {{bucket: "{bucket}", endpoint: "{endpoint}", access_key_id: test, secret_access_key: "${{KEY}}"}}}}'
STEP = "  - {{id: {0}, title: Try it, action: {1}, expect: 1s}}\n"
BASE = "runbook: base\nkind: operation\ntitle: Take a base\nsteps:\n" + STEP.format("base", "backup.base")
SLICE = "runbook: slice\nkind: operation\ntitle: Take a slice\nsteps:\n" + STEP.format("slice", "backup.slice")
BACK = "runbook: back\nkind: operation\ntitle: Restore\nsteps:\n" + STEP.format("back", "mongo.restore").replace(
    "mongo.restore,", "mongo.restore, with: {into: back},"
)
ASK = "runbook: ask\nkind: operation\ntitle: Ask\nprechecks:\n{}steps:\n{}".format(
    STEP.format("ping", "mongo.ping"), STEP.format("count", "s3.count")
)
STORY = """\
runbook: story
title: Asks
symptoms:
  - {text: Nothing is there, probe: {action: mongo.count, with: {collection: images, at_least: 1}}}
steps:
  - {id: ping, title: Ask, action: mongo.ping, expect: 1s, recovered: true}
"""
DRILL = """\
drill: story
runbook: story
environment: lab
setup: [{id: base, action: backup.base}]
fault: {action: mongo.drop_collection, with: {collection: images}}
"""
NAMES = "names.json"
"""Beside drx.yaml: what stands in commands as `{NAME}`."""
LAB = ("--env", "lab")
RUN = (*LAB, "--unattended")
Command = tuple[str, ...]
Commands = tuple[Command, ...]
INIT = ("init", "--input", "health={endpoint}/healthz", "--input", "mongo=MONGO", "--input", "endpoint={endpoint}")
ASKS_DATABASE: Commands = (
    ("trust", "lab", "--yes"), ("run", "ask", *RUN), ("run", "ask", *LAB, "--dry-run"), ("run", "base", *RUN),
    ("run", "slice", *RUN), ("run", "back", *RUN), ("drill", "story"), ("mongo", "restore", "dump", *RUN),
    ("backups", "events", *LAB), ("status", *LAB), ("status", *LAB, "--json"), ("resume", "{cut}", "--unattended"),
    (*INIT, "--input", "backups={bucket}@us-east-1"),
)  # fmt: skip
"""They cannot do what they are for without the database, or say that it was not asked."""
ASKS_STORE: Commands = (
    ("status", *LAB), ("status", *LAB, "--json"),
    ("run", "base", *RUN), ("run", "slice", *RUN), ("run", "back", *RUN), ("drill", "story"),
    ("backups", "list", *LAB), ("backups", "list", *LAB, "--json"), ("backups", "show", "base", *LAB),
    ("backups", "window", *LAB), ("backups", "events", *LAB), ("backups", "copies", *LAB),
    ("backups", "verify", *RUN), ("backups", "prune", "--dry-run", *LAB), ("backups", "prune", *RUN),
)  # fmt: skip
"""The status comes first: that a job has failed, as these do, is worse than a store of which it knows nothing."""
ASKS_UPLOADS: Commands = (
    ("trust", "lab", "--yes"), ("run", "ask", *RUN), (*INIT, "--input", "backups={bucket}@us-east-1"),
)  # fmt: skip
ASKS_RECORDS: Commands = (
    ("runs", "--elsewhere"), ("show", "nobody"), ("note", "{ended}", "We saw it."),
    ("review", "{ended}", "--item", "look again", "--due", "14d"),
)  # fmt: skip
ASKS_HOOK: Commands = (("notify", "test"),)
ASKS_NOBODY: dict[Command, ExitCode] = {
    ("check",): ExitCode.OK, ("check", "ask"): ExitCode.OK, ("plan", *LAB): ExitCode.OK, ("runs",): ExitCode.OK,
    ("resume", "{ended}", "--unattended"): ExitCode.OK, ("run",): ExitCode.HUMAN_NEEDED,
    ("run", "story", *LAB, "--tabletop"): ExitCode.HUMAN_NEEDED, ("actions",): ExitCode.OK,
    ("schema", "runbook"): ExitCode.OK, ("schedule", "show"): ExitCode.OK,
    ("schedule", "cron"): ExitCode.OK, ("schedule", "systemd"): ExitCode.OK, ("schedule", "github"): ExitCode.OK,
    ("schedule", "kubernetes", "--image", "drx"): ExitCode.OK,
    ("show", "{ended}"): ExitCode.OK, ("approve", "{ended}", "slice"): ExitCode.USAGE,
    ("report", "{ended}"): ExitCode.OK, ("audit", "{ended}"): ExitCode.OK,
    ("export", "{ended}", "x.tar.gz"): ExitCode.OK, ("sign", "{ended}", "--key", "nokey"): ExitCode.USAGE,
}  # fmt: skip
"""Whatever is wrong with the servers, these do the same as ever."""
NOT_SWEPT = {
    "sandbox up": "starts servers of its own, and asks no others; tests/sandbox/test_servers.py",
    "sandbox status": "asks the sandbox's servers alone; tests/cli/test_sandbox.py",
    "sandbox down": "ends the sandbox's servers, however they are; tests/sandbox/test_servers.py",
}
REMEDY = re.compile(
    r"^ {5,}\S|\d+:\d+:\d+ {6}\S|What to do|To do|(Check|Create|Make|Look|Mount|Set|See|Try) ", re.MULTILINE
)
Capture = pytest.CaptureFixture[str]


def leaves(path: str, command: object) -> Iterator[tuple[str, object]]:
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from leaves(f"{path} {name}".strip(), inner)
    else:
        yield path, command


HELP: Mapping[str, Any] = dict(leaves("", typer.main.get_command(app.make_app())))


def name_of(command: Command) -> str:
    """How the help calls it."""
    return " ".join(command[:2]) if " ".join(command[:2]) in HELP else command[0]


def listed(command: tuple[str, ...]) -> set[int]:
    """The exit codes in a command's help."""
    return {int(code) for code in re.findall(r"(?:: |· )(\d+) ", HELP[name_of(command)].epilog or "")}


def sweep(root: Path, commands: Iterable[Command], capsys: Capture, *names: str) -> dict[Command, int]:
    """Run the commands, and hold what each says against what holds for all; `names` are what the server is called."""
    codes = {}
    for command in commands:
        words = [word.format_map(json.loads((root / NAMES).read_text())) for word in command]
        with chdir(mkdtemp(dir=root) if command[0] == "init" else root):
            codes[command] = app.run(words)
        said = capsys.readouterr()
        told = said.out + said.err
        assert not list(root.glob("drx-bug-*")), (command, told)
        assert "Traceback" not in told, (command, told)
        assert "a bug in the action" not in told, (command, told)
        assert "Topology" not in told, command
        assert codes[command] in listed(command), (command, told)
        assert SECRET not in told, command
        assert not names or any(name in " ".join(told.split()) for name in names), (command, told)
        if command[0] != "status" and codes[command] != ExitCode.OK:
            assert REMEDY.search(told), (command, told)
    for path in root.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    return codes
