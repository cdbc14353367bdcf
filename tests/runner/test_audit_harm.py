"""Whatever is done to a record, anywhere in it, is found, and the words name the file; so it is with its archive."""

import gzip
import os
import random
import shutil
import subprocess
import sys
import tarfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from drx.engine.events import NoteAdded, ReportWritten
from drx.errors import DrxError
from drx.journal import JOURNAL, place, read_recorded
from drx.runner.archive import pack, unpacked, zipped
from drx.runner.audit import audit
from drx.runner.record import hash_files
from tests.runner.project import Project, steps_yaml


@pytest.fixture
def record(project: Project) -> Path:
    """The record of a finished run, with the output of a step among its artifacts."""
    project.write(steps_yaml("{id: say, action: shell.run, with: {command: [echo, hello]}, expect: 1s}")).run()
    for path in project.record.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    assert (project.record / "artifacts").is_dir()
    return project.record


def _files(record: Path) -> list[Path]:
    return sorted(path for path in record.rglob("*") if path.is_file())


def flip(path: Path, chance: random.Random) -> None:
    content = path.read_bytes() or b"\0"
    at = chance.randrange(len(content))
    path.write_bytes(content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1 :])


def cut(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(len(content))] if content else b" ")


def append(path: Path, chance: random.Random) -> None:
    path.write_bytes(path.read_bytes() + chance.randbytes(chance.choice((1, 7, 400))))


def remove(path: Path, chance: random.Random) -> None:
    path.unlink()


def rename(path: Path, chance: random.Random) -> None:
    path.rename(path.with_name(chance.choice((f"{path.name}~", f".{path.name}", "another"))))


def link(path: Path, chance: random.Random) -> None:
    """The same bytes, but from outside: they can be changed there later."""
    outside = path.parents[2] / f"outside-{chance.randrange(10**9)}"
    shutil.copy(path, outside)
    path.unlink()
    path.symlink_to(outside)


@pytest.mark.parametrize("harm", [flip, cut, append, remove, rename, link])
def test_harm_to_any_file_is_found_and_the_file_is_named(
    record: Path, tmp_path: Path, harm: Callable[[Path, random.Random], None]
) -> None:
    chance = random.Random(20261127)  # the same places every time
    whole = tmp_path / "whole"
    record.rename(whole)
    evidence = [path for path in _files(whole) if path.name != "journal.lock"]
    assert {"journal.jsonl", "report.md", "report.html", "report.json", "drx.yaml"} <= {path.name for path in evidence}
    assert any(path.parent.name == "artifacts" or "artifacts" in path.parts for path in evidence)
    for path in evidence * 3:
        shutil.rmtree(record, ignore_errors=True)
        shutil.copytree(whole, record)
        harm(record / path.relative_to(whole), chance)

        found = audit(record)

        assert not found.intact, f"{harm.__name__} {path}"
        assert any(path.name in problem for problem in found.problems), found.problems


ADDED = (
    "note.txt",
    "journal.jsonl~",
    "frozen/runbooks/another.yaml",
    "artifacts/proof.txt",
    "artifacts/.hidden",
    "inbox/scribble",
    "inbox/.00000000000000000001-00000000.note_added.json",
    "inbox/00000000000000000001-00000000.note_added.json",
    "inbox/more/note.json",
    "elsewhere/note.txt",
)


@pytest.mark.parametrize("name", ADDED)
def test_what_does_not_belong_there_is_named(record: Path, name: str) -> None:
    path = record / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("all was well")

    found = audit(record)

    assert any(path.name in problem for problem in found.problems), found


def test_empty_folders_and_special_files_are_named(record: Path) -> None:
    (record / "empty").mkdir()
    os.mkfifo(record / "inbox" / "pipe")

    assert "pipe is no plain file" in "\n".join(audit(record).problems)
    (record / "inbox" / "pipe").unlink()
    assert "empty is a folder that no run makes" in "\n".join(audit(record).problems)


