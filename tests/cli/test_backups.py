"""`drx backups` and the shipped runbooks around it, on a real server and stores in directories."""

import json
import re
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import Timestamp
from pymongo import MongoClient
from pymongo.database import Database

from drx.backup.format.catalog import slice_keys
from drx.backup.format.manifest import Manifest, SliceManifest, to_json
from drx.backup.locks import Holder, holding
from drx.backup.oplog import capture
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress
from drx.cli import app
from drx.errors import ExitCode
from tests import servers

Capture = pytest.CaptureFixture[str]
Documents = Database[dict[str, Any]]
ROOT = Path(__file__).resolve().parents[2]
CONFIG = """\
service: svc
objectives: {{rto: 2h, rpo: 1h}}
environments:
  lab: {{mongo: {{uri: "{uri}", database: "{database}"}}}}
  bare: {{}}
backups:
  primary: {{directory: primary}}
  copies: [{{directory: offline}}]
  retention: {{within: 7d, daily: 30, minimum: 1}}
contacts: {{channel: "#ops", on_call: ada}}
"""


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded server needs no whole second to finish a write."""
    monkeypatch.setattr(capture, "_SETTLED_SECONDS", 0.1)


def make_project(path: Path, uri: str, database: str) -> None:
    """Write drx.yaml and the shipped runbooks, and trust the server."""
    (path / "drx.yaml").write_text(CONFIG.format(uri=uri, database=database))
    (path / "runbooks").mkdir()
    for name in ("nightly-backup", "hourly-incremental"):
        text = (ROOT / "runbooks" / f"{name}.yaml").read_text()
        (path / "runbooks" / f"{name}.yaml").write_text(re.sub(r"wait: \w+", "wait: 100ms", text))
    for store in ("primary", "offline"):
        (path / store).mkdir()
    assert app.run(["trust", "lab", "--yes"]) == ExitCode.OK


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of this file's own: its oplog is short, and so quickly searched."""
    with servers.mongo(tmp_path_factory.mktemp("mongo")) as uri:
        yield uri


@pytest.fixture
def database(server: str) -> Iterator[Documents]:
    """A database that holds 300 images."""
    with MongoClient[dict[str, Any]](server) as client:
        found = client[f"test_{uuid.uuid4().hex[:12]}"]
        found.images.insert_many([{"_id": number} for number in range(300)])
        yield found
        client.drop_database(found.name)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str, database: Documents) -> Path:
    """A project with that database."""
    monkeypatch.chdir(tmp_path)
    make_project(tmp_path, server, database.name)
    return tmp_path


def drx(*arguments: str) -> int:
    return app.run([*arguments, "--env", "lab"])


def run(runbook: str) -> int:
    return drx("run", runbook, "--unattended")


def read(capsys: Capture, *arguments: str) -> Any:
    """What a command prints as JSON."""
    capsys.readouterr()
    drx("backups", *arguments, "--json")
    return json.loads(capsys.readouterr().out)


def report(project: Path) -> dict[str, Any]:
    """The newest report."""
    newest = max((project / "drills" / "records").glob("*/report.json"), key=lambda path: path.stat().st_mtime_ns)
    found: dict[str, Any] = json.loads(newest.read_text())["run"]
    return found


def only_base(project: Path, store: str = "primary") -> Path:
    (found,) = (project / store / "svc-lab" / "base").iterdir()
    return found


def test_nightly_and_hourly_leave_whole_backups_in_every_store(
    project: Path, database: Documents, capsys: Capture
) -> None:
    assert run("nightly-backup") == ExitCode.OK
    assert report(project)["outcome"] == "succeeded"
    database.images.insert_one({"_id": "later"})
    assert run("hourly-incremental") == ExitCode.OK
    database.drop_collection("images")

    for store in ([], ["--store", "copy"], ["--store", "offline"]):
        listed = read(capsys, "list", *store)
        (found,) = listed["backups"]
        assert (found["state"], found["documents"], found["database"]) == ("whole", 300, database.name)
        assert listed["oplog"]["slices"] >= 1
        restores = read(capsys, "window", *store)
        assert len(restores["spans"]) == 1
        assert restores["gaps"] == []
    (backup,) = read(capsys, "list")["backups"]
    shown = read(capsys, "show", backup["id"][-12:])
    assert [(each["name"], each["documents"]) for each in shown["collections"]] == [("images", 300)]

    events = read(capsys, "events", "--since", "1h", "--kind", "drop")
    assert [(each["kind"], each["namespace"], each["source"]) for each in events["events"]] == [
        ("drop", f"{database.name}.images", "live")
    ]
    assert run("hourly-incremental") == ExitCode.OK
    assert [each["source"] for each in read(capsys, "events", "--since", "1h")["events"]] == ["archive"]
    assert drx("backups", "verify", "--all", "--unattended") == ExitCode.OK
    assert drx("backups", "verify", backup["id"], "--unattended") == ExitCode.OK
    assert drx("backups", "copies") == ExitCode.FAILED, "nothing lies elsewhere"


