"""Locks between hosts, on a real S3 server and a real file system: one holder, whatever happens to it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drx.backup.locks import Holder, Lock, LockedHere, holding
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, Found, S3Address, Store
from drx.backup.stores.directory import DirectoryStore
from drx.errors import Cancelled, LockedByAnother, PermanentError, StepError, StoreError

ME = Holder("ada", "db1", 11, "run-1")
OTHER = Holder("kay", "db2", 22, "run-2")
PROGRAM = """
import sys, time
from pathlib import Path
from drx.backup.locks import Holder, holding
from drx.backup.stores import open_store
from drx.backup.stores.base import DirectoryAddress, S3Address
from drx.errors import LockedByAnother, StepError

kind, where, bucket, run, seconds, work = sys.argv[1:]
address = S3Address(bucket, "p", endpoint=where, access_key_id="test", secret_access_key="test")
store = open_store(DirectoryAddress(Path(where)) if kind == "directory" else address)
print("ready", flush=True)
sys.stdin.readline()
try:
    with holding(store, "svc", "base", Holder("u", "h", 1, run), seconds=float(seconds)) as held:
        print("held", flush=True)
        until = time.monotonic() + float(work)
        while time.monotonic() < until:
            held.check()
            time.sleep(0.01)
    print("done", flush=True)
except LockedByAnother as error:
    print("refused", flush=True)
except StepError as error:
    print("lost:", error, flush=True)
