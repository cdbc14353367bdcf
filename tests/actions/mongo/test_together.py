"""What several processes do to one store at once: no two bases, and nothing pruned that is being restored."""

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from drx.actions.locking import locked
from drx.actions.recovery import assemble as recovery
from drx.actions.recovery import in_use
from drx.actions.recovery.in_use import Restores
from drx.backup import locks
from drx.backup.format.catalog import PROGRESS, list_bases
from drx.backup.format.manifest import Restored, show_timestamp
from drx.backup.locks import Holder, noticed
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Store
from drx.errors import LockedByAnother, PermanentError
from tests.actions.context import FakeContext, run
from tests.actions.mongo import child
from tests.actions.mongo.databases import Documents, contents, fill

pytestmark = pytest.mark.usefixtures("impatience")
ROOT = Path(__file__).parents[3]


@dataclass
class Place:
    """A store and a database that several processes share."""

    folder: Path
    uri: str
    database: Documents

    @property
    def store(self) -> Store:
        return open_store(DirectoryAddress(self.folder / "store"))

    def context(self, run_id: str, during: Callable[[], object] | None = None) -> FakeContext:
        """A context here; `during` is called once, while the work goes on."""
        context = child.context_in(self.folder, self.uri, self.database.name, run_id)
        if during:
            calls = [during]

            def progress(done: int, total: int | None, unit: str) -> None:
                if calls:
                    calls.pop()()

            context.progress = progress  # type: ignore[method-assign]
        return context

    def elsewhere(self, action: str) -> str:
        """Run an action in another process, and give what it said."""
        command = [sys.executable, "-m", child.__name__]
        arguments = [str(self.folder), self.uri, self.database.name, "elsewhere", action]
        return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def place(tmp_path: Path, mongo_server: str, database: Documents) -> Place:
    (tmp_path / "store").mkdir()
    fill(database)
    return Place(tmp_path, mongo_server, database)


def test_of_two_bases_at_once_one_is_refused_by_name(place: Place) -> None:
    said: list[str] = []
    run("backup.base", place.context("here", lambda: said.append(place.elsewhere("backup.base"))))
    assert said[0].startswith("LockedByAnother: the bases of "), said
    assert "run here) since" in said[0]
    assert [found.id for found in list_bases(place.store, place.context("x").target.service)] == ["here.step"]
    assert place.elsewhere("backup.base").startswith("done")


def test_a_base_that_is_restored_is_not_pruned(place: Place, into: str) -> None:
    before = contents(place.database)
    run("backup.base", place.context("first"))
    place.database.images.delete_many({})
    time.sleep(1.1)  # retention counts seconds
    run("backup.base", place.context("second"))
    service = place.context("x").target.service
    old = list_bases(place.store, service)[0]
    said: list[str] = []
    context = place.context("third", lambda: said.append(place.elsewhere("backup.prune")))
    restored = run("mongo.restore", context, at={"up_to": show_timestamp(old.end)}, into=into)
    assert said[0].startswith("LockedByAnother: "), said
    assert "run third) restores from" in said[0]
    assert "not kept from retention" not in " ".join(restored.lines)
    assert restored.outputs["base"] == old.id
    assert contents(place.database.client[into]) == before
    assert old in list_bases(place.store, service)
    time.sleep(1.1)  # the second of the newest base is over, too
    assert place.elsewhere("backup.prune").startswith("done first.step (full): no rule keeps it")
    assert [found.id for found in list_bases(place.store, service)] == ["second.step"]