def test_people_read_tables(project: Path, database: Documents, capsys: Capture) -> None:
    assert run("nightly-backup") == ExitCode.OK
    capsys.readouterr()
    assert drx("backups", "list") == ExitCode.OK
    row = r"\d\d:\d\d:\d\d +full +300 +\S+ kB +- +\S+nightly-backup-\w{4}\.base\n"
    assert re.search(row, capsys.readouterr().out)
    assert drx("backups", "show", "base") == ExitCode.OK
    assert re.search(r"images +collection +300 ", capsys.readouterr().out)
    assert drx("backups", "window") == ExitCode.OK
    assert re.search(r"any second +\S+ \S+ +\S+ \S+ +\S+ +\S+\.base\n", capsys.readouterr().out)
    assert drx("backups", "events") == ExitCode.OK
    assert "no drop, rename, mass delete or mass update" in capsys.readouterr().out
    before = sorted(path.name for path in (project / "primary").rglob("*"))
    assert drx("backups", "prune", "--dry-run") == ExitCode.OK
    assert capsys.readouterr().out.count("keep  full") == 2
    assert sorted(path.name for path in (project / "primary").rglob("*")) == before


@pytest.mark.slow
def test_prune_deletes_what_no_rule_keeps_in_every_store(project: Path, capsys: Capture) -> None:
    assert run("nightly-backup") == ExitCode.OK
    (project / "drx.yaml").write_text(
        (project / "drx.yaml").read_text().replace("within: 7d, daily: 30", "within: 0s, daily: 0")
    )
    assert run("nightly-backup") == ExitCode.OK
    time.sleep(1.1)  # a span of nothing begins with the next second
    assert drx("backups", "prune", "--unattended") == ExitCode.OK
    assert len(read(capsys, "list")["backups"]) == len(read(capsys, "list", "--store", "copy")["backups"]) == 1
    decisions = [path.read_text() for path in (project / "drills" / "records").rglob("retention.txt")]
    assert sum(text.count("no rule keeps it") for text in decisions) == 2
    assert len(read(capsys, "window")["spans"]) == 1


def test_a_store_that_is_gone_fails_the_run(project: Path, capsys: Capture) -> None:
    (project / "primary").rename(project / "unmounted")
    for runbook in ("nightly-backup", "hourly-incremental"):
        assert run(runbook) == ExitCode.FAILED
        assert report(project)["outcome"] == "failed"
        assert "primary is not there" in capsys.readouterr().out
    for command in ("list", "window", "events"):
        assert drx("backups", command) == ExitCode.FAILED
        assert "primary is not there" in capsys.readouterr().err


def test_a_copy_that_is_gone_fails_the_run_before_anything_is_deleted(project: Path, capsys: Capture) -> None:
    (project / "offline").rename(project / "unmounted")
    assert run("nightly-backup") == ExitCode.FAILED
    assert "offline is not there" in capsys.readouterr().out
    assert drx("backups", "prune", "--dry-run") == ExitCode.FAILED
    assert "NOTHING MAY BE DELETED" in capsys.readouterr().out


def test_damage_is_named_and_fails_the_run(project: Path, capsys: Capture) -> None:
    assert run("nightly-backup") == ExitCode.OK
    base = only_base(project)
    (data,) = base.rglob("images.bson.gz")
    whole = data.read_bytes()
    data.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert drx("backups", "list") == ExitCode.OK, "a listing reads no data"
    assert drx("backups", "verify", "--unattended") == ExitCode.FAILED
    assert "images.bson.gz" in capsys.readouterr().out
    data.write_bytes(whole[:-1])
    assert drx("backups", "list") == ExitCode.FAILED
    assert "images.bson.gz has another size" in capsys.readouterr().out
    assert drx("backups", "window") == ExitCode.FAILED
    assert "nothing can be restored" in capsys.readouterr().out
    assert drx("backups", "prune", "--unattended") == ExitCode.FAILED
    assert "there is no good base" in capsys.readouterr().out
    assert run("nightly-backup") == ExitCode.FAILED
    assert "images.bson.gz" in capsys.readouterr().out
    assert {each["state"] for each in read(capsys, "list")["backups"]} == {"damaged", "whole"}


