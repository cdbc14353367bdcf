"""What the disk refuses never leaves half a line, and only one process writes."""

import errno
import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from drx.engine.events import NoteAdded
from drx.errors import JournalError, LockedError
from drx.journal import JOURNAL, Clock, Journal, read_journal
from drx.secrets import Masker
from tests.journal.samples import BY, FACTS, STARTED, write

HOLD = """
import sys
from pathlib import Path
from drx.engine.events import Author
from drx.journal import Journal
with Journal.open(Path(sys.argv[1]), Author("grace", "bastion", 99)) as journal:
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("mounting needs root")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def _fill(journal: Journal) -> int:
    """Append until the disk refuses; give the number of events that were on disk before."""
    for number in range(10_000):
        journal.append(NoteAdded(f"note {number} " + "x" * 300), BY)
        try:
            journal.sync()
        except JournalError as error:
            refusal = error
            break
    else:
        raise AssertionError("the disk never filled up")
    assert "the journal cannot be written" in refusal.message
    assert "then resume" in refusal.remedy
    return len(journal.events) - 1


def test_a_full_disk_leaves_a_whole_journal_and_can_be_tried_again(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 16_384)
    path = small_disk / JOURNAL
    with Journal.create(path, BY) as journal:
        journal.append(STARTED, BY)
        journal.sync()
        written = _fill(journal)
        assert len(read_journal(path)) == written
        with pytest.raises(JournalError, match="No space left"):
            journal.sync()
        ballast.unlink()
        journal.sync()
        assert read_journal(path) == journal.events


def test_a_size_limit_cuts_a_half_written_line_off(tmp_path: Path) -> None:
    path = write(tmp_path, FACTS[:1])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Journal.open(path, BY) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, hard))
        try:
            written = _fill(journal)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.read_bytes().endswith(b"\n")
        assert len(read_journal(path)) == written
        journal.sync()
    assert len(read_journal(path)) == written + 1


def test_a_disk_that_fails_to_sync_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    path = write(tmp_path, FACTS[:1])
    with Journal.open(path, BY) as journal:
        journal.append(FACTS[1], BY)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fdatasync", broken)
            with pytest.raises(JournalError, match="Input/output error"):
                journal.sync()
        assert len(read_journal(path)) == 1
        journal.sync()
    assert len(read_journal(path)) == 2


def test_a_missing_folder_and_a_second_start_are_refused(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="No such file"):
        Journal.create(tmp_path / "missing" / JOURNAL, BY)
    path = write(tmp_path)
    with pytest.raises(JournalError, match="File exists"):
        Journal.create(path, BY)


def test_a_journal_behind_a_link_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = write(tmp_path / "real")
    (tmp_path / JOURNAL).symlink_to(real)
    with pytest.raises(JournalError, match="cannot be written"):
        Journal.open(tmp_path / JOURNAL, BY)


def test_secrets_never_reach_the_disk(tmp_path: Path) -> None:
    path = tmp_path / JOURNAL
    with Journal.create(path, BY, Masker(["hunter22"]).mask) as journal:
        journal.append(STARTED, BY)
        event = journal.append(NoteAdded("the password is hunter22"), BY)
        journal.sync()
        assert event.fact == NoteAdded("the password is ***")
    assert b"hunter22" not in path.read_bytes()


def test_what_json_cannot_hold_is_refused_and_leaves_no_gap(tmp_path: Path) -> None:
    with Journal.create(tmp_path / JOURNAL, BY) as journal:
        journal.append(STARTED, BY)
        with pytest.raises(JournalError, match="NoteAdded cannot be recorded"):
            journal.append(NoteAdded({1, 2}), BY)  # type: ignore[arg-type]
        journal.append(NoteAdded("fine"), BY)
        journal.sync()
    assert [event.seq for event in read_journal(tmp_path / JOURNAL)] == [1, 2]


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.with_suffix(".lock").stat().st_mode & 0o777 == 0o600


def test_a_second_process_is_told_who_holds_the_record(tmp_path: Path) -> None:
    path = write(tmp_path, FACTS[:2])
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=r"in use by grace on bastion, process 99, since \d{4}-") as refused:
            Journal.open(path, BY)
        assert refused.value.exit_code == 6
        assert "drx show" in refused.value.remedy
        assert "--take-over" in refused.value.remedy
        holder.kill()
    with Journal.open(path, BY) as journal:
        assert len(journal.events) == 2


@pytest.mark.parametrize("text", [b"", b"{", b"[1]", b"\xff" * 9000])
def test_what_stands_in_the_lock_never_blocks_and_never_breaks(tmp_path: Path, text: bytes) -> None:
    path = write(tmp_path, FACTS[:1])
    lock = path.with_suffix(".lock")
    lock.write_bytes(text)
    with Journal.open(path, BY):
        lock.write_bytes(text)
        with pytest.raises(LockedError, match="in use by another process"):
            Journal.open(path, BY)


def test_whoever_is_refused_waits_for_the_holder_to_say_its_name(tmp_path: Path) -> None:
    """The lock comes a moment before the text, and an earlier holder leaves none to be mistaken for it."""
    path = write(tmp_path, FACTS[:1])
    lock = path.with_suffix(".lock")
    assert lock.read_bytes() == b""
    with Journal.open(path, BY):
        text = lock.read_bytes()
        lock.write_bytes(b"")
        late = threading.Timer(0.1, lambda: lock.write_bytes(text))
        late.start()
        with pytest.raises(LockedError, match=f"in use by {BY.user} on {BY.host}"):
            Journal.open(path, BY)
        late.join()


def test_a_full_disk_keeps_nobody_from_holding_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = write(tmp_path, FACTS[:1])
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", full)
        journal = Journal.open(path, BY)
    with journal, pytest.raises(LockedError):
        Journal.open(path, BY)


def test_a_disk_that_refuses_to_cut_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    path = write(tmp_path, FACTS[:1])
    with path.open("ab") as file:
        file.write(b'{"seq":2')
    with monkeypatch.context() as patch:
        patch.setattr(os, "ftruncate", broken)
        with pytest.raises(JournalError, match="Input/output error"):
            Journal.open(path, BY)
    with Journal.open(path, BY) as journal:
        journal.append(FACTS[1], BY)
        monkeypatch.setattr(os, "pwrite", broken)
        monkeypatch.setattr(os, "ftruncate", broken)
        with pytest.raises(JournalError, match="Input/output error"):
            journal.sync()


def test_a_damaged_journal_lets_go_of_its_lock(tmp_path: Path) -> None:
    path = write(tmp_path)
    path.write_bytes(b"garbage\n")
    for _ in range(2):
        with pytest.raises(JournalError, match=":1: "):
            Journal.open(path, BY)


def test_elapsed_time_goes_on_over_the_gap_between_processes(tmp_path: Path) -> None:
    path = write(tmp_path, FACTS[:1])
    with Journal.open(path, BY) as journal:
        before = journal.events[-1]
        after = journal.append(FACTS[1], BY)
    gap = (after.at - before.at).total_seconds()
    assert after.elapsed - before.elapsed == pytest.approx(gap, abs=0.05)


def test_a_wall_clock_that_jumps_is_noticed_once() -> None:
    wall, steady = 1_000.0, 50.0
    clock = Clock(10.0, wall=lambda: wall, steady=lambda: steady)
    steady += 5
    wall += 5.9
    assert clock.elapsed() == 15.0
    assert clock.divergence() is None
    wall -= 3600
    assert clock.divergence() == pytest.approx(-3599.1)
    assert clock.divergence() is None
    assert clock.elapsed() == 15.0


def test_a_machine_that_slept_is_noticed_once() -> None:
    wall, steady, awake = 1_000.0, 50.0, 40.0
    clock = Clock(10.0, wall=lambda: wall, steady=lambda: steady, awake=lambda: awake)
    wall, steady, awake = wall + 5, steady + 5, awake + 4.5
    assert clock.slept() is None
    wall, steady, awake = wall + 7200, steady + 7200, awake + 1
    assert clock.slept() == pytest.approx(7199.5)
    assert clock.slept() is None
    assert clock.divergence() is None
    assert clock.elapsed() == 7215.0
