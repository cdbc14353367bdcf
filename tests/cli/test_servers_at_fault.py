"""Databases and stores that are silent, strange, locked or gone: every command that asks one ends in a sentence.

The exit code is one that the command's help lists; the server is named, with what to do; no password comes out.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore.config import Config
from pymongo import MongoClient
from typer.core import TyperGroup

from drx.actions import servers as actions_servers
from drx.backup.oplog import capture
from drx.backup.stores import s3, s3_client
from drx.cli import app
from drx.cli.status import live
from drx.errors import ExitCode
from drx.guard import identity
from tests import servers
from tests.faulty import faulty
from tests.weather import ERROR, Handler, answering, at_fault, hanging_up, silent, speaking_tls, talking_nonsense

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
LAB = ("--env", "lab")
RUN = (*LAB, "--unattended")
Commands = tuple[tuple[str, ...], ...]
ASKS_DATABASE: Commands = (
    ("trust", "lab", "--yes"), ("run", "ask", *RUN), ("run", "ask", *LAB, "--dry-run"), ("run", "base", *RUN),
    ("run", "slice", *RUN), ("run", "back", *RUN), ("drill", "story"), ("mongo", "restore", "dump", *RUN),
    ("backups", "events", *LAB), ("status", *LAB), ("status", *LAB, "--json"),
)  # fmt: skip
"""They cannot do what they are for without the database, or say that it was not asked."""
ASKS_STORE: Commands = (
    ("run", "base", *RUN), ("run", "slice", *RUN), ("run", "back", *RUN), ("drill", "story"),
    ("backups", "list", *LAB), ("backups", "list", *LAB, "--json"), ("backups", "show", "base", *LAB),
    ("backups", "window", *LAB), ("backups", "events", *LAB), ("backups", "copies", *LAB),
    ("backups", "verify", *RUN), ("backups", "prune", "--dry-run", *LAB), ("backups", "prune", *RUN),
    ("status", *LAB), ("status", *LAB, "--json"),
)  # fmt: skip
ASKS_UPLOADS: Commands = (("trust", "lab", "--yes"), ("run", "ask", *RUN))
ASKS_RECORDS: Commands = (("runs", "--elsewhere"), ("show", "nobody"))
ASKS_NOBODY: Commands = (
    ("check",), ("plan", *LAB), ("runs",), ("resume",), ("run",), ("run", "story", *LAB, "--tabletop"), ("actions",),
    ("report", "nobody"), ("audit", "nobody"), ("export", "nobody", "x.tar.gz"), ("schedule", "show"),
)  # fmt: skip
"""Whatever is wrong with the servers, these do the same as ever."""
REMEDY = re.compile(
    r"^ {5,}\S|\d+:\d+:\d+ {6}\S|What to do|To do|(Check|Create|Make|Look|Mount|Set|See|Try) ", re.MULTILINE
)
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wait for half a second wherever drx waits for seconds; keep what a bug would leave inside of the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(capture, "_SETTLED_SECONDS", 0.1)
    for module, name in ((actions_servers, "_ANSWER_MS"), (actions_servers, "_BUSY_MS"), (live, "_ANSWER_MS")):
        monkeypatch.setattr(module, name, 500)
    monkeypatch.setattr(identity, "_WAIT_SECONDS", 0.5)
    make: Any = s3_client.make_s3_client

    def hurried(*arguments: Any) -> Any:
        *others, config = arguments
        brief = Config(connect_timeout=0.5, read_timeout=1, retries={"mode": "standard", "total_max_attempts": 1})
        return make(*others, config.merge(brief))

    monkeypatch.setattr(s3_client, "make_s3_client", hurried)
    monkeypatch.setattr(s3, "make_s3_client", hurried)


@pytest.fixture
def root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mongo_server: str, s3_server: str, bucket: str, capsys: Capture
) -> Iterator[Path]:
    """A project whose servers are well and trusted, with a base and a slice in the store."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEY", SECRET)
    database = f"fault_{bucket.removeprefix('test-')}"
    for name, text in {
        "runbooks/base.yaml": BASE, "runbooks/slice.yaml": SLICE, "runbooks/back.yaml": BACK, "runbooks/ask.yaml": ASK,
        "runbooks/story.yaml": STORY, "drills/story.yaml": DRILL, "dump/other/none": "",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    settle(tmp_path, monkeypatch, mongo_server, s3_server, bucket)
    with MongoClient[dict[str, Any]](mongo_server) as client:
        client[database].images.insert_many([{"_id": n, "x": "y" * 100} for n in range(100)])
        for command in (("trust", "lab", "--yes"), ("run", "base", *RUN), ("run", "slice", *RUN)):
            assert app.run([*command]) == ExitCode.OK, capsys.readouterr()
        capsys.readouterr()
        yield tmp_path
        client.drop_database(database)


def settle(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    mongo: str,
    endpoint: str,
    bucket: str,
    store: str = BUCKET,
    *,
    records: bool = False,
) -> None:
    """Let the project have these servers."""
    where = {"bucket": bucket, "endpoint": endpoint}
    database = f"fault_{bucket.removeprefix('test-')}"
    config = (CONFIG + RECORDS) if records else CONFIG
    (root / "drx.yaml").write_text(config.format(database=database, store=store.format(**where), **where))
    monkeypatch.setenv("MONGO", mongo)


def leaves(path: str, command: object) -> Iterator[tuple[str, object]]:
    if isinstance(command, TyperGroup):
        for name, inner in command.commands.items():
            yield from leaves(f"{path} {name}".strip(), inner)
    else:
        yield path, command


HELP: Mapping[str, Any] = dict(leaves("", typer.main.get_command(app.make_app())))


def listed(command: tuple[str, ...]) -> set[int]:
    """The exit codes in a command's help."""
    found = HELP.get(" ".join(command[:2])) or HELP[command[0]]
    return {int(code) for code in re.findall(r"(?:: |· )(\d+) ", found.epilog or "")}


def sweep(root: Path, commands: Commands, capsys: Capture, *names: str) -> dict[tuple[str, ...], int]:
    """Run the commands, and hold what each says against what holds for all; `names` are what the server is called."""
    codes = {}
    for command in commands:
        codes[command] = app.run([*command])
        said = capsys.readouterr()
        told = said.out + said.err
        assert not list(root.glob("drx-bug-*")), (command, told)
        assert "Traceback" not in told, command
        assert "a bug in the action" not in told, (command, told)
        assert "Topology" not in told, command
        assert codes[command] in listed(command), (command, told)
        assert SECRET not in told, command
        assert not names or any(name in told for name in names), (command, told)
        if command[0] != "status" and codes[command] != ExitCode.OK:
            assert REMEDY.search(told), (command, told)
    for path in root.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path
    return codes


DATABASES: dict[str, Handler] = {
    "silent": silent,
    "hanging up": hanging_up,
    "nonsense": talking_nonsense,
    "a web server": answering(400, b"Bad Request"),
}
OPTIONS = "directConnection=true&authSource=admin"


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*DATABASES, "closed", "tls", "untrusted", "no tls", "locked", "no name", "no set"])
def test_a_database_at_fault(
    root: Path, monkeypatch: pytest.MonkeyPatch, fault: str, mongo_server: str, s3_server: str, bucket: str,
    capsys: Capture, tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    with ExitStack() as stack:
        aside = tmp_path_factory.mktemp("aside")
        match fault:
            case "closed":
                uri = f"mongodb://drx:{SECRET}@127.0.0.1:{servers.free_port()}/?{OPTIONS}"
            case "no name":
                uri = f"mongodb+srv://drx:{SECRET}@nowhere.invalid/"
            case "no set":
                uri = mongo_server.replace("directConnection=true", "replicaSet=another")
            case "no tls":
                uri = mongo_server + "&tls=true"
            case "locked":
                uri = stack.enter_context(servers.mongo(aside, "--auth")).replace("//", f"//drx:{SECRET}@")
            case _:
                handler = speaking_tls(aside) if fault in ("tls", "untrusted") else DATABASES[fault]
                options = OPTIONS + ("&tls=true" if fault == "untrusted" else "")
                uri = f"mongodb://drx:{SECRET}@127.0.0.1:{stack.enter_context(at_fault(handler))}/?{options}"
        settle(root, monkeypatch, uri, s3_server, bucket)
        codes = sweep(root, ASKS_DATABASE, capsys, "MongoDB server")
        sweep(root, ASKS_NOBODY, capsys)
    assert codes[("trust", "lab", "--yes")] == codes[("drill", "story")] == ExitCode.REFUSED
    assert codes[("run", "base", *RUN)] == codes[("run", "slice", *RUN)] == ExitCode.FAILED
    assert codes[("backups", "events", *LAB)] == ExitCode.OK, "the archive tells all the same"


STORES: dict[str, Handler] = {
    "silent": silent,
    "hanging up": hanging_up,
    "nonsense": talking_nonsense,
    "403": answering(403, ERROR % b"AccessDenied"),
    "403 without a word": answering(403, b"<html>No</html>", "text/html"),
    "unknown key": answering(403, ERROR % b"InvalidAccessKeyId"),
    "503": answering(503, ERROR % b"SlowDown"),
    "500 without a word": answering(500, b"oops", "text/plain"),
    "elsewhere": answering(301, ERROR % b"PermanentRedirect"),
    "a page to log in": answering(200, b"<html><body>Log in</body></html>", "text/html"),
    "an empty answer": answering(200, b""),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*STORES, "closed", "tls", "untrusted", "no tls", "no bucket"])