def test_a_damaged_manifest_hides_nothing(project: Path, capsys: Capture) -> None:
    assert run("nightly-backup") == ExitCode.OK
    (only_base(project) / "manifest.json").write_bytes(b"{")
    assert run("nightly-backup") == ExitCode.FAILED
    assert "manifest.json is damaged" in capsys.readouterr().out
    assert sorted(each["state"] for each in read(capsys, "list")["backups"]) == ["damaged", "whole"]
    assert read(capsys, "window")["spans"], "the new base can be restored"
    assert "manifest.json is damaged" in read(capsys, "events")["damaged"][0]
    assert drx("backups", "events") == ExitCode.OK
    assert re.search(r"^damaged  .*manifest\.json", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.slow
def test_an_oplog_that_rolled_over_is_a_gap_with_its_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    with (
        servers.mongo(tmp_path / "server", "--oplog-max-entries", "200") as uri,
        MongoClient[dict[str, Any]](uri) as client,
    ):
        client.db.images.insert_many([{"_id": number} for number in range(20)])
        make_project(tmp_path, uri, "db")
        assert run("nightly-backup") == ExitCode.OK
        for start in range(0, 4000, 1000):
            client.db.images.insert_many([{"_id": f"n{number}"} for number in range(start, start + 1000)])
        assert run("hourly-incremental") == ExitCode.FAILED
        assert "the oplog rolled over before the entries from" in capsys.readouterr().out
        found = read(capsys, "window")
        (gap,) = found["gaps"]
        assert (gap["to"], gap["by_retention"], gap["live_oplog_holds_it"]) == (None, False, False)
        assert "the oplog rolled over" in gap["cause"]
        assert drx("backups", "window") == ExitCode.FAILED
        assert "on, until a new base is taken: the oplog rolled over" in capsys.readouterr().out

        assert run("nightly-backup") == ExitCode.OK
        found = read(capsys, "window")
        assert len(found["spans"]) == 2
        assert found["gaps"][0]["to"] == found["spans"][1]["from"]
    assert drx("backups", "events", "--since", "1h") == ExitCode.OK
    assert "live     not read: " in capsys.readouterr().out


def test_two_hosts_at_once_make_one_backup(project: Path, capsys: Capture) -> None:
    store = open_store(DirectoryAddress(project / "primary"))
    with holding(store, "svc-lab", "base", Holder("kay", "db2", 22, "another-run")):
        assert run("nightly-backup") == ExitCode.LOCKED
    assert "kay" in capsys.readouterr().out
    assert read(capsys, "list")["backups"] == []
    assert run("nightly-backup") == ExitCode.OK


def test_the_shipped_runbooks_are_sound(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.chdir(ROOT)
    assert app.run(["check", "nightly-backup", "hourly-incremental"]) == ExitCode.OK
    assert "warning" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["list", "--store", "moon"], "Use one of: primary (primary), copy-1 (offline)"),
        (["show", "nothing"], "holds no backup 'nothing' of svc-lab"),
        (["events", "--kind", "explosion"], "'explosion' is no kind of event"),
        (["events", "--since", "soon"], "--since soon is no time"),
        (["verify", "x", "--all", "--unattended"], "--all reads everything back"),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(project: Path, arguments: list[str], says: str, capsys: Capture) -> None:
    assert drx("backups", *arguments) == ExitCode.USAGE
    assert says in capsys.readouterr().err


def test_bases_without_oplog_share_a_line(project: Path, capsys: Capture) -> None:
    store = open_store(DirectoryAddress(project / "primary"))
    now, name = int(datetime.now(UTC).timestamp()), database_of(project)
    for days in (60, 50, 40, 9, 0):
        end = Timestamp(now - days * 86400, 1)
        at = datetime.fromtimestamp(end.time, UTC)
        manifest = Manifest(f"b{days}", "full", "svc-lab", name, "8.0", "0", end, end, at, at, (), ())
        store.put(f"{manifest.prefix}manifest.json", to_json(manifest))
    piece = SliceManifest("svc-lab", name, Timestamp(now - 9 * 86400, 1), Timestamp(now - 1, 1), 0, 0, "ab")
    for key, data in zip(slice_keys("svc-lab", piece.start, piece.end), (b"", to_json(piece)), strict=True):
        store.put(key, data)
    assert drx("backups", "window") == ExitCode.FAILED
    shown = capsys.readouterr().out
    assert re.search(r"\n3 moments +\S+ \S+ +\S+ \S+ +bases\nany second .*b9\none moment +\S+ \S+ +b0\n", shown)
    assert shown.count("GAP") == 1, "retention's own gaps are none"


def database_of(project: Path) -> str:
    (name,) = re.findall(r'database: "(\w+)"', (project / "drx.yaml").read_text())
    return str(name)