@pytest.mark.parametrize("name", ["journal.jsonl", "journal.jsonl.sig", "frozen/drx.yaml", "report.md"])
@pytest.mark.timeout(60)
def test_a_pipe_in_the_place_of_a_file_holds_nobody_up(record: Path, name: str) -> None:
    (record / name).unlink(missing_ok=True)
    os.mkfifo(record / name)
    assert f"{name} is no plain file" in "\n".join(audit(record).problems)


def test_the_record_of_another_run_is_none_of_this_one(record: Path, tmp_path: Path) -> None:
    """A failed drill is not passed by putting a passed one's record into its folder."""
    failed = tmp_path / "2026-11-27T0800Z-story-bad0"
    shutil.copytree(record, failed)

    (problem,) = audit(failed).problems

    assert f"is the journal of {record.name}" in problem


@pytest.mark.parametrize("text", ["scribble", '{"user": "eve"}', "[]", "{" * 5000])
def test_a_lock_that_drx_did_not_write_is_named(record: Path, text: str) -> None:
    (record / "journal.lock").write_text(text)
    assert "journal.lock was changed" in "\n".join(audit(record).problems)


def test_of_a_run_that_goes_on_nothing_is_called_strange(record: Path) -> None:
    lines = (record / "journal.jsonl").read_bytes().splitlines(keepends=True)
    (record / "journal.jsonl").write_bytes(b"".join(lines[:3]))

    (problem,) = audit(record).problems

    assert "the run has not finished, so nothing seals its record yet" in problem


def test_what_nobody_has_read_counts_for_nothing_and_is_said(record: Path) -> None:
    waiting = place(record, NoteAdded("look at this"))
    refused = record / "inbox" / "refused" / "scribble"
    refused.parent.mkdir(exist_ok=True)
    refused.write_text("x")

    found = audit(record)

    assert found.intact
    said = "\n".join(found.held)
    assert f"no evidence: inbox/{waiting.name}, which no run has read" in said
    assert "inbox/refused/scribble, which the run refused" in said


def test_a_frozen_file_that_only_the_seal_knows_is_held_against_it(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    extra = record / "frozen" / "extra"
    extra.write_text("one")
    recorded = read_recorded(record / JOURNAL)
    *before, last = recorded.events
    sealed = replace(recorded, events=(*before, replace(last, fact=ReportWritten(hash_files(record)))))
    monkeypatch.setattr("drx.runner.audit.read_recorded", lambda path: sealed)
    extra.write_text("two")

    assert "extra was changed after" in "\n".join(audit(record).problems)


def test_an_archive_is_the_same_from_wherever_it_is_made(record: Path, tmp_path: Path) -> None:
    made = []
    for number, (zone, umask, cwd, run) in enumerate(
        (
            ("UTC", "022", tmp_path, str(record)),
            ("Asia/Kathmandu", "077", record, "./"),
            ("America/St_Johns", "000", record.parent, f"./{record.name}"),
        )
    ):
        archive = tmp_path / f"{number}.tar.gz"
        drx = Path(sys.executable).with_name("drx")
        command = f'umask {umask}; exec "{drx}" export "$1" "$2"'
        subprocess.run(
            ["sh", "-c", command, "sh", run, str(archive)],
            cwd=cwd, env={**os.environ, "TZ": zone}, check=True, capture_output=True,
        )  # fmt: skip
        made.append(archive.read_bytes())
        os.utime(record / "report.md", (number, number))

    assert len(set(made)) == 1
    with tarfile.open(tmp_path / "0.tar.gz") as tar:
        tar.extractall(tmp_path / "auditor", filter="data")
    (taken_out,) = (tmp_path / "auditor").iterdir()
    assert taken_out.name == record.name
    assert audit(taken_out).intact


@pytest.mark.slow
def test_any_changed_byte_of_an_archive_is_found(record: Path, tmp_path: Path) -> None:
    """Also one that inflates to the same bytes as before."""
    archive = tmp_path / "evidence.tar.gz"
    pack(record, archive)
    whole = archive.read_bytes()
    flipped = (whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :] for at in range(len(whole)))
    removed = (whole[:at] + whole[at + 1 :] for at in range(0, len(whole), 7))
    doubled = (whole[:at] + whole[at : at + 1] + whole[at:] for at in range(0, len(whole), 7))
    cut = (whole[:at] for at in range(0, len(whole), 101))
    commented = whole[:3] + b"\x14" + whole[4:48] + b"all was well\0" + whole[48:]
    again = zlib.compress(gzip.decompress(whole), level=1, wbits=31)

    for content in (
        *flipped, *removed, *doubled, *cut, commented, again, whole[:-1], whole + b"\0", whole + b"more", whole + whole
    ):  # fmt: skip
        if content == whole:
            continue  # of two equal bytes one was removed, or doubled
        archive.write_bytes(content)
        with pytest.raises(DrxError, match="archive"), unpacked(archive):
            pass


