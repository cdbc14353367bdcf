"""Records in a bucket: byte for byte, each object once, followed from elsewhere, and caught up with after an outage."""

import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from drx.backup.stores import open_store
from drx.backup.stores.base import S3Address, Store
from drx.cli.binder import read_binder
from drx.engine.events import Event, NoteAdded, RunFinished
from drx.errors import DrxError, ExitCode, UsageError
from drx.journal import JOURNAL, read_journal
from drx.runner import copying
from drx.runner.afterwards import annotate
from drx.runner.audit import audit
from drx.runner.copying import Copier, Shelf
from drx.runner.fetching import Fetching, find_run, newest_runs
from drx.runner.record import hash_files
from drx.runner.run import resume, run_runbook
from drx.runner.setting import Setting
from tests.proxy import Proxy
from tests.runner.project import Project, steps_yaml

SERVICE = "pixelcraft"


def shelf_at(endpoint: str, bucket: str) -> Shelf:
    return Shelf(
        open_store(S3Address(bucket, "p", endpoint=endpoint, access_key_id="test", secret_access_key="x")), SERVICE
    )


@pytest.fixture
def shelf(s3_server: str, bucket: str) -> Shelf:
    """An empty bucket for records."""
    return shelf_at(s3_server, bucket)


def setting_of(project: Project, shelf: Shelf) -> Setting:
    return replace(project.setting(), shelf=lambda environment: shelf, jobs=project.root / "state" / "jobs")


def run(project: Project, shelf: Shelf) -> ExitCode:
    setting = setting_of(project, shelf)
    return run_runbook(read_binder(project.root), project.config, "story", "lab", setting, {})


def write(project: Project) -> None:
    steps = (
        "{id: a, action: test.artifact, expect: 1s}",
        f"{{id: b, action: test.tally, with: {{file: '{project.root}/t'}}, expect: 1s}}",
    )
    project.write(steps_yaml(*steps))


def lines_in(store: Store, run: str) -> bytes:
    keys = [entry.key for entry in store.list(f"{SERVICE}/records/{run}/events/")]
    assert [key[-13:] for key in keys] == [f"{number:08d}.json" for number in range(1, len(keys) + 1)]
    return b"".join(store.get(key) for key in keys)


def test_a_record_is_copied_to_its_last_byte_and_read_elsewhere(project: Project, shelf: Shelf, tmp_path: Path) -> None:
    write(project)
    assert run(project, shelf) is ExitCode.OK
    record = project.record
    assert lines_in(shelf.store, record.name) == (record / JOURNAL).read_bytes()
    assert newest_runs(shelf, 5) == (record.name,)
    assert find_run(shelf, record.name[-4:]) == record.name
    with pytest.raises(UsageError, match="there is no run 'zzzz'"):
        find_run(shelf, "zzzz")

    fetching = Fetching(shelf, record.name, tmp_path / "elsewhere")
    assert fetching.fetch() == len(project.events)
    assert fetching.fetch() == 0
    assert hash_files(fetching.record) == hash_files(record)
    assert audit(fetching.record).problems == ()
    assert not list((project.root / "state" / "uncopied").iterdir())


def test_a_run_is_followed_while_it_goes_on(project: Project, shelf: Shelf, tmp_path: Path) -> None:
    project.write(steps_yaml("{id: slow, action: test.slow, with: {seconds: 2s}, expect: 1s}"))
    thread = threading.Thread(target=run, args=(project, shelf))
    thread.start()
    deadline = time.monotonic() + 20
    while not newest_runs(shelf, 1):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    fetching = Fetching(shelf, newest_runs(shelf, 1)[0], tmp_path / "elsewhere")
    seen: list[Event] = []
    while thread.is_alive() or not any(isinstance(event.fact, RunFinished) for event in seen):
        assert time.monotonic() < deadline + 20
        fetching.fetch()
        seen = read_journal(fetching.record / JOURNAL) if (fetching.record / JOURNAL).exists() else []
        if seen and thread.is_alive() and not isinstance(seen[-1].fact, RunFinished):
            assert (fetching.record / "frozen" / "runbooks" / "story.yaml").exists()
        time.sleep(0.1)
    thread.join()
    fetching.fetch()
    assert read_journal(fetching.record / JOURNAL) == project.events


def test_a_lost_network_stops_nothing_and_the_next_run_catches_up(
    project: Project, s3_server: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(copying.Copying.close, "__defaults__", (0.3,))
    write(project)
    proxy = Proxy(urlsplit(s3_server).port or 0)
    try:
        shelf = shelf_at(f"http://127.0.0.1:{proxy.port}", bucket)
        proxy.cut()
        assert run(project, shelf) is ExitCode.OK
        first = project.record
        assert "not all of this record is in" in project.shown
        assert "The next run from here copies the rest" in project.shown
        assert [path.name for path in (project.root / "state" / "uncopied").iterdir()] == [first.name]
        for thread in [each for each in threading.enumerate() if each.name == "records"]:
            thread.join(20)
            assert not thread.is_alive(), "nothing goes on trying once the run has given up"
        proxy.mend()
        monkeypatch.setattr(copying.Copying.close, "__defaults__", (30.0,))
        assert run(project, shelf) is ExitCode.OK
        assert len(newest_runs(shelf, 5)) == 2
        assert lines_in(shelf.store, first.name) == (first / JOURNAL).read_bytes()
        assert not list((project.root / "state" / "uncopied").iterdir())
    finally:
        proxy.close()


def test_a_resumed_run_goes_on_with_its_copy(project: Project, shelf: Shelf) -> None:
    write(project)
    assert run(project, shelf) is ExitCode.OK
    again = Copier(project.record, shelf)
    again.copy()
    assert lines_in(shelf.store, project.record.name) == (project.record / JOURNAL).read_bytes()
    assert resume(project.record, setting_of(project, shelf)) is ExitCode.OK


def test_what_is_said_after_a_run_is_copied_too(project: Project, shelf: Shelf, tmp_path: Path) -> None:
    write(project)
    assert run(project, shelf) is ExitCode.OK
    setting = setting_of(project, shelf)
    annotate(project.record, [NoteAdded("customers were told")], setting)

    fetching = Fetching(shelf, project.record.name, tmp_path / "elsewhere")
    fetching.fetch()
    assert hash_files(fetching.record) == hash_files(project.record)
    assert audit(fetching.record).problems == ()
    assert "customers were told" in (fetching.record / "report.html").read_text()

    def missing(environment: str) -> Shelf:
        raise UsageError("DRX_KEY is not set")

    annotate(project.record, [NoteAdded("and the press")], replace(setting, shelf=missing))
    assert "the copy of this record stays as it was: DRX_KEY is not set" in project.shown
    assert audit(project.record).problems == ()


def test_another_record_of_that_name_is_never_written_over(project: Project, shelf: Shelf) -> None:
    write(project)
    assert run(project, shelf) is ExitCode.OK
    key = shelf.event_key(project.record.name, 2)
    shelf.store.put(key, json.dumps({"forged": True}).encode())
    with pytest.raises(DrxError, match="is there already, and is another one"):
        Copier(project.record, shelf).copy()
    assert json.loads(shelf.store.get(key)) == {"forged": True}
