"""The healthy drill passes, and an observer outside drx counts what really happened, never asking the journal."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from bson import Timestamp
from bson.json_util import CANONICAL_JSON_OPTIONS, dumps
from pymongo import MongoClient

from drx.errors import ExitCode
from drx.reports.shapes import Word
from drx.sandbox.host import ready_path, variables_path
from drx.sandbox.ledger import read_history
from drx.sandbox.state import SandboxState, ledger_path
from tests.drills.harness import Project

RECOVERED = "pixelcraft_recovered"


def test_the_healthy_drill_passes_and_each_effect_happened_once(project: Project, sandbox: SandboxState) -> None:
    with MongoClient[dict[str, object]](sandbox.mongo_uri) as client:
        since = _newest(client)
        with deployments(sandbox) as deployed:
            outcome = project.drill()
        entries = _entries_since(client, since)
        collections = sorted(client[RECOVERED].list_collection_names())
    assert outcome.code == ExitCode.OK, outcome.screen
    assert outcome.report.verdict.word is Word.PASSED
    assert collections == ["images", "users"]
    assert _commands(entries, "pixelcraft.$cmd", "drop") == {"images": 1}
    assert _commands(entries, f"{RECOVERED}.$cmd", "drop") == {}
    assert _commands(entries, f"{RECOVERED}.$cmd", "create") == {"images": 1, "users": 1}
    assert not [entry for entry in entries if str(entry["ns"]).startswith(RECOVERED) and entry["op"] in ("u", "d")]
    assert deployed == ["pixelcraft", RECOVERED]
    _compare_inserts(entries, sandbox)


def _compare_inserts(entries: list[dict[str, object]], sandbox: SandboxState) -> None:
    """Each document that the writers left was inserted once by the restore, and no other was."""
    inserted = Counter(
        (str(entry["ns"]).partition(".")[2], _identifier(entry)) for entry in entries
        if entry["op"] == "i" and str(entry["ns"]).startswith(f"{RECOVERED}.")
    )  # fmt: skip
    left = {
        (collection, name): 1
        for collection, documents in read_history(ledger_path(sandbox.directory)).documents.items()
        for name, versions in documents.items() if versions[-1].sha256 is not None
    }  # fmt: skip
    assert len(left) > 500
    assert inserted == left


@contextmanager
def deployments(sandbox: SandboxState) -> Iterator[list[str]]:
    """The databases that the application was deployed with, one for each time it got ready, as they come."""
    seen: list[str] = []
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(sandbox, seen, over))
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _watch(sandbox: SandboxState, seen: list[str], over: threading.Event) -> None:
    ready, variables = ready_path(sandbox.directory), variables_path(sandbox.directory)
    last = ready.stat().st_ino, ready.stat().st_mtime_ns
    while not over.wait(0.01):
        found = ready.stat().st_ino, ready.stat().st_mtime_ns
        if found != last:
            last = found
            address = json.loads(variables.read_text())["DATABASE_URL"]
            seen.append(address.rpartition("/")[2].partition("?")[0])


def _newest(client: MongoClient[dict[str, object]]) -> Timestamp:
    found = client.local["oplog.rs"].find_one(sort=[("$natural", -1)])
    assert found is not None
    assert isinstance(found["ts"], Timestamp)
    return found["ts"]


def _entries_since(client: MongoClient[dict[str, object]], since: Timestamp) -> list[dict[str, object]]:
    return list(client.local["oplog.rs"].find({"ts": {"$gt": since}}))


def _commands(entries: list[dict[str, object]], namespace: str, command: str) -> dict[str, int]:
    """How often each collection of a database was dropped, or created."""
    named = (entry["o"] for entry in entries if entry["op"] == "c" and entry["ns"] == namespace)
    return dict(Counter(str(each[command]) for each in named if isinstance(each, dict) and command in each))


def _identifier(entry: dict[str, object]) -> str:
    document = entry["o"]
    assert isinstance(document, dict)
    return dumps(document["_id"], json_options=CANONICAL_JSON_OPTIONS)