def test_a_bit_that_inflates_to_the_same_bytes_is_found(record: Path, tmp_path: Path) -> None:
    """As where the last block of what is compressed says that it was padded otherwise."""
    archive = tmp_path / "evidence.tar.gz"
    pack(record, archive)
    whole = archive.read_bytes()
    plain = gzip.decompress(whole)
    alike = [
        changed
        for at in range(48, len(whole))
        for bit in range(8)
        if _inflates_to(changed := whole[:at] + bytes([whole[at] ^ 1 << bit]) + whole[at + 1 :]) == plain
    ]
    assert alike, "no bit of this one can change unseen: the test shows nothing"

    for content in alike:
        archive.write_bytes(content)
        with pytest.raises(DrxError, match="not those that were written"), unpacked(archive):
            pass


def _inflates_to(content: bytes) -> bytes | None:
    inflate = zlib.decompressobj(wbits=31)
    try:
        found = inflate.decompress(content)
    except zlib.error:
        return None
    return found if inflate.eof and not inflate.unused_data else None


def test_stock_tools_read_an_archive(record: Path, tmp_path: Path) -> None:
    archive = tmp_path / "evidence.tar.gz"
    pack(record, archive)

    subprocess.run(["gzip", "--test", archive], check=True)
    subprocess.run(["tar", "-xzf", archive, "-C", tmp_path], check=True)
    taken_out = tmp_path / record.name

    assert {path.name: path.read_bytes() for path in _files(taken_out)} == {
        path.name: path.read_bytes() for path in _files(record) if path.name != "journal.lock"
    }


def test_what_lies_in_an_archive_beside_the_record_is_named(record: Path, tmp_path: Path) -> None:
    archive, more = tmp_path / "evidence.tar.gz", tmp_path / "more.tar"
    pack(record, archive)
    plain = gzip.decompress(archive.read_bytes())
    more.write_bytes(plain)
    (tmp_path / "letter").write_text("and besides")
    with tarfile.open(more, "a") as tar:
        tar.add(tmp_path / "letter", "letter")

    for content, said in ((more.read_bytes(), "also holds letter"), (plain + b"more", "between its files")):
        archive.write_bytes(zipped(content))
        with pytest.raises(DrxError, match=said), unpacked(archive):
            pass


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_an_archive_of_anything_but_files_is_not_unpacked(record: Path, tmp_path: Path, kind: bytes) -> None:
    archive, more = tmp_path / "evidence.tar.gz", tmp_path / "more.tar"
    pack(record, archive)
    more.write_bytes(gzip.decompress(archive.read_bytes()))
    with tarfile.open(more, "a") as tar:
        header = tarfile.TarInfo(f"{record.name}/journal.jsonl.sig")
        header.type, header.linkname = kind, f"{record.name}/journal.jsonl"
        tar.addfile(header)
    archive.write_bytes(zipped(more.read_bytes()))

    with pytest.raises(DrxError, match="no plain file"), unpacked(archive):
        pass


def test_an_archive_that_was_made_to_fill_the_memory_is_refused(
    record: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "evidence.tar.gz"
    pack(record, archive)
    size = len(gzip.decompress(archive.read_bytes()))
    monkeypatch.setattr("drx.runner.archive._MOST_BYTES", size)
    with unpacked(archive) as found:
        assert audit(found).intact
    monkeypatch.setattr("drx.runner.archive._MOST_BYTES", size - 1)

    with pytest.raises(DrxError, match="it is larger than"), unpacked(archive):
        pass
    with pytest.raises(DrxError, match="Hand over its folder"):
        pack(record, archive)