"""


@pytest.fixture(params=["directory", "s3"])
def store_arguments(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str, str]:
    return arguments_of(request, tmp_path)


@pytest.fixture(params=["directory", pytest.param("s3", marks=pytest.mark.slow)])
def killed_at(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str, str]:
    """A store for tests that wait until a lock expires."""
    return arguments_of(request, tmp_path)


def arguments_of(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str, str]:
    if request.param == "directory":
        return "directory", str(tmp_path), ""
    return "s3", request.getfixturevalue("s3_server"), request.getfixturevalue("bucket")


@pytest.fixture
def store(store_arguments: tuple[str, str, str]) -> Store:
    return open_at(store_arguments)


def open_at(arguments: tuple[str, str, str]) -> Store:
    kind, where, bucket = arguments
    if kind == "directory":
        return open_store(DirectoryAddress(Path(where)))
    return open_store(S3Address(bucket, "p", endpoint=where, access_key_id="test", secret_access_key="test"))


@pytest.fixture
def directory(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(DirectoryAddress(tmp_path))


@contextmanager
def contender(
    arguments: tuple[str, str, str], run: str, seconds: float, work: float
) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", PROGRAM, *arguments, run, str(seconds), str(work)]
    root = str(Path(__file__).parents[2])
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}
    )
    try:
        assert line(process) == "ready"
        yield process
    finally:
        process.kill()
        process.communicate()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_a_second_holder_is_refused_by_name(store: Store) -> None:
    with holding(store, "svc", "base", ME):
        with pytest.raises(LockedByAnother) as caught, holding(store, "svc", "base", OTHER):
            pass
        with holding(store, "svc", "slice", OTHER), holding(store, "other", "base", OTHER):
            pass
    said = str(caught.value)
    assert "the bases of svc in" in said
    assert "locked by ada@db1 (process 11, run run-1) since 20" in said
    assert "Wait until it is done" in said
    with holding(store, "svc", "base", OTHER):
        pass


def test_a_failure_lets_the_lock_go(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), holding(store, "svc", "base", ME):
        raise ZeroDivisionError
    with holding(store, "svc", "base", OTHER) as held:
        assert not held.lost()


def test_it_is_renewed_while_work_goes_on(store: Store) -> None:
    with holding(store, "svc", "base", ME, seconds=2) as held:
        seen = {written(store)}
        while len(seen) < 4:
            held.check()
            seen.add(written(store))


def written(store: Store) -> str:
    found = store.find("svc/locks/base.json")
    assert found
    return found.version


def test_of_many_threads_one_takes_over_what_expired(directory: DirectoryStore) -> None:
    leave_expired(directory)
    with ExitStack() as stack, ThreadPoolExecutor(8) as pool:

        def take(number: int) -> bool:
            try:
                stack.enter_context(holding(directory, "svc", "base", replace(OTHER, run=f"run-{number}")))
            except LockedByAnother:
                return False
            return True

        assert list(pool.map(take, range(8))).count(True) == 1


@pytest.mark.parametrize("before", ["none", "released"])
def test_of_many_processes_one_wins(store: Store, store_arguments: tuple[str, str, str], before: str) -> None:
    if before == "released":
        with holding(store, "svc", "base", OTHER):
            pass
    with ExitStack() as stack:
        racers = [stack.enter_context(contender(store_arguments, f"run-{n}", 30, 60)) for n in range(4)]
        for racer in racers:
            go(racer)
        said = [line(racer) for racer in racers]
    assert sorted(said) == ["held", "refused", "refused", "refused"]


def test_a_killed_holder_is_followed_after_expiry(killed_at: tuple[str, str, str]) -> None:
    with contender(killed_at, "run-1", 1, 60) as process:
        go(process)
        assert line(process) == "held"
        process.send_signal(signal.SIGKILL)
        process.wait()
    with pytest.raises(LockedByAnother, match="u@h"), holding(open_at(killed_at), "svc", "base", OTHER):
        pass
    with ExitStack() as stack:
        take_after_expiry(stack, open_at(killed_at))


def test_a_holder_that_stood_still_stops(killed_at: tuple[str, str, str]) -> None:
    with contender(killed_at, "run-1", 1, 60) as process, ExitStack() as stack:
        go(process)
        assert line(process) == "held"
        process.send_signal(signal.SIGSTOP)
        take_after_expiry(stack, open_at(killed_at))
        process.send_signal(signal.SIGCONT)
        assert line(process).startswith("lost: the lock of the bases of svc in")


def take_after_expiry(stack: ExitStack, store: Store) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            stack.enter_context(holding(store, "svc", "base", OTHER))
            return
        except LockedByAnother:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_holder_learns_who_took_over(directory: DirectoryStore, tmp_path: Path) -> None:
    def work() -> None:
        with holding(directory, "svc", "base", ME, seconds=1) as held:
            with holding(directory, "svc", "base", replace(OTHER, run=ME.run)):
                while not held.lost():
                    time.sleep(0.01)
            raise Cancelled("it was asked to stop")

    with pytest.raises(StepError, match=r"was lost: .*kay@db2.*took it over"):
        work()


def test_a_store_that_does_not_answer_ends_the_work(directory: DirectoryStore, tmp_path: Path) -> None:
    def work() -> None:
        with holding(directory, "svc", "base", ME, seconds=0.4) as held:
            tmp_path.rename(tmp_path.with_name("gone"))
            while True:
                held.check()
                time.sleep(0.01)

    with pytest.raises(StepError, match=r"was lost: the directory .* is not there"):
        work()


@pytest.mark.parametrize("pid", [ME.pid, ME.pid + 1], ids=["its release got lost", "resumed"])
def test_a_run_goes_on_with_a_lock_that_it_left_behind_at_once(directory: DirectoryStore, pid: int) -> None:
    leave_behind(directory)
    with pytest.raises(LockedByAnother), holding(directory, "svc", "base", OTHER):
        pass
    with holding(directory, "svc", "base", replace(ME, pid=pid)) as held:
        held.check()


def test_a_thread_of_the_same_run_is_no_reason_to_take_it_over(directory: DirectoryStore) -> None:
    with holding(directory, "svc", "base", ME) as held:
        with pytest.raises(LockedHere), holding(directory, "svc", "base", ME):
            pass
        held.check()
    with holding(directory, "svc", "base", ME):
        pass


def test_expiry_is_judged_by_the_store(directory: DirectoryStore, tmp_path: Path) -> None:
    leave_behind(directory, expires_at=datetime(2001, 1, 1, tzinfo=UTC))
    with pytest.raises(LockedByAnother), holding(directory, "svc", "base", OTHER):
        pass
    leave_behind(directory, expires_at=datetime(2101, 1, 1, tzinfo=UTC))
    path = tmp_path / "svc/locks/base.json"
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 122))
    with holding(directory, "svc", "base", OTHER) as held:
        held.check()


@pytest.mark.parametrize(("ahead", "free"), [(100, False), (130, True), (86_400 * 365, True)])
def test_a_lock_of_a_time_still_to_come_is_of_somebody_who_died(
    directory: DirectoryStore, tmp_path: Path, ahead: int, free: bool
) -> None:
    """The clock of a file server was set back; whoever lives has renewed the lock since."""
    leave_behind(directory)
    path = tmp_path / "svc/locks/base.json"
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime + ahead))
    with pytest.raises(LockedByAnother) if not free else nullcontext(), holding(directory, "svc", "base", OTHER):
        pass


@pytest.mark.parametrize(("seconds", "free"), [(-5, False), (5, True)])
def test_without_a_clock_of_the_store_this_hosts_decides(seconds: int, free: bool) -> None:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    lock = Lock("svc", "base", "t", ME, now, now, 60)
    left = lock.left(Found(b"", "v", None), now + timedelta(seconds=seconds))
    assert (left <= timedelta()) is free


class NeverRefusesToCreate(DirectoryStore):
    def create(self, key: str, data: bytes) -> bool:
        self.put(key, data)
        return True


class NeverRefusesToReplace(DirectoryStore):
    def replace(self, key: str, data: bytes, version: str) -> str | None:
        self.put(key, data)
        return version


@pytest.mark.parametrize(
    ("careless", "condition"), [(NeverRefusesToCreate, "If-None-Match"), (NeverRefusesToReplace, "If-Match")]
)
def test_a_store_that_ignores_conditions_is_told(
    careless: type[DirectoryStore], condition: str, tmp_path: Path
) -> None:
    store = careless(DirectoryAddress(tmp_path))
    with (
        pytest.raises(PermanentError, match=f"cannot lock: it wrote in spite of '{condition}"),
        holding(store, "svc", "base", ME),
    ):
        pass


def test_an_object_that_is_no_lock_is_named(store: Store) -> None:
    store.put("svc/locks/base.json", b"{}")
    with (
        pytest.raises(StoreError, match=r"svc/locks/base\.json is no lock.*Delete it"),
        holding(store, "svc", "base", ME),
    ):
        pass


def leave_behind(store: Store, **changes: datetime) -> None:
    """Leave a lock as a holder that was killed does."""
    from drx.backup.locks import _to_json

    now = datetime.now(UTC)
    lock = Lock("svc", "base", "t", ME, now, now + timedelta(seconds=120), 120)
    store.put("svc/locks/base.json", _to_json(replace(lock, **changes)))  # type: ignore[arg-type]


def leave_expired(store: DirectoryStore) -> None:
    leave_behind(store)
    path = store.path("svc/locks/base.json")
    os.utime(path, (0, 0))