def test_a_base_that_a_restored_database_is_held_against_is_not_pruned(
    place: Place, into: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("backup.base", place.context("first"))
    service = place.context("x").target.service
    (old,) = list_bases(place.store, service)
    moment = {"up_to": show_timestamp(old.end)}
    run("mongo.restore", place.context("second"), at=moment, into=into)
    run("backup.base", place.context("third"))
    said: list[str] = []
    real = recovery.expected

    def while_it_is_read(*arguments: Any) -> Restored:
        said.append(place.elsewhere("backup.prune"))
        return real(*arguments)

    monkeypatch.setattr(recovery, "expected", while_it_is_read)
    verified = run("mongo.verify", place.context("fourth"), at=moment, database=into)
    assert "run fourth) restores from" in said[0], said
    assert "not kept from retention" not in " ".join(verified.lines)
    assert old in list_bases(place.store, service)


@pytest.mark.parametrize("below", ["dump", "dump/{database}"])
def test_a_base_that_is_restored_as_a_dump_is_not_pruned(place: Place, into: str, below: str) -> None:
    run("backup.base", place.context("first"))
    time.sleep(1.1)  # retention counts seconds
    run("backup.base", place.context("second"))
    service = place.context("x").target.service
    old = list_bases(place.store, service)[0]
    path = place.folder / "store" / old.prefix / below.format(database=place.database.name)
    said: list[str] = []
    context = place.context("third", lambda: said.append(place.elsewhere("backup.prune")))
    run("mongo.restore_dump", context, path=str(path), into=into)
    assert "run third) restores from" in said[0], said
    assert contents(place.database.client[into]) == contents(place.database)
    time.sleep(1.1)  # the second of the newest base is over, too
    assert place.elsewhere("backup.prune").startswith("done first.step (full): no rule keeps it")


def test_a_dump_of_a_base_that_was_never_finished_is_refused(place: Place, into: str) -> None:
    run("backup.base", place.context("first"))
    (base,) = list_bases(place.store, place.context("x").target.service)
    folder = place.folder / "store" / base.prefix
    (folder / "manifest.json").rename(folder / PROGRESS)
    with pytest.raises(PermanentError, match="is a base that was never finished"):
        run("mongo.restore_dump", place.context("second"), path=str(folder / "dump"), into=into)
    assert into not in place.database.client.list_database_names()


PRUNER = """
import sys, time
from pathlib import Path
from drx.actions.recovery.in_use import Restores
from drx.actions.locking import locked
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress
from drx.errors import LockedByAnother, PermanentError
from tests.actions.mongo import child

folder, uri, database = sys.argv[1:]
context = child.context_in(Path(folder), uri, database, "pruner")
store = open_store(DirectoryAddress(Path(folder) / "store"))
restores = Restores(store, context.target.service)
try:
    with locked(context, store, "retention"):
        while True:
            restores.check()
            print("deleting", flush=True)
            time.sleep(0.05)
except LockedByAnother as error:
    print("stopped:", error.message, flush=True)
"""


def test_pruning_stops_before_a_restore_begins_to_read(place: Place) -> None:
    command = [sys.executable, "-c", PRUNER, str(place.folder), place.uri, place.database.name]
    context = place.context("here")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as pruner:
        assert pruner.stdout
        assert pruner.stdout.readline() == "deleting\n"
        with in_use.in_use(context, place.store, context.target.service) as unprotected:
            assert unprotected == ()
            said = pruner.communicate()[0].splitlines()
        assert said[-1].startswith("stopped: "), said[-1]
        assert "run here) restores from" in said[-1]


def test_a_restore_waits_for_pruning_only_so_long_and_says_so(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_use, "_PATIENCE_SECONDS", 0.5)
    context = place.context("here")
    with locked(place.context("pruner"), place.store, "retention"):
        began = time.monotonic()
        with in_use.in_use(context, place.store, context.target.service) as unprotected:
            assert time.monotonic() - began >= 0.5
            assert "not kept from retention meanwhile: " in unprotected[0]
            assert "run pruner) prunes" in unprotected[0]


def test_several_restores_are_seen_until_the_last_one_ends(place: Place) -> None:
    service = place.context("x").target.service
    with in_use.in_use(place.context("one"), place.store, service) as first:
        with in_use.in_use(place.context("two"), place.store, service) as second:
            assert first == second == ()
            with pytest.raises(LockedByAnother, match="run one"):
                Restores(place.store, service).check()
        with pytest.raises(LockedByAnother, match="run one"):
            Restores(place.store, service).check()
    Restores(place.store, service).check()


def _others(stack: ExitStack, place: Place, number: int) -> None:
    for each in range(number):
        holder = Holder("u", "h", each, f"run-{each}")
        stack.enter_context(noticed(place.store, place.context("x").target.service, holder))


def test_any_number_of_restores_is_seen(place: Place) -> None:
    service = place.context("x").target.service
    with ExitStack() as stack:
        _others(stack, place, 12)
        with in_use.in_use(place.context("last"), place.store, service) as unprotected:
            assert unprotected == ()
            stack.close()
            with pytest.raises(LockedByAnother, match="run last"):
                Restores(place.store, service).check()
    Restores(place.store, service).check()
    with in_use.in_use(place.context("again"), place.store, service):
        assert len(list(place.store.list(f"{service}/locks/restore-"))) == 13  # those that are free are taken again


def test_a_restore_goes_on_where_no_lock_is_to_be_had(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "_MOST_RESTORES", 3)
    with ExitStack() as stack:
        _others(stack, place, 3)
        with in_use.in_use(place.context("fourth"), place.store, place.context("x").target.service) as unprotected:
            assert "not kept from retention meanwhile: the restores of" in unprotected[0]