def test_a_store_at_fault(
    root: Path, monkeypatch: pytest.MonkeyPatch, fault: str, mongo_server: str, s3_server: str, bucket: str,
    capsys: Capture, tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    name = bucket
    with ExitStack() as stack:
        match fault:
            case "closed":
                endpoint = f"http://127.0.0.1:{servers.free_port()}"
            case "no tls":
                endpoint = s3_server.replace("http:", "https:")
            case "no bucket":
                endpoint, name = s3_server, "test-nowhere"
            case "tls" | "untrusted":
                port = stack.enter_context(at_fault(speaking_tls(tmp_path_factory.mktemp("aside"))))
                endpoint = f"{'https' if fault == 'untrusted' else 'http'}://127.0.0.1:{port}"
            case _:
                endpoint = f"http://127.0.0.1:{stack.enter_context(at_fault(STORES[fault]))}"
        settle(root, monkeypatch, mongo_server, endpoint, name)
        codes = sweep(root, ASKS_STORE, capsys, f"s3://{name}", f"bucket {name}", "backups store")
        sweep(root, ASKS_UPLOADS, capsys, f"bucket {name}")
        settle(root, monkeypatch, mongo_server, endpoint, name, records=True)
        sweep(root, ASKS_RECORDS, capsys, f"s3://{name}")
        sweep(root, ASKS_NOBODY, capsys)
    assert ExitCode.OK not in {code for command, code in codes.items() if command[0] != "status"}
    assert all(code == app.STATUS_UNKNOWN for command, code in codes.items() if command[0] == "status")


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["missing", "file"])
def test_a_directory_at_fault(
    root: Path, monkeypatch: pytest.MonkeyPatch, fault: str, mongo_server: str, s3_server: str, bucket: str,
    capsys: Capture,
) -> None:  # fmt: skip
    if fault == "file":
        (root / "store").write_text("")
    settle(root, monkeypatch, mongo_server, s3_server, bucket, "{{directory: store}}")
    codes = sweep(root, ASKS_STORE, capsys, str(root / "store"), "store store")
    assert ExitCode.OK not in codes.values()


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in (*ASKS_STORE, *ASKS_UPLOADS) if c[0] != "status"], ids=" ".join)
def test_a_store_that_turns_everybody_away_half_way(
    root: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], mongo_server: str, s3_server: str,
    bucket: str, capsys: Capture,
) -> None:  # fmt: skip
    """After each request that the command makes, one run of it: it fails in words, or had what it needed."""
    with faulty(s3_server) as (faults, endpoint):
        settle(root, monkeypatch, mongo_server, endpoint, bucket)
        app.run(["trust", "lab", "--yes"])
        app.run([*command])
        served = 0
        while served < 40:
            faults.serves = served
            sweep(root, (command,), capsys)
            if faults.serves >= 0:
                break
            served += 1 if served < 4 else 6
        faults.serves = None
    settle(root, monkeypatch, mongo_server, s3_server, bucket)
    capsys.readouterr()
    assert app.run(["backups", "list", *LAB]) == ExitCode.OK, "whatever came of it, the store is as readable as before"
