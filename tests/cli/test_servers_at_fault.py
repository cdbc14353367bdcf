"""Databases and stores that are silent, strange, locked or gone: every command that asks one ends in a sentence.

The exit code is one that the command's help lists; the server is named, with what to do; no password comes out.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from pymongo import MongoClient

from drx.actions import servers as actions_servers
from drx.backup.oplog import capture
from drx.backup.stores import s3, s3_client
from drx.cli import app, trying
from drx.cli.status import live
from drx.errors import ExitCode
from drx.guard import identity
from drx.journal import JOURNAL
from drx.runner import copying
from tests import servers
from tests.cli.sweeping import (
    ASK,
    ASKS_DATABASE,
    ASKS_HOOK,
    ASKS_NOBODY,
    ASKS_RECORDS,
    ASKS_STORE,
    ASKS_UPLOADS,
    BACK,
    BASE,
    BUCKET,
    CONFIG,
    DRILL,
    HELP,
    LAB,
    NAMES,
    NOT_SWEPT,
    RECORDS,
    RUN,
    SECRET,
    SLICE,
    STORY,
    Capture,
    name_of,
    sweep,
)
from tests.faulty import faulty
from tests.weather import ERROR, Handler, answering, at_fault, hanging_up, silent, speaking_tls, talking_nonsense


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wait for half a second wherever drx waits for seconds; keep what a bug would leave inside of the test."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(capture, "_SETTLED_SECONDS", 0.1)
    for module, name in ((actions_servers, "_ANSWER_MS"), (actions_servers, "_BUSY_MS"), (live, "_ANSWER_MS")):
        monkeypatch.setattr(module, name, 500)
    monkeypatch.setattr(identity, "_WAIT_SECONDS", 0.5)
    monkeypatch.setattr(trying, "_SECONDS", 0.5)
    monkeypatch.setattr(copying.Copying.close, "__defaults__", (0.5,))
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
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("HOOK", f"http://127.0.0.1:{servers.free_port()}/{SECRET}")
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
        for command in (("trust", "lab", "--yes"), *(("run", name, *RUN) for name in ("base", "slice", "ask"))):
            assert app.run([*command]) == ExitCode.OK, capsys.readouterr()
        capsys.readouterr()
        ended, cut = (next((tmp_path / "drills" / "records").glob(f"*-{name}-*")) for name in ("slice", "ask"))
        known = json.loads((tmp_path / NAMES).read_text())
        (tmp_path / NAMES).write_text(json.dumps(known | {"ended": ended.name, "cut": cut.name}))
        whole, started, _ = (cut / JOURNAL).read_bytes().partition(b'"type":"StepStarted"')
        line, _, _ = (cut / JOURNAL).read_bytes()[len(whole + started) :].partition(b"\n")
        (cut / JOURNAL).write_bytes(whole + started + line + b"\n")
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
    known = json.loads((root / NAMES).read_text()) if (root / NAMES).exists() else {}
    (root / NAMES).write_text(json.dumps(known | where))


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
        settle(root, monkeypatch, uri, s3_server, bucket, records=True)
        codes = sweep(root, ASKS_DATABASE, capsys, "MongoDB server")
        assert sweep(root, ASKS_NOBODY, capsys) == ASKS_NOBODY
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
        assert sweep(root, ASKS_NOBODY, capsys) == ASKS_NOBODY
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
@pytest.mark.parametrize(
    "command", [c for c in (*ASKS_STORE, *ASKS_UPLOADS) if c[0] not in ("status", "init")], ids=" ".join
)
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


HOOKS: dict[str, Handler] = {
    "silent": silent,
    "hanging up": hanging_up,
    "nonsense": talking_nonsense,
    "404": answering(404, b"no_service", "text/plain"),
    "429": answering(429, b"", "text/plain"),
    "500": answering(500, b"<html>Oops</html>", "text/html"),
    "elsewhere": answering(302, b"", "text/plain"),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", [*HOOKS, "closed", "tls", "untrusted", "no name"])
def test_a_hook_at_fault(
    root: Path, monkeypatch: pytest.MonkeyPatch, fault: str, mongo_server: str, s3_server: str, bucket: str,
    capsys: Capture, tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    """Nobody hears of anything: it is said, and takes nothing from what the commands are for."""
    settle(root, monkeypatch, mongo_server, s3_server, bucket, records=True)
    well = app.run(["status", *LAB])
    capsys.readouterr()
    host = "127.0.0.1"
    with ExitStack() as stack:
        match fault:
            case "closed":
                url = f"http://{host}:{servers.free_port()}"
            case "no name":
                url, host = "http://nowhere.invalid", "nowhere.invalid"
            case "tls" | "untrusted":
                port = stack.enter_context(at_fault(speaking_tls(tmp_path_factory.mktemp("aside"))))
                url = f"{'https' if fault == 'untrusted' else 'http'}://{host}:{port}"
            case _:
                url = f"http://{host}:{stack.enter_context(at_fault(HOOKS[fault]))}"
        monkeypatch.setenv("HOOK", f"{url}/{SECRET}")
        codes = sweep(root, ASKS_HOOK, capsys, f"web hook {host}")
        assert set(codes.values()) == {ExitCode.FAILED}
        assert sweep(root, (("status", *LAB, "--notify"),), capsys) == {("status", *LAB, "--notify"): well}
        assert sweep(root, (("run", "slice", *RUN),), capsys) == {("run", "slice", *RUN): ExitCode.OK}
        assert sweep(root, ASKS_NOBODY, capsys) == ASKS_NOBODY


def test_every_command_is_swept_or_says_why_it_is_not() -> None:
    lists = (ASKS_DATABASE, ASKS_STORE, ASKS_UPLOADS, ASKS_RECORDS, ASKS_HOOK, ASKS_NOBODY)
    swept = {name_of(command) for commands in lists for command in commands}
    assert swept & NOT_SWEPT.keys() == set()
    assert swept | NOT_SWEPT.keys() == HELP.keys()
